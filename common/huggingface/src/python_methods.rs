//! Python's methods of strings, lists and dicts, where the engine lacks them or takes bytes for characters.

use crate::python_tuple::Tuple;
use crate::{python_filters, python_padding};
use minijinja::value::{from_args, Kwargs, Rest, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, Value};

pub fn add_to(environment: &mut Environment<'static>) {
    environment.set_unknown_method_callback(method);
    environment.add_filter("trim", |text: String, chars: Option<String>| {
        strip(&text, chars.as_deref(), true, true).to_string()
    });
}

/// As Python's `str.isspace` of one character.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

fn strip<'a>(text: &'a str, chars: Option<&str>, left: bool, right: bool) -> &'a str {
    let is_of = |c: char| chars.map_or(is_space(c), |chars| chars.contains(c));
    let text = if left { text.trim_start_matches(is_of) } else { text };
    if right { text.trim_end_matches(is_of) } else { text }
}

fn refuse(message: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.to_string())
}

/// The argument at `index`, else the one called `name`.
fn argument(args: &[Value], named: &Kwargs, index: usize, name: &str) -> Result<Option<Value>, Error> {
    let value = match args.get(index) {
        Some(value) => Some(value.clone()),
        None => named.get(name)?,
    };
    Ok(value.filter(|value| !value.is_none()))
}

/// At most `max` splits at white space, from the right when `from_right`; the rest keeps its inner spaces.
fn split_at_spaces(text: &str, max: usize, from_right: bool) -> Vec<&str> {
    let (mut parts, mut rest) = (Vec::new(), strip(text, None, !from_right, from_right));
    while !rest.is_empty() {
        let at = if from_right { rest.rfind(is_space) } else { rest.find(is_space) };
        let Some(at) = at.filter(|_| parts.len() < max) else { break };
        let wide = rest[at..].chars().next().map_or(1, char::len_utf8);
        let (left, right) = (&rest[..at], &rest[at + wide..]);
        parts.push(if from_right { right } else { left });
        rest = if from_right { strip(left, None, false, true) } else { strip(right, None, true, false) };
    }
    if !rest.is_empty() {
        parts.push(rest);
    }
    if from_right {
        parts.reverse();
    }
    parts
}

fn split(text: &str, args: &[Value], from_right: bool) -> Result<Value, Error> {
    let (args, named): (Rest<Value>, Kwargs) = from_args(args)?;
    let max = match argument(&args, &named, 1, "maxsplit")? {
        Some(max) => usize::try_from(i64::try_from(max)?).unwrap_or(usize::MAX),
        None => usize::MAX,
    };
    let separator = argument(&args, &named, 0, "sep")?;
    named.assert_all_used()?;
    let Some(separator) = separator else {
        return Ok(split_at_spaces(text, max, from_right).into_iter().map(Value::from).collect());
    };
    let separator = separator.as_str().ok_or_else(|| refuse("split: the separator is no string"))?;
    if separator.is_empty() {
        return Err(refuse("split: empty separator"));
    }
    let pieces = max.saturating_add(1);
    let mut parts: Vec<&str> = if from_right {
        text.rsplitn(pieces, separator).collect()
    } else {
        text.splitn(pieces, separator).collect()
    };
    if from_right {
        parts.reverse();
    }
    Ok(parts.into_iter().map(Value::from).collect())
}

fn splitlines(text: &str, args: &[Value]) -> Result<Value, Error> {
    let (args, named): (Rest<Value>, Kwargs) = from_args(args)?;
    let keep = argument(&args, &named, 0, "keepends")?.is_some_and(|keep| keep.is_true());
    let is_end = |c: char| {
        matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}')
    };
    let (mut lines, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.find(is_end) {
        let wide = if rest[at..].starts_with("\r\n") { 2 } else { rest[at..].chars().next().map_or(1, char::len_utf8) };
        lines.push(&rest[..if keep { at + wide } else { at }]);
        rest = &rest[at + wide..];
    }
    if !rest.is_empty() {
        lines.push(rest);
    }
    Ok(lines.into_iter().map(Value::from).collect())
}

/// Where `what` is, in characters; none when it is not there.
fn find(text: &str, args: &[Value], from_right: bool) -> Result<Option<usize>, Error> {
    let (what,): (&str,) = from_args(args)?;
    let at = if from_right { text.rfind(what) } else { text.find(what) };
    Ok(at.map(|at| text[..at].chars().count()))
}

fn partition(text: &str, args: &[Value], from_right: bool) -> Result<Value, Error> {
    let (separator,): (&str,) = from_args(args)?;
    if separator.is_empty() {
        return Err(refuse("partition: empty separator"));
    }
    let parts = if from_right { text.rsplit_once(separator) } else { text.split_once(separator) };
    let parts = match parts {
        Some((left, right)) => [left, separator, right],
        None if from_right => ["", "", text],
        None => [text, "", ""],
    };
    Ok(Tuple::value(parts.into_iter().map(Value::from).collect()))
}

/// As Python's `isalpha` and its like, of which an empty string is none.
fn all(text: &str, is: impl Fn(char) -> bool) -> Result<Value, Error> {
    Ok(Value::from(!text.is_empty() && text.chars().all(is)))
}

/// Strings of letters of one case alone, among others without case.
fn is_cased(text: &str, is: impl Fn(char) -> bool, is_other: impl Fn(char) -> bool) -> Result<Value, Error> {
    Ok(Value::from(text.chars().any(is) && !text.chars().any(is_other)))
}

fn string_method(text: &str, name: &str, args: &[Value]) -> Option<Result<Value, Error>> {
    let stripped = |left, right| {
        let (chars,): (Option<&str>,) = from_args(args)?;
        Ok(Value::from(strip(text, chars, left, right)))
    };
    let at = |from_right| Ok(Value::from(find(text, args, from_right)?.map_or(-1, |at| at as i64)));
    let index = |from_right| find(text, args, from_right)?.map(Value::from).ok_or_else(|| refuse("substring not found"));
    let without = |suffix: bool| {
        let (what,): (&str,) = from_args(args)?;
        let rest = if suffix { text.strip_suffix(what) } else { text.strip_prefix(what) };
        Ok(Value::from(rest.unwrap_or(text)))
    };
    let count = || {
        let (what,): (&str,) = from_args(args)?;
        Ok(Value::from(text.matches(what).count()))
    };
    Some(match name {
        "strip" => stripped(true, true),
        "lstrip" => stripped(true, false),
        "rstrip" => stripped(false, true),
        "split" => split(text, args, false),
        "rsplit" => split(text, args, true),
        "splitlines" => splitlines(text, args),
        "find" => at(false),
        "rfind" => at(true),
        "index" => index(false),
        "rindex" => index(true),
        "partition" => partition(text, args, false),
        "rpartition" => partition(text, args, true),
        "removeprefix" => without(false),
        "removesuffix" => without(true),
        "count" => count(),
        "isspace" => all(text, is_space),
        "isalpha" => all(text, char::is_alphabetic),
        "isalnum" => all(text, char::is_alphanumeric),
        "isdigit" | "isnumeric" | "isdecimal" => all(text, char::is_numeric),
        "islower" => is_cased(text, char::is_lowercase, char::is_uppercase),
        "isupper" => is_cased(text, char::is_uppercase, char::is_lowercase),
        _ => return python_padding::method(text, name, args),
    })
}

fn dict_method(dict: &Value, name: &str, args: &[Value]) -> Option<Result<Value, Error>> {
    (name == "items" && args.is_empty()).then(|| python_filters::items(dict.clone()))
}

fn list_method(list: &Value, name: &str, args: &[Value]) -> Option<Result<Value, Error>> {
    let index = || {
        let (what,): (&Value,) = from_args(args)?;
        let at = list.try_iter()?.position(|item| item == *what);
        at.map(Value::from).ok_or_else(|| refuse("the value is not in the list"))
    };
    (name == "index").then(index)
}

fn method(state: &State, value: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    let ours = match (value.as_str(), value.kind()) {
        (Some(text), _) => string_method(text, name, args),
        (None, ValueKind::Seq) => list_method(value, name, args),
        (None, ValueKind::Map) => dict_method(value, name, args),
        _ => None,
    };
    ours.unwrap_or_else(|| minijinja_contrib::pycompat::unknown_method_callback(state, value, name, args))
}
