//! Serialized `tf.Example` messages, which classify and regress send to a model with one input of
//! strings.

use std::sync::Arc;

use bytes::Bytes;
use grps_core::{DataType, Error, InputForm, Route, Tensor, Values, shown};

use crate::codec::Room;
use crate::codec::proto::encode::{write_bytes, write_length, write_varint};
use crate::codec::proto::size::{field_size, varint_size};
use crate::frontends::shared::inference::content::read_by_converter;
use crate::frontends::shared::inference::lookup;
use crate::frontends::shared::input::only_input;

/// What an example takes in a tensor besides its bytes.
const EXAMPLE_BYTES: usize = 128 + size_of::<Bytes>();

/// The values of a feature.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Feature {
    Bytes(Vec<Bytes>),
    Floats(Vec<f32>),
    Integers(Vec<i64>),
}

/// The name of the input for serialized examples.
///
/// # Errors
/// `InvalidArgument` for a model that takes something else.
pub(crate) fn input_name(route: &Route) -> Result<Arc<str>, Error> {
    let takes_tensors = route.form() == InputForm::Tensors && read_by_converter(route).is_none();
    let input = only_input(route).filter(|input| input.dtype == Some(DataType::String));
    let fits = input.filter(|input| input.shape.as_ref().is_none_or(|shape| shape.len() == 1));
    match fits.filter(|_| takes_tensors) {
        Some(input) => Ok(Arc::clone(&input.name)),
        None => Err(Error::invalid(format!(
            "model {} does not take serialized tf.Example messages: classify and regress need a model \
             with one input, a list of strings; use predict",
            shown(lookup::name_of(route))
        ))),
    }
}

/// The input with these examples. `context` is what all of them have in common; their own features come
/// first.
///
/// # Errors
/// `InvalidArgument` without an example; those of the room.
pub(crate) fn to_input(
    name: Arc<str>,
    mut examples: Vec<Bytes>,
    context: &[u8],
    room: &Room<'_>,
) -> Result<Tensor, Error> {
    if examples.is_empty() {
        return Err(Error::invalid("the request has no examples: send at least one"));
    }
    room.take(examples.len().saturating_mul(EXAMPLE_BYTES))?;
    if !context.is_empty() {
        for example in &mut examples {
            room.take(context.len().saturating_add(example.len()))?;
            // Messages behind each other are one message, in which the later of two values counts.
            *example = [context, example].concat().into();
        }
    }
    Tensor::new(name, vec![examples.len()], Values::String(examples))
}

/// Serializes an example.
pub(crate) fn serialize(features: &[(String, Feature)]) -> Vec<u8> {
    let mut entries = Vec::new();
    for (name, feature) in features {
        let value = feature.serialize();
        write_length(&mut entries, 1, field_size(name.len()) + field_size(value.len()));
        write_bytes(&mut entries, 1, name.as_bytes());
        write_bytes(&mut entries, 2, &value);
    }
    let mut example = Vec::with_capacity(entries.len() + 8);
    write_bytes(&mut example, 1, &entries);
    example
}

impl Feature {
    /// A `Feature` message: a list in the field of its kind.
    fn serialize(&self) -> Vec<u8> {
        let (field, mut list) = (self.field(), Vec::new());
        match self {
            Self::Bytes(values) => values.iter().for_each(|value| write_bytes(&mut list, 1, value)),
            Self::Floats(values) => {
                write_length(&mut list, 1, size_of_val(values.as_slice()));
                values.iter().for_each(|value| list.extend(value.to_le_bytes()));
            }
            Self::Integers(values) => {
                let size = values.iter().map(|value| varint_size(*value as u64)).sum();
                write_length(&mut list, 1, size);
                values.iter().for_each(|value| write_varint(&mut list, *value as u64));
            }
        }
        let mut feature = Vec::with_capacity(list.len() + 8);
        write_bytes(&mut feature, field, &list);
        feature
    }

    fn field(&self) -> u32 {
        match self {
            Self::Bytes(_) => 1,
            Self::Floats(_) => 2,
            Self::Integers(_) => 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use grps_core::Elements;

    use super::*;

    #[test]
    fn features_are_serialized_by_kind() {
        let features = [
            ("b".to_owned(), Feature::Bytes(vec![Bytes::from_static(b"x")])),
            ("f".to_owned(), Feature::Floats(vec![1.0])),
            ("i".to_owned(), Feature::Integers(vec![1, -1])),
        ];
        let expected = b"\x0a\x30\
            \x0a\x0a\x0a\x01b\x12\x05\x0a\x03\x0a\x01x\
            \x0a\x0d\x0a\x01f\x12\x08\x12\x06\x0a\x04\0\0\x80\x3f\
            \x0a\x14\x0a\x01i\x12\x0f\x1a\x0d\x0a\x0b\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
        let mut expected = expected.to_vec();
        expected[1] = u8::try_from(expected.len() - 2).unwrap();
        assert_eq!(serialize(&features), expected);
    }

    #[test]
    fn a_context_is_put_before_each_example() {
        let examples = vec![Bytes::from_static(b"a"), Bytes::from_static(b"b")];
        let room = Room::unlimited();
        let alone = to_input("x".into(), examples.clone(), b"", &room).unwrap();
        assert_eq!(alone.elements(), Elements::String(&examples));
        let with_context = to_input("x".into(), examples, b"c", &room).unwrap();
        let expected = [Bytes::from_static(b"ca"), Bytes::from_static(b"cb")];
        assert_eq!(with_context.elements(), Elements::String(&expected));
        assert!(to_input("x".into(), Vec::new(), b"c", &room).is_err());
    }

    #[test]
    fn a_context_is_charged_for_each_example() {
        let full = |_| Err(Error::invalid("full"));
        let room = Room::of_body(1 << 20, &full);
        let error = to_input("x".into(), vec![Bytes::new(); 64], &[0; 1 << 20], &room).unwrap_err();
        assert_eq!(error.message(), "full");
    }
}
