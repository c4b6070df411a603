//! Values written as Python writes them: `str`, `repr` and `json.dumps`.

use crate::python_tuple::Tuple;
use minijinja::value::{Kwargs, Rest, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Value};
use std::fmt::Write;

pub fn add_to(environment: &mut Environment<'static>) {
    environment.set_formatter(|out, _, value| match value.as_str() {
        Some(text) => out.write_str(text).map_err(Error::from),
        None => out.write_str(&str_of(value)).map_err(Error::from),
    });
    environment.add_filter("tojson", tojson);
    environment.add_filter("string", |value: Value| str_of(&value));
    environment.add_test("sequence", |value: &Value| {
        matches!(value.kind(), ValueKind::String | ValueKind::Seq | ValueKind::Map)
    });
    environment.add_test("iterable", |value: &Value| !value.is_none() && value.try_iter().is_ok());
    environment.add_filter("length", length);
    environment.add_filter("count", length);
}

fn length(value: Value) -> Result<usize, Error> {
    if value.is_undefined() {
        return Ok(0);
    }
    value.len().ok_or_else(|| {
        Error::new(ErrorKind::InvalidOperation, format!("a value of type {} has no length", value.kind()))
    })
}

/// The shortest digits that read back as `number`, as Python's `repr` places them.
fn float(number: f64) -> String {
    if number.is_nan() || number.is_infinite() {
        return if number.is_nan() { "nan" } else if number > 0.0 { "inf" } else { "-inf" }.to_string();
    }
    let written = format!("{number:e}");
    let (digits, exponent) = written.split_once('e').unwrap_or((&written, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        return format!("{number:?}");
    }
    format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

fn number(value: &Value) -> String {
    match f64::try_from(value.clone()) {
        Ok(number) if !value.is_integer() => float(number),
        _ => value.to_string(),
    }
}

/// Characters that `repr` writes as numbers; of those without a picture, the ones that texts do hold.
fn is_hidden(c: char) -> bool {
    (c.is_whitespace() && c != ' ')
        || c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

/// As `repr(text)`.
fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut written = String::from(quote);
    for c in text.chars() {
        match c {
            '\\' => written.push_str("\\\\"),
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' => written.push_str("\\t"),
            c if c == quote => written.extend(['\\', c]),
            c if is_hidden(c) && c as u32 > 0xff => written.push_str(&format!("\\u{:04x}", c as u32)),
            c if is_hidden(c) => written.push_str(&format!("\\x{:02x}", c as u32)),
            _ => written.push(c),
        }
    }
    written.push(quote);
    written
}

fn repr(value: &Value) -> String {
    let items = || value.try_iter().into_iter().flatten();
    match value.kind() {
        ValueKind::String => quoted(value.as_str().unwrap_or_default()),
        ValueKind::Number => number(value),
        ValueKind::Seq if Tuple::is(value) => {
            let written = items().map(|item| repr(&item)).collect::<Vec<_>>();
            format!("({}{})", written.join(", "), if written.len() == 1 { "," } else { "" })
        }
        ValueKind::Seq | ValueKind::Iterable => {
            format!("[{}]", items().map(|item| repr(&item)).collect::<Vec<_>>().join(", "))
        }
        ValueKind::Map => {
            let pair = |key: Value| {
                format!("{}: {}", repr(&key), repr(&value.get_item(&key).unwrap_or_default()))
            };
            format!("{{{}}}", items().map(pair).collect::<Vec<_>>().join(", "))
        }
        _ => value.to_string(),
    }
}

/// As `str(value)`.
pub fn str_of(value: &Value) -> String {
    value.as_str().map_or_else(|| repr(value), str::to_string)
}

/// How `json.dumps` is to write.
struct Style {
    ascii: bool,
    sorted: bool,
    indent: Option<String>,
    item: String,
    key: String,
}

impl Style {
    fn text(&self, text: &str, out: &mut String) {
        out.push('"');
        for c in text.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                c if c < ' ' || (self.ascii && c > '~') => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        let _ = write!(out, "\\u{unit:04x}");
                    }
                }
                c => out.push(c),
            }
        }
        out.push('"');
    }

    fn line(&self, depth: usize, out: &mut String) {
        if let Some(indent) = &self.indent {
            out.push('\n');
            out.push_str(&indent.repeat(depth));
        }
    }

    /// The members between two brackets, each written by `member`.
    fn group<T>(
        &self,
        (brackets, depth): (&str, usize),
        members: Vec<T>,
        out: &mut String,
        mut member: impl FnMut(&T, &mut String) -> Result<(), Error>,
    ) -> Result<(), Error> {
        out.push_str(&brackets[..1]);
        for (i, value) in members.iter().enumerate() {
            out.push_str(if i > 0 { &self.item } else { "" });
            self.line(depth + 1, out);
            member(value, out)?;
        }
        if !members.is_empty() {
            self.line(depth, out);
        }
        out.push_str(&brackets[1..]);
        Ok(())
    }

    fn key(&self, key: &Value, out: &mut String) -> Result<(), Error> {
        match key.kind() {
            ValueKind::String => self.text(key.as_str().unwrap_or_default(), out),
            ValueKind::Number | ValueKind::Bool | ValueKind::None => {
                let mut written = String::new();
                self.value(key, 0, &mut written)?;
                self.text(&written, out);
            }
            _ => return Err(Error::new(ErrorKind::InvalidOperation, "tojson: a key is no text")),
        }
        out.push_str(&self.key);
        Ok(())
    }

    fn value(&self, value: &Value, depth: usize, out: &mut String) -> Result<(), Error> {
        match value.kind() {
            ValueKind::None => out.push_str("null"),
            ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => out.push_str(&match number(value).as_str() {
                "nan" => "NaN".to_string(),
                "inf" => "Infinity".to_string(),
                "-inf" => "-Infinity".to_string(),
                written => written.to_string(),
            }),
            ValueKind::String => self.text(value.as_str().unwrap_or_default(), out),
            ValueKind::Seq => {
                let items = value.try_iter()?.collect();
                self.group(("[]", depth), items, out, |item, out| self.value(item, depth + 1, out))?;
            }
            ValueKind::Map => {
                let mut keys: Vec<Value> = value.try_iter()?.collect();
                if self.sorted {
                    keys.sort();
                }
                self.group(("{}", depth), keys, out, |key, out| {
                    self.key(key, out)?;
                    self.value(&value.get_item(key)?, depth + 1, out)
                })?;
            }
            kind => {
                let message = format!("tojson: a value of type {kind} has no JSON");
                return Err(Error::new(ErrorKind::InvalidOperation, message));
            }
        }
        Ok(())
    }
}

/// As transformers' `tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False)`.
fn tojson(value: Value, given: Rest<Value>, named: Kwargs) -> Result<String, Error> {
    let argument = |index: usize, name: &str| -> Result<Value, Error> {
        match given.get(index) {
            Some(value) => Ok(value.clone()),
            None => Ok(named.get::<Option<Value>>(name)?.unwrap_or_default()),
        }
    };
    let (ascii, indent) = (argument(0, "ensure_ascii")?, argument(1, "indent")?);
    let (separators, sorted) = (argument(2, "separators")?, argument(3, "sort_keys")?);
    named.assert_all_used()?;
    let indent = match indent.kind() {
        ValueKind::Undefined | ValueKind::None => None,
        ValueKind::String => indent.as_str().map(str::to_string),
        ValueKind::Bool => Some(" ".repeat(indent.is_true().into())),
        _ => Some(" ".repeat(i64::try_from(indent)?.max(0) as usize)),
    };
    let mut pair = separators.try_iter()?.map(|text| str_of(&text));
    let item = pair.next().unwrap_or(if indent.is_some() { "," } else { ", " }.to_string());
    let key = pair.next().unwrap_or(": ".to_string());
    let mut written = String::new();
    let style = Style { ascii: ascii.is_true(), sorted: sorted.is_true(), indent, item, key };
    style.value(&value, 0, &mut written)?;
    Ok(written)
}
