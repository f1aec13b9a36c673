//! Reads `PredictRequest`.

use bytes::Bytes;
use grps_core::{Cause, Error, Tensor, quoted};
use prost::Message as _;

use crate::codec::proto::reader::{Reader, Wire};
use crate::codec::{Fault, MAX_TENSORS, Room};
use crate::frontends::shared::inference::unique_names::check_unique;
use crate::frontends::tfserving::grpc::codec::tensor_reader::TensorReader;
use crate::frontends::tfserving::grpc::messages::ModelSpec;

/// The field of `TensorProto` with elements as they lie in memory.
const TENSOR_CONTENT: u32 = 4;
/// Inputs of fewer bytes need no alignment: they are copied.
const SMALL_INPUT: usize = 4 << 10;
/// How many bytes of elements take as long as one of another field.
const ELEMENTS_SHARE: usize = 16;
/// What an input takes besides its name.
const TENSOR_BYTES: usize = 256;

/// A request.
#[derive(Debug, Default)]
pub(in crate::frontends::tfserving::grpc) struct PredictRequest {
    pub(in crate::frontends::tfserving::grpc) spec: ModelSpec,
    /// The inputs, with their names.
    pub(in crate::frontends::tfserving::grpc) inputs: Vec<Tensor>,
    /// The outputs to return; all when there is none.
    pub(in crate::frontends::tfserving::grpc) outputs: Vec<String>,
}

impl PredictRequest {
    /// Decodes a request.
    ///
    /// # Errors
    /// `InvalidArgument` that names the place when it is malformed or has too many parts; those of the
    /// room.
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
                    check_count("input", read.inputs.len())?;
                    read.inputs.push(read_input(message, reader.bytes()?, room)?);
                }
                (3, Wire::Len) => {
                    check_count("output", read.outputs.len())?;
                    let name = reader.text().map_err(|fault| fault.in_field("output_filter"))?;
                    room.take(name.len().saturating_add(TENSOR_BYTES))?;
                    read.outputs.push(name.to_owned());
                }
                _ => reader.skip(field, wire)?,
            }
        }
        check_unique("input", read.inputs.iter().map(Tensor::name))?;
        check_unique("output", read.outputs.iter().map(String::as_str))?;
        Ok(read)
    }
}

/// Merges an occurrence of a `ModelSpec`.
///
/// # Errors
/// `InvalidArgument` when it is malformed; those of the room.
pub(super) fn merge_spec(spec: &mut ModelSpec, bytes: &[u8], room: &Room<'_>) -> Result<(), Error> {
    room.take(bytes.len())?;
    let malformed = |error| Error::invalid(format!("model_spec: {error}"));
    spec.merge(bytes).map_err(malformed)
}

fn check_count(what: &str, count: usize) -> Result<(), Fault> {
    if count < MAX_TENSORS {
        return Ok(());
    }
    Err(Fault::new(format!("more than {MAX_TENSORS} {what}s")))
}

/// Reads an entry of the map of inputs.
fn read_input(message: &Bytes, entry: &[u8], room: &Room<'_>) -> Result<Tensor, Error> {
    let (mut name, mut tensor) = ("", TensorReader::default());
    let mut reader = Reader::new(entry);
    while let Some((field, wire)) = reader.tag()? {
        match (field, wire) {
            (1, Wire::Len) => name = reader.text().map_err(|fault| fault.in_field("inputs"))?,
            (2, Wire::Len) => {
                let part = reader.bytes()?;
                tensor.add(part).map_err(|fault| in_input(fault.into(), name))?;
            }
            _ => reader.skip(field, wire)?,
        }
    }
    room.take(name.len().saturating_add(TENSOR_BYTES))?;
    tensor.finish(name, (message, room)).map_err(|error| in_input(error, name))
}

fn in_input(error: Error, name: &str) -> Error {
    // Memory is a matter of the whole request.
    if error.cause() != Cause::InvalidArgument {
        return error;
    }
    Error::invalid(format!("input {}: {}", quoted(name), error.message()))
}

/// The cost of decoding a request, as bytes of JSON that could be decoded in the same time.
pub(in crate::frontends::tfserving::grpc) fn cost_of(message: &[u8]) -> usize {
    let (mut inputs, mut reader) = (0, Reader::new(message));
    while let Ok(Some((field, wire))) = reader.tag() {
        let read = match (field, wire) {
            (2, Wire::Len) => reader.bytes().map(|entry| inputs += content_bytes(entry)),
            _ => reader.skip(field, wire),
        };
        if read.is_err() {
            break;
        }
    }
    message.len() - inputs + inputs / ELEMENTS_SHARE
}

/// How many bytes of an entry are elements as they lie in memory.
fn content_bytes(entry: &[u8]) -> usize {
    let mut content = 0;
    let _ = each_field(entry, 2, |tensor| {
        each_field(tensor, TENSOR_CONTENT, |bytes| {
            content += bytes.len();
            Some(())
        })
    });
    content
}

/// Calls `visit` for each occurrence of a field with a length; `None` when the message is malformed.
fn each_field<'a>(
    message: &'a [u8],
    wanted: u32,
    mut visit: impl FnMut(&'a [u8]) -> Option<()>,
) -> Option<()> {
    let mut reader = Reader::new(message);
    while let Some((field, wire)) = reader.tag().ok()? {
        if (field, wire) == (wanted, Wire::Len) {
            visit(reader.bytes().ok()?)?;
        } else {
            reader.skip(field, wire).ok()?;
        }
    }
    Some(())
}

/// Where in a request the elements of its first large input begin, from the start of its message.
pub(in crate::frontends::tfserving::grpc) fn find_elements(start: &[u8]) -> Option<usize> {
    let mut reader = Reader::new(start);
    // The fields that lead to the elements: an entry, its tensor, the content of that.
    let path = [2, 2, TENSOR_CONTENT];
    let mut depth = 0;
    loop {
        let (field, wire) = reader.tag().ok()??;
        let is_on_path = path.get(depth) == Some(&field) && wire == Wire::Len;
        let length = reader.clone().varint().ok().filter(|_| is_on_path);
        if length.is_none_or(|length| length < SMALL_INPUT as u64) {
            reader.skip(field, wire).ok()?;
            continue;
        }
        reader.varint().ok()?;
        depth += 1;
        if depth == path.len() {
            return Some(start.len() - reader.remaining());
        }
    }
}

#[cfg(test)]
#[path = "predict_request_tests.rs"]
mod tests;
