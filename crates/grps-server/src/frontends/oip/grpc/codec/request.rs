//! Reads `ModelInferRequest`.

use bytes::Bytes;
use grps_core::{DataType, Error, Shape, Tensor};

use crate::app::App;
use crate::codec::fault::Fault;
use crate::codec::proto::reader::{Reader, Wire};
use crate::codec::{MAX_TENSORS, Room};
use crate::frontends::oip::grpc::codec::{contents, parameters};
use crate::frontends::oip::inference::parameters::Parameters;
use crate::frontends::oip::inference::request::{InferRequest, RequestedOutput, too_many};
use crate::frontends::oip::inference::shared_region::{RegionSlice, read_input};
use crate::frontends::oip::inference::{data_type, raw_tensor};

/// The field of raw contents.
const RAW_INPUT: u32 = 7;
/// How many bytes of raw contents take as long as one of another field.
const RAW_SHARE: usize = 16;
/// What an input or output takes besides its texts.
const TENSOR_BYTES: usize = 512;

/// Decodes a request.
///
/// # Errors
/// `InvalidArgument` that names the place when it is malformed or has too many parts; those of the
/// room and of shared memory.
pub(crate) fn decode(app: &App, message: &Bytes, room: &Room<'_>) -> Result<InferRequest, Error> {
    let wire = WireRequest::read(message)?;
    let mut request = wire.read_head(room)?;
    request.inputs = wire.read_inputs(app, message, room)?;
    Ok(request)
}

/// A request whose framing has been read, and none of its elements.
#[derive(Debug, Default)]
struct WireRequest<'a> {
    model: &'a str,
    version: &'a str,
    id: &'a str,
    parameters: Vec<&'a [u8]>,
    inputs: Vec<&'a [u8]>,
    outputs: Vec<&'a [u8]>,
    raw_inputs: Vec<&'a [u8]>,
}

impl<'a> WireRequest<'a> {
    fn read(message: &'a Bytes) -> Result<Self, Fault> {
        let mut read = Self::default();
        let mut reader = Reader::new(message);
        while let Some((field, wire)) = reader.tag()? {
            if wire != Wire::Len {
                reader.skip(field, wire)?;
                continue;
            }
            let text =
                |reader: &mut Reader<'a>, name| reader.text().map_err(|fault| fault.in_field(name));
            match field {
                1 => read.model = text(&mut reader, "model_name")?,
                2 => read.version = text(&mut reader, "model_version")?,
                3 => read.id = text(&mut reader, "id")?,
                4 => add(&mut read.parameters, reader.bytes()?, "parameter")?,
                5 => add(&mut read.inputs, reader.bytes()?, "input")?,
                6 => add(&mut read.outputs, reader.bytes()?, "output")?,
                RAW_INPUT => add(&mut read.raw_inputs, reader.bytes()?, "raw input")?,
                _ => reader.skip(field, wire)?,
            }
        }
        Ok(read)
    }

    /// The request without its inputs.
    fn read_head(&self, room: &Room<'_>) -> Result<InferRequest, Fault> {
        let Self { model, version, id, parameters, outputs, .. } = self;
        room.take(model.len() + version.len() + id.len())?;
        let mut request = InferRequest {
            model: (*model).to_owned(),
            version: (*version).to_owned(),
            id: (*id).to_owned(),
            ..InferRequest::default()
        };
        for entry in parameters {
            let added = parameters::add(&mut request.parameters, entry, room);
            added.map_err(|fault| fault.in_field("parameters"))?;
        }
        for (index, bytes) in outputs.iter().enumerate() {
            let output = read_output(bytes, room);
            request
                .outputs
                .push(output.map_err(|fault| fault.at_index(index).in_field("outputs"))?);
        }
        Ok(request)
    }

    /// The inputs with their elements.
    fn read_inputs(
        &self,
        app: &App,
        message: &Bytes,
        room: &Room<'_>,
    ) -> Result<Vec<Tensor>, Error> {
        let mut raw = self.raw_inputs.iter().map(|bytes| message.slice_ref(bytes));
        let has_raw = raw.len() > 0;
        room.take(self.inputs.len().saturating_mul(TENSOR_BYTES))?;
        let mut inputs = Vec::with_capacity(self.inputs.len());
        for (index, bytes) in self.inputs.iter().enumerate() {
            let at_input = |fault: Fault| fault.at_index(index).in_field("inputs");
            let input = Input::read(bytes, room).map_err(at_input)?;
            let tensor = input.into_tensor(app, has_raw.then_some(&mut raw), (message, room));
            inputs.push(tensor.map_err(|error| at_input(error.into()))?);
        }
        let left = raw.len();
        if left > 0 {
            let sent = self.raw_inputs.len();
            return Err(Error::invalid(format!(
                "raw_input_contents has {sent} entries, {left} more than there are inputs for them"
            )));
        }
        Ok(inputs)
    }
}

fn add<'a>(list: &mut Vec<&'a [u8]>, bytes: &'a [u8], what: &str) -> Result<(), Fault> {
    if list.len() >= MAX_TENSORS {
        return Err(too_many(what).into());
    }
    list.push(bytes);
    Ok(())
}

/// An input without its elements.
struct Input<'a> {
    name: &'a str,
    dtype: DataType,
    shape: Shape,
    parameters: Parameters,
    contents: Vec<&'a [u8]>,
}

impl<'a> Input<'a> {
    fn read(bytes: &'a [u8], room: &Room<'_>) -> Result<Self, Fault> {
        let (mut name, mut datatype, mut sizes) = ("", "", Vec::new());
        let (mut parameters, mut contents) = (Parameters::default(), Vec::new());
        let mut reader = Reader::new(bytes);
        while let Some((field, wire)) = reader.tag()? {
            match (field, wire) {
                (1, Wire::Len) => name = reader.text().map_err(|fault| fault.in_field("name"))?,
                (2, Wire::Len) => {
                    datatype = reader.text().map_err(|fault| fault.in_field("datatype"))?;
                }
                (3, Wire::Varint) => {
                    room.grow(&mut sizes, 1)?;
                    sizes.push(reader.varint()? as i64);
                }
                (3, Wire::Len) => {
                    let mut packed = Reader::new(reader.bytes()?);
                    while packed.remaining() > 0 {
                        room.grow(&mut sizes, 1)?;
                        sizes
                            .push(packed.varint().map_err(|fault| fault.in_field("shape"))? as i64);
                    }
                }
                (4, Wire::Len) => {
                    let added = parameters::add(&mut parameters, reader.bytes()?, room);
                    added.map_err(|fault| fault.in_field("parameters"))?;
                }
                (5, Wire::Len) => {
                    room.grow(&mut contents, 1)?;
                    contents.push(reader.bytes()?);
                }
                _ => reader.skip(field, wire)?,
            }
        }
        room.take(name.len())?;
        let (dtype, shape) = (data_type::from_name(datatype)?, raw_tensor::shape_of(sizes)?);
        Ok(Self { name, dtype, shape, parameters, contents })
    }

    /// The input with its elements: from shared memory, from the next raw contents, or from its own.
    fn into_tensor(
        self,
        app: &App,
        raw: Option<&mut impl Iterator<Item = Bytes>>,
        (message, room): (&'a Bytes, &Room<'_>),
    ) -> Result<Tensor, Error> {
        let Self { name, dtype, shape, parameters, contents } = self;
        let has_contents = contents.iter().any(|bytes| !bytes.is_empty());
        let region = RegionSlice::read(&parameters)?;
        if has_contents && (region.is_some() || raw.is_some()) {
            let other = if region.is_some() { "shared memory" } else { "raw_input_contents" };
            return Err(Error::invalid(format!("contents and {other} can't be combined")));
        }
        let bytes = match (region, raw) {
            (Some(region), _) => read_input(app, &region, room)?,
            (None, Some(raw)) => raw.next().ok_or_else(|| {
                Error::invalid("raw_input_contents has no entry for it: it has fewer than inputs")
            })?,
            (None, None) => {
                return contents::decode((name, dtype, shape), &contents, (message, room));
            }
        };
        raw_tensor::decode(name.into(), dtype, shape, bytes, room)
    }
}

fn read_output(bytes: &[u8], room: &Room<'_>) -> Result<RequestedOutput, Fault> {
    let (mut name, mut parameters) = ("", Parameters::default());
    let mut reader = Reader::new(bytes);
    while let Some((field, wire)) = reader.tag()? {
        match (field, wire) {
            (1, Wire::Len) => name = reader.text().map_err(|fault| fault.in_field("name"))?,
            (2, Wire::Len) => {
                let added = parameters::add(&mut parameters, reader.bytes()?, room);
                added.map_err(|fault| fault.in_field("parameters"))?;
            }
            _ => reader.skip(field, wire)?,
        }
    }
    room.take(name.len().saturating_add(TENSOR_BYTES))?;
    Ok(RequestedOutput::new(name.to_owned(), &parameters)?)
}

/// The identifier of a request that may be malformed; empty when it can't be read.
pub(crate) fn peek_id(message: &Bytes) -> &str {
    let mut id = "";
    let mut reader = Reader::new(message);
    while let Ok(Some((field, wire))) = reader.tag() {
        let read = match (field, wire) {
            (3, Wire::Len) => reader.text().map(|text| id = text),
            _ => reader.skip(field, wire),
        };
        if read.is_err() {
            break;
        }
    }
    id
}

/// The cost of decoding a request, as bytes of JSON that could be decoded in the same time.
pub(crate) fn cost_of(message: &[u8]) -> usize {
    let (mut raw, mut reader) = (0, Reader::new(message));
    while let Ok(Some((field, wire))) = reader.tag() {
        let read = match (field, wire) {
            (RAW_INPUT, Wire::Len) => reader.bytes().map(|bytes| raw += bytes.len()),
            _ => reader.skip(field, wire),
        };
        if read.is_err() {
            break;
        }
    }
    message.len() - raw + raw / RAW_SHARE
}

/// Where in a request the first raw contents begin, from the start of its message.
pub(crate) fn find_raw_input(start: &[u8]) -> Option<usize> {
    let mut reader = Reader::new(start);
    loop {
        let (field, wire) = reader.tag().ok()??;
        if (field, wire) == (RAW_INPUT, Wire::Len) {
            reader.varint().ok()?;
            return Some(start.len() - reader.remaining());
        }
        reader.skip(field, wire).ok()?;
    }
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
