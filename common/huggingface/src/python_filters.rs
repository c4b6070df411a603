//! Jinja's filters, where the engine lacks them or counts otherwise than Python.

use crate::python_tuple::Tuple;
use crate::python_values::str_of;
use minijinja::value::{Kwargs, Rest, ValueKind};
use minijinja::{filters, Environment, Error, ErrorKind, Value};
use std::fmt::Write;

pub fn add_to(environment: &mut Environment<'static>) {
    environment.add_filter("round", round);
    environment.add_filter("wordcount", |text: &Value| words(&str_of(text)));
    environment.add_filter("urlencode", urlencode);
    environment.add_filter("items", items);
    environment.add_filter("dictsort", dictsort);
}

fn refuse(message: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.to_string())
}

/// As Python's `round`: halves go to the even neighbour, of the number's exact value.
fn rounded(number: f64, precision: i32) -> f64 {
    if precision < 0 {
        let scale = 10f64.powi(-precision);
        return if scale.is_finite() { (number / scale).round_ties_even() * scale } else { 0.0 * number };
    }
    // No double has more than 1074 digits behind the point.
    format!("{number:.*}", precision.min(1074) as usize).parse().unwrap_or(number)
}

fn round(value: Value, precision: Option<i32>, method: Option<&str>, named: Kwargs) -> Result<Value, Error> {
    let precision = precision.map_or_else(|| named.get("precision"), |given| Ok(Some(given)))?.unwrap_or(0);
    let method = method.map_or_else(|| named.get("method"), |given| Ok(Some(given)))?.unwrap_or("common");
    named.assert_all_used()?;
    let number = match value.kind() {
        ValueKind::Number | ValueKind::Bool => f64::try_from(value.clone())?,
        kind => return Err(refuse(&format!("round: a value of type {kind} is no number"))),
    };
    let scale = 10f64.powi(precision);
    match method {
        "common" if value.is_integer() && precision >= 0 => Ok(value),
        "common" if value.is_integer() => Ok(Value::from(rounded(number, precision) as i64)),
        "common" => Ok(Value::from(rounded(number, precision))),
        "ceil" => Ok(Value::from((number * scale).ceil() / scale)),
        "floor" => Ok(Value::from((number * scale).floor() / scale)),
        _ => Err(refuse("round: method must be common, ceil or floor")),
    }
}

/// Runs of letters, digits and underscores.
fn words(text: &str) -> usize {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).count()
}

/// As `urllib.parse.quote`, and `quote_plus` for a part of a query.
fn quote(text: &str, of_query: bool, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => out.push(byte as char),
            b'/' if !of_query => out.push('/'),
            b' ' if of_query => out.push('+'),
            _ => write!(out, "%{byte:02X}").unwrap_or(()),
        }
    }
}

fn urlencode(value: Value) -> Result<String, Error> {
    let mut out = String::new();
    let pairs = match value.kind() {
        ValueKind::Map => items(value)?,
        ValueKind::Seq | ValueKind::Iterable => value,
        _ => {
            quote(&str_of(&value), false, &mut out);
            return Ok(out);
        }
    };
    for (i, pair) in pairs.try_iter()?.enumerate() {
        if pair.len() != Some(2) {
            return Err(refuse("urlencode: takes a text, a dict or pairs"));
        }
        out.push_str(if i > 0 { "&" } else { "" });
        quote(&str_of(&pair.get_item_by_index(0)?), true, &mut out);
        out.push('=');
        quote(&str_of(&pair.get_item_by_index(1)?), true, &mut out);
    }
    Ok(out)
}

/// The pairs of a dict.
pub fn items(value: Value) -> Result<Value, Error> {
    if value.is_undefined() {
        return Ok(Value::from(Vec::<Value>::new()));
    }
    if value.kind() != ValueKind::Map {
        return Err(refuse("items: takes a dict"));
    }
    let pair = |key: Value| {
        let of_key = value.get_item(&key)?;
        Ok(Tuple::value(vec![key, of_key]))
    };
    value.try_iter()?.map(pair).collect::<Result<Vec<_>, Error>>().map(Value::from)
}

/// As Jinja's `dictsort(case_sensitive=False, by='key', reverse=False)`.
fn dictsort(value: Value, given: Rest<Value>, named: Kwargs) -> Result<Value, Error> {
    let mut options: Vec<(&str, Value)> = Vec::new();
    for (i, name) in ["case_sensitive", "by", "reverse"].into_iter().enumerate() {
        let option = given.get(i).cloned().map_or_else(|| named.get::<Option<Value>>(name), |value| Ok(Some(value)))?;
        options.extend(option.map(|option| (name, option)));
    }
    named.assert_all_used()?;
    let sorted = filters::dictsort(&value, options.into_iter().collect())?;
    Ok(sorted.try_iter()?.map(|pair| Tuple::value(pair.try_iter().into_iter().flatten().collect())).collect())
}
