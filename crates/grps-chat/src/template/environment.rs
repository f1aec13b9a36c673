//! The environment that templates of language models are written for.
//!
//! It is that of `transformers`: blocks are trimmed, loops have controls, and there are `tojson`,
//! `raise_exception` and `strftime_now`. Templates can't load others, so they read no files.
//!
//! `tests/chat_templates/differences.txt` has the known differences from `jinja2`. Fuel limits the steps of
//! a template, but some operations of `minijinja` take none: see `template_thread`. Memory is not
//! bounded: a list that is added to itself again and again, or that is printed by `~` after it was
//! put into itself twice and twice again, exhausts it. So a template is trusted as its model is.

use std::fmt::Write as _;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Rest, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, Value};

use super::python_filters::add_python_filters;
use super::python_json::{Style, to_json};
use super::python_methods::call_python_method;
use super::python_text::python_text;

/// Nested calls of macros and nested blocks.
const RECURSION_LIMIT: usize = 100;

/// What a template says to `raise_exception`.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refusal(pub(crate) String);

/// Builds the environment without a template.
pub(crate) fn new_environment() -> Environment<'static> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    if let Ok(syntax) = syntax {
        environment.set_syntax(syntax);
    }
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_recursion_limit(RECURSION_LIMIT);
    environment.set_debug(false);
    environment.set_unknown_method_callback(call_python_method);
    environment.set_formatter(write_value);
    add_python_filters(&mut environment);
    environment.add_filter("tojson", tojson);
    environment.add_function("raise_exception", raise_exception);
    environment.add_function("strftime_now", strftime_now);
    environment.add_function("cycler", cycler);
    environment.add_function("joiner", minijinja_contrib::globals::joiner);
    environment
}

/// Writes the value of an expression.
fn write_value(output: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    match value.as_str() {
        Some(text) => output.write_str(text)?,
        None => output.write_str(&python_text(state, value)?)?,
    }
    Ok(())
}

fn cycler(items: Rest<Value>) -> Result<Value, Error> {
    if items.is_empty() {
        return Err(Error::new(ErrorKind::MissingArgument, "cycler needs items"));
    }
    minijinja_contrib::globals::cycler(items.0)
}

fn raise_exception(state: &State, positional: Rest<Value>, named: Kwargs) -> Result<Value, Error> {
    let message = match positional.as_slice() {
        [message] => message.clone(),
        [] => named.get("message")?,
        _ => return Err(ErrorKind::TooManyArguments.into()),
    };
    named.assert_all_used()?;
    let refusal = Refusal(python_text(state, &message)?);
    Err(Error::new(ErrorKind::InvalidOperation, "raise_exception").with_source(refusal))
}

fn strftime_now(format: &str) -> Result<String, Error> {
    let mut text = String::new();
    write!(text, "{}", chrono::Local::now().format(format)).map_err(|_| {
        Error::new(ErrorKind::InvalidOperation, format!("strftime_now: no valid format: {format}"))
    })?;
    Ok(text)
}

/// Arguments by position: `ensure_ascii`, `indent`, `separators`, `sort_keys`.
fn tojson(
    state: &State,
    value: &Value,
    positional: Rest<Value>,
    named: Kwargs,
) -> Result<String, Error> {
    if positional.len() > 4 {
        return Err(Error::new(ErrorKind::TooManyArguments, "tojson takes 4 arguments"));
    }
    let [ascii_only, indent, separators, sorted] =
        [0, 1, 2, 3].map(|place| positional.get(place).cloned());
    let argument = |positional: Option<Value>, name| -> Result<Option<Value>, Error> {
        let value = positional.map_or_else(|| named.get::<Option<Value>>(name), |v| Ok(Some(v)))?;
        Ok(value.filter(|value| !value.is_none()))
    };
    let indent = argument(indent, "indent")?.map(|indent| indentation(&indent)).transpose()?;
    let default = || (if indent.is_some() { "," } else { ", " }.to_owned(), ": ".to_owned());
    let (item_separator, key_separator) = match argument(separators, "separators")? {
        Some(pair) => pair_of_texts(&pair)?,
        None => default(),
    };
    let style = Style {
        ascii_only: argument(ascii_only, "ensure_ascii")?.is_some_and(|value| value.is_true()),
        sorted: argument(sorted, "sort_keys")?.is_some_and(|value| value.is_true()),
        indent,
        item_separator,
        key_separator,
    };
    named.assert_all_used()?;
    to_json(state, value, &style)
}

fn indentation(indent: &Value) -> Result<String, Error> {
    match (indent.as_str(), indent.as_i64()) {
        (Some(text), _) if text.len() <= 16 => Ok(text.to_owned()),
        (None, Some(spaces)) if spaces <= 16 => {
            Ok(" ".repeat(usize::try_from(spaces).unwrap_or(0)))
        }
        _ => Err(Error::new(ErrorKind::InvalidOperation, "tojson: indent is at most 16 spaces")),
    }
}

fn pair_of_texts(pair: &Value) -> Result<(String, String), Error> {
    let texts: Vec<Value> = match pair.kind() {
        ValueKind::Seq | ValueKind::Iterable => pair.try_iter()?.take(3).collect(),
        _ => Vec::new(),
    };
    match texts.as_slice() {
        [item, key] if item.as_str().is_some() && key.as_str().is_some() => {
            Ok((item.to_string(), key.to_string()))
        }
        _ => Err(Error::new(ErrorKind::InvalidOperation, "tojson: separators are two texts")),
    }
}
