//! Compares outputs of any kind.

use std::borrow::Cow;

use crate::compare::comparison::{Comparison, Mismatch};
use crate::compare::place::Place;
use crate::compare::tensors::compare_tensors;
use crate::compare::tolerance::Tolerance;
use crate::request::content::{Content, ContentAdapter};
use crate::tensor::tensor::Tensor;

/// Compares an output with the expected one. Messages that carry tensors are decoded; what carries
/// something else must be equal byte by byte.
pub fn compare_contents(
    expected: &Content,
    actual: &Content,
    adapter: &dyn ContentAdapter,
    tolerance: Tolerance,
) -> Comparison {
    match (Form::of(expected, adapter), Form::of(actual, adapter)) {
        (Form::Tensors(expected), Form::Tensors(actual)) => {
            compare_tensors(&expected, &actual, tolerance)
        }
        (Form::Bytes(expected), Form::Bytes(actual)) => compare_bytes(expected, actual),
        (expected, actual) => {
            let (expected, actual) = (expected.name(), actual.name());
            let mut comparison = Comparison::default();
            comparison.add_mismatch(Mismatch::Kind { expected, actual });
            comparison
        }
    }
}

fn compare_bytes(expected: &[u8], actual: &[u8]) -> Comparison {
    Comparison::of_value((expected != actual).then(|| Place::of_bytes(expected, actual)))
}

/// What is compared with what.
enum Form<'a> {
    Tensors(Cow<'a, [Tensor]>),
    Bytes(&'a [u8]),
}

impl<'a> Form<'a> {
    fn of(content: &'a Content, adapter: &dyn ContentAdapter) -> Self {
        match content {
            Content::Tensors(tensors) => Self::Tensors(Cow::Borrowed(tensors)),
            Content::Message(message) => match adapter.to_tensors(message.clone()) {
                Ok(tensors) => Self::Tensors(Cow::Owned(tensors)),
                Err(_) => Self::Bytes(message),
            },
            Content::Raw(bytes) => Self::Bytes(bytes),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Tensors(_) => "tensors",
            Self::Bytes(_) => "bytes",
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::compare::comparison::Verdict;
    use crate::error::Error;
    use crate::tensor::values::Values;

    /// Takes bytes from `t` on as tensors of a number each.
    struct Adapter;

    impl ContentAdapter for Adapter {
        fn to_tensors(&self, message: Bytes) -> Result<Vec<Tensor>, Error> {
            let bytes = message.strip_prefix(b"t").ok_or_else(|| Error::invalid("no tensors"))?;
            let values = Values::Uint8(bytes.to_vec());
            Ok(vec![Tensor::new("x".into(), vec![bytes.len()], values)?])
        }

        fn to_message(&self, _: &[Tensor]) -> Result<Bytes, Error> {
            Ok(Bytes::new())
        }
    }

    fn compare(expected: &Content, actual: &Content) -> Comparison {
        compare_contents(expected, actual, &Adapter, Tolerance::new(1.0, 0.0).unwrap())
    }

    #[test]
    fn messages_of_tensors_are_compared_as_tensors() {
        let message = Content::Message(Bytes::from_static(b"tabc"));
        let close = Content::Message(Bytes::from_static(b"tabd"));
        assert_eq!(compare(&message, &close).verdict(), Verdict::WithinTolerance);
        let tensors = Content::Tensors(Adapter.to_tensors(Bytes::from_static(b"tabc")).unwrap());
        assert_eq!(compare(&message, &tensors).verdict(), Verdict::Equal);
    }

    #[test]
    fn other_contents_must_be_equal() {
        let one = Content::Raw(Bytes::from_static(b"one"));
        let other = Content::Message(Bytes::from_static(b"onf"));
        assert_eq!(compare(&one, &one).verdict(), Verdict::Equal);
        let result = compare(&one, &other);
        assert_eq!((result.verdict(), result.elements), (Verdict::Different, 1));
        assert_eq!(result.first.map(|place| place.index), Some(vec![2]));
        let tensors = Content::Message(Bytes::from_static(b"tabc"));
        let result = compare(&one, &tensors);
        assert_eq!(result.mismatches, [Mismatch::Kind { expected: "bytes", actual: "tensors" }]);
    }
}
