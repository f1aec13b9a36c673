//! Reads `PredictionsRequest`: a model, its version, and named bytes.

use bytes::Bytes;
use grps_core::{Content, Error, InputForm, RawBody, Route, quoted};

use crate::codec::proto::encode_within;
use crate::codec::proto::reader::{Reader, Wire};
use crate::codec::{Data, Fault, GrpsMessage, MapData, Room};
use crate::frontends::shared::inference::content::{of_file, read_by_converter};
use crate::frontends::shared::input;

/// Most entries of `input`, as many as a form over HTTP may have.
const MAX_ENTRIES: usize = 1000;
/// What an entry takes besides its name.
const ENTRY_BYTES: usize = 128;

/// A request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PredictionsRequest {
    pub(super) model: String,
    /// Its version; empty for the latest.
    pub(super) version: String,
    /// What the handler gets, by name. Of equal names the last one counts.
    pub(super) input: Vec<(String, Bytes)>,
}

impl PredictionsRequest {
    /// Decodes a request.
    ///
    /// # Errors
    /// `InvalidArgument` that names the place when it is malformed or has too many entries; those of
    /// the room.
    pub(super) fn decode(message: &Bytes, room: &Room<'_>) -> Result<Self, Error> {
        let mut read = Self::default();
        let mut reader = Reader::new(message);
        while let Some((field, wire)) = reader.tag()? {
            match (field, wire) {
                (1, Wire::Len) => read.model = text(&mut reader, "model_name", room)?,
                (2, Wire::Len) => read.version = text(&mut reader, "model_version", room)?,
                (3, Wire::Len) => {
                    if read.input.len() >= MAX_ENTRIES {
                        let fault = Fault::new(format!("more than {MAX_ENTRIES} entries"));
                        return Err(fault.in_field("input").into());
                    }
                    let (name, value) =
                        entry(message, reader.bytes()?).map_err(|fault| fault.in_field("input"))?;
                    room.take(name.len().saturating_add(ENTRY_BYTES))?;
                    read.input.push((name.to_owned(), value));
                }
                _ => reader.skip(field, wire)?,
            }
        }
        Ok(read)
    }

    /// The input of a route: named values where user code reads them, the only value where a
    /// converter reads a file or text.
    ///
    /// # Errors
    /// `InvalidArgument` when the model takes tensors, or one file and gets several; those of the
    /// room.
    pub(super) fn into_content(
        self,
        route: &Route,
        body_bytes: usize,
        room: &Room<'_>,
    ) -> Result<Content, Error> {
        if route.form() == InputForm::Tensors {
            return Err(Error::invalid(format!(
                "model {} takes tensors, not the named bytes of TorchServe: call \
                 inference.GRPCInferenceService/ModelInfer, or POST /predictions/MODEL with JSON",
                quoted(&self.model)
            )));
        }
        let message = match read_by_converter(route) {
            None | Some(RawBody::Http) => self.into_map(),
            Some(form) => of_file(form, self.only_value()?)?,
        };
        input::to_message(route, encode_within(&message, room)?, body_bytes, room)
    }

    fn into_map(self) -> GrpsMessage {
        let map = MapData { s_b: self.input, ..MapData::default() };
        GrpsMessage { data: Data::Map(Box::new(map)), ..GrpsMessage::default() }
    }

    fn only_value(&self) -> Result<&Bytes, Error> {
        match self.input.as_slice() {
            [(_, value)] => Ok(value),
            several => Err(Error::invalid(format!(
                "model {} reads one value, input has {}",
                quoted(&self.model),
                several.len()
            ))),
        }
    }
}

fn text(reader: &mut Reader<'_>, name: &str, room: &Room<'_>) -> Result<String, Error> {
    let text = reader.text().map_err(|fault| fault.in_field(name))?;
    room.take(text.len())?;
    Ok(text.to_owned())
}

/// Reads an entry of the map.
fn entry<'a>(message: &Bytes, bytes: &'a [u8]) -> Result<(&'a str, Bytes), Fault> {
    let (mut name, mut value, mut reader) = ("", Bytes::new(), Reader::new(bytes));
    while let Some((field, wire)) = reader.tag()? {
        match (field, wire) {
            (1, Wire::Len) => name = reader.text()?,
            (2, Wire::Len) => value = message.slice_ref(reader.bytes()?),
            _ => reader.skip(field, wire)?,
        }
    }
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use prost::Message as _;

    use super::*;

    #[derive(Clone, PartialEq, prost::Message)]
    struct Sent {
        #[prost(string, tag = "1")]
        model_name: String,
        #[prost(string, tag = "2")]
        model_version: String,
        #[prost(map = "string, bytes", tag = "3")]
        input: HashMap<String, Vec<u8>>,
        #[prost(string, tag = "4")]
        sequence: String,
    }

    fn read(sent: &Sent) -> Result<PredictionsRequest, Error> {
        PredictionsRequest::decode(&sent.encode_to_vec().into(), &Room::unlimited())
    }

    fn sent(entries: usize) -> Sent {
        let input = (0..entries).map(|number| (number.to_string(), vec![7])).collect();
        let (model_name, model_version) = ("m".to_owned(), "2".to_owned());
        Sent { model_name, model_version, input, sequence: "ignored".to_owned() }
    }

    #[test]
    fn a_request_is_read() {
        let (model, version) = ("m".to_owned(), "2".to_owned());
        let input = vec![("0".to_owned(), Bytes::from_static(&[7]))];
        assert_eq!(read(&sent(1)).unwrap(), PredictionsRequest { model, version, input });
    }

    #[test]
    fn the_number_of_entries_is_limited() {
        assert_eq!(read(&sent(MAX_ENTRIES)).unwrap().input.len(), MAX_ENTRIES);
        let refusal = read(&sent(MAX_ENTRIES + 1)).unwrap_err();
        assert_eq!(refusal.message(), "input: more than 1000 entries");
    }

    #[test]
    fn malformed_messages_name_their_place() {
        for (bytes, text) in [
            (&b"\x0a\x01\xff"[..], "model_name: "),
            (b"\x1a\x03\x0a\x01\xff", "input: "),
            (b"\x1a\x05\x0a", ""),
        ] {
            let message = Bytes::copy_from_slice(bytes);
            let refusal = PredictionsRequest::decode(&message, &Room::unlimited()).unwrap_err();
            assert!(refusal.message().starts_with(text), "{refusal}");
        }
    }
}
