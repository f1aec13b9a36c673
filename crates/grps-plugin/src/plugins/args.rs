//! `inferer_args` of a model, as a plugin sees them.

use std::ffi::c_char;

use serde_json::Value;

use crate::plugins::abi::{Text, ValueView};

/// Arguments: their JSON text, and what it says.
#[derive(Clone, Debug)]
pub(crate) struct Args(Value);

impl Args {
    /// Arguments that are read already.
    pub(crate) fn new(value: Value) -> Self {
        Self(value)
    }

    /// Reads JSON; fails with one line.
    pub(crate) fn parse(json: &str) -> Result<Self, String> {
        serde_json::from_str(json).map(Self).map_err(|error| error.to_string())
    }

    /// The value at a JSON pointer, as a view into this one.
    pub(crate) fn view(&self, pointer: &str) -> ValueView {
        self.0.pointer(pointer).map_or(view(0), view_of)
    }
}

fn view(kind: i32) -> ValueView {
    let text: Text = std::ptr::null();
    let struct_size = size_of::<ValueView>() as u32;
    ValueView { struct_size, kind, integer: 0, number: 0.0, text, length: 0 }
}

/// A value with its number in `grps_kind`.
fn view_of(value: &Value) -> ValueView {
    match value {
        Value::Null => view(1),
        Value::Bool(is_true) => ValueView { integer: i64::from(*is_true), ..view(2) },
        Value::Number(number) => {
            let decimal = number.as_f64().unwrap_or(f64::NAN);
            match number.as_i64() {
                Some(integer) => ValueView { integer, number: decimal, ..view(3) },
                None => ValueView { number: decimal, ..view(4) },
            }
        }
        Value::String(text) => {
            let (text, length) = (text.as_ptr().cast::<c_char>(), text.len() as u64);
            ValueView { text, length, ..view(5) }
        }
        Value::Array(values) => ValueView { length: values.len() as u64, ..view(6) },
        Value::Object(entries) => ValueView { length: entries.len() as u64, ..view(7) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_pointers() {
        let json = r#"{"a": [1, -2.5, "text"], "b": {"c": true, "d": null}, "e": 1e300}"#;
        let args = Args::parse(json).unwrap();
        let kinds = ["", "/a", "/a/0", "/a/1", "/a/2", "/b/c", "/b/d", "/x", "/a/3", "a"];
        let kinds = kinds.map(|pointer| args.view(pointer).kind);
        assert_eq!(kinds, [7, 6, 3, 4, 5, 2, 1, 0, 0, 0]);
        let one = args.view("/a/0");
        assert_eq!((one.integer, one.number), (1, 1.0));
        assert_eq!((args.view("/a").length, args.view("/a/2").length), (3, 4));
        assert_eq!((args.view("/b/c").integer, args.view("/e").number), (1, 1e300));
        assert!(Args::parse("{").is_err());
    }
}
