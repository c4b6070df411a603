//! Python's methods that fill a text up to a width: `center`, `ljust`, `rjust` and `zfill`.

use minijinja::value::from_args;
use minijinja::{Environment, Error, ErrorKind, Value};

pub fn add_to(environment: &mut Environment<'static>) {
    environment.add_filter("center", |text: &Value, width: Option<i64>| {
        let text = text.as_str().map_or_else(|| crate::python_values::str_of(text), str::to_string);
        let missing = missing(&text, width.unwrap_or(80));
        around(&text, before_centre(&text, missing), missing, ' ')
    });
}

/// The characters that `text` lacks to be so wide.
fn missing(text: &str, width: i64) -> usize {
    usize::try_from(width).unwrap_or(0).saturating_sub(text.chars().count())
}

/// How much of what is missing stands before a text in the middle.
fn before_centre(text: &str, missing: usize) -> usize {
    missing / 2 + (missing & (text.chars().count() + missing) & 1)
}

fn around(text: &str, before: usize, missing: usize, fill: char) -> String {
    let fill = fill.to_string();
    [&fill.repeat(before), text, &fill.repeat(missing - before)].concat()
}

fn padded(text: &str, name: &str, args: &[Value]) -> Result<Value, Error> {
    let (width, fill): (i64, Option<&str>) = from_args(args)?;
    let mut fill = fill.unwrap_or(" ").chars();
    let (Some(fill), None) = (fill.next(), fill.next()) else {
        return Err(Error::new(ErrorKind::InvalidOperation, format!("{name}: the fill is not one character")));
    };
    let missing = missing(text, width);
    let before = match name {
        "ljust" => 0,
        "rjust" => missing,
        _ => before_centre(text, missing),
    };
    Ok(Value::from(around(text, before, missing, fill)))
}

/// Zeros between the sign, if any, and the rest.
fn zfill(text: &str, args: &[Value]) -> Result<Value, Error> {
    let (width,): (i64,) = from_args(args)?;
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = &text[..text.len() - digits.len()];
    Ok(Value::from([sign, &"0".repeat(missing(text, width)), digits].concat()))
}

pub fn method(text: &str, name: &str, args: &[Value]) -> Option<Result<Value, Error>> {
    match name {
        "center" | "ljust" | "rjust" => Some(padded(text, name, args)),
        "zfill" => Some(zfill(text, args)),
        _ => None,
    }
}
