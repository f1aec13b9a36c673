//! Reads `ClassificationRequest` and `RegressionRequest`, which have the same fields.

use bytes::Bytes;
use grps_core::Error;

use crate::codec::proto::reader::{Reader, Wire};
use crate::codec::{Fault, Room};
use crate::frontends::tfserving::grpc::codec::predict_request::merge_spec;
use crate::frontends::tfserving::grpc::messages::ModelSpec;

/// A request whose examples are left serialized, in the memory of the message.
#[derive(Debug, Default)]
pub(in crate::frontends::tfserving::grpc) struct Examples {
    pub(in crate::frontends::tfserving::grpc) spec: ModelSpec,
    pub(in crate::frontends::tfserving::grpc) examples: Vec<Bytes>,
    /// What all examples have in common; empty if nothing.
    pub(in crate::frontends::tfserving::grpc) context: Bytes,
}

impl Examples {
    /// Decodes a request.
    ///
    /// # Errors
    /// `InvalidArgument` that names the place when it is malformed; those of the room.
    pub(in crate::frontends::tfserving::grpc) fn decode(
        message: &Bytes,
        room: &Room<'_>,
    ) -> Result<Self, Error> {
        let mut read = Self::default();
        let mut reader = Reader::new(message);
        while let Some((field, wire)) = reader.tag()? {
            match (field, wire) {
                (1, Wire::Len) => merge_spec(&mut read.spec, reader.bytes()?, room)?,
                (2, Wire::Len) => {
                    let input = read.read_input(message, reader.bytes()?, room);
                    input.map_err(|fault| fault.in_field("input"))?;
                }
                _ => reader.skip(field, wire)?,
            }
        }
        Ok(read)
    }

    /// Reads an `Input`: a list of examples, or one with a context.
    fn read_input(&mut self, message: &Bytes, input: &[u8], room: &Room<'_>) -> Result<(), Fault> {
        let mut reader = Reader::new(input);
        while let Some((kind, wire)) = reader.tag()? {
            if !matches!((kind, wire), (1 | 2, Wire::Len)) {
                reader.skip(kind, wire)?;
                continue;
            }
            let mut list = Reader::new(reader.bytes()?);
            while let Some((field, wire)) = list.tag()? {
                match (field, wire) {
                    (1, Wire::Len) => {
                        room.grow(&mut self.examples, 1)?;
                        self.examples.push(message.slice_ref(list.bytes()?));
                    }
                    (2, Wire::Len) if kind == 2 => {
                        self.context = message.slice_ref(list.bytes()?);
                    }
                    _ => list.skip(field, wire)?,
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use grps_core::Cause;
    use proptest::prelude::*;
    use prost::Message;

    use super::*;
    use crate::frontends::tfserving::grpc::codec::test_messages::{
        ExampleList, ExamplesRequest, Input, ListWithContext,
    };

    fn examples(texts: &[&'static str]) -> Vec<Bytes> {
        texts.iter().map(|text| Bytes::from_static(text.as_bytes())).collect()
    }

    fn encoded(input: Input) -> Bytes {
        let model_spec = Some(ModelSpec { name: "m".to_owned(), ..ModelSpec::default() });
        ExamplesRequest { model_spec, input: Some(input) }.encode_to_vec().into()
    }

    #[test]
    fn examples_stay_in_the_message() {
        let list = ExampleList { examples: examples(&["ab", "", "c"]) };
        let message = encoded(Input { example_list: Some(list), ..Input::default() });
        let read = Examples::decode(&message, &Room::unlimited()).unwrap();
        assert_eq!((read.spec.name.as_str(), read.context.len()), ("m", 0));
        assert_eq!(read.examples, examples(&["ab", "", "c"]));
        assert!(message.as_ptr_range().contains(&read.examples[0].as_ptr()));
        let list = ListWithContext { examples: examples(&["a"]), context: examples(&["x"]).pop() };
        let message = encoded(Input { example_list_with_context: Some(list), ..Input::default() });
        let read = Examples::decode(&message, &Room::unlimited()).unwrap();
        assert_eq!((read.examples, &read.context[..]), (examples(&["a"]), &b"x"[..]));
    }

    #[test]
    fn many_empty_examples_are_charged() {
        let full = |_| Err(Error::new(Cause::QueueFull, "full"));
        let list = ExampleList { examples: vec![Bytes::new(); 100_000] };
        let message = encoded(Input { example_list: Some(list), ..Input::default() });
        let room = Room::of_body(message.len(), &full);
        assert_eq!(Examples::decode(&message, &room).unwrap_err().message(), "full");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Examples::decode(&Bytes::from(bytes), &Room::unlimited());
        }
    }
}
