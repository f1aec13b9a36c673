//! An inference request in JSON, with binary data behind it.

use std::borrow::Cow;

use bytes::Bytes;
use grps_core::{DataType, Error, Shape, Tensor, quoted};

use crate::app::App;
use crate::codec::json::{Cursor, read_as};
use crate::codec::{Fault, MAX_TENSORS, Room};
use crate::frontends::oip::http::json_fields::{read_parameters, read_shape};
use crate::frontends::oip::inference::data_type;
use crate::frontends::oip::inference::parameters::Parameters;
use crate::frontends::oip::inference::raw_tensor;
use crate::frontends::oip::inference::request::{InferRequest, RequestedOutput, too_many};
use crate::frontends::oip::inference::shared_region::{RegionSlice, read_input};
use crate::frontends::shared::json_object::{read_object, read_text};

/// The parameter with the number of bytes that an input has behind the JSON.
const BINARY_SIZE: &str = "binary_data_size";

/// Reads a body of which the first `json_length` bytes are JSON; all if it is `None`. Elements in
/// binary stay in the memory of the body.
///
/// # Errors
/// `InvalidArgument` with the place and the reason; the errors of the room.
pub(super) fn read(
    app: &App,
    mut body: Bytes,
    json_length: Option<usize>,
    room: &Room<'_>,
) -> Result<InferRequest, Error> {
    let length = json_length.unwrap_or(body.len());
    if length > body.len() {
        let whole = body.len();
        return Err(Error::invalid(format!(
            "Inference-Header-Content-Length is {length}, but the body has only {whole} bytes"
        )));
    }
    let json = body.split_to(length);
    let mut reader = Reader { app, room, binary: body, request: InferRequest::default() };
    let mut has_inputs = false;
    read_object(&json, room, |cursor, key| {
        has_inputs |= key == "inputs";
        reader.field(cursor, key)
    })?;
    if !has_inputs {
        return Err(Error::invalid("inputs is missing: send a list of tensors"));
    }
    if !reader.binary.is_empty() {
        let left = reader.binary.len();
        return Err(Error::invalid(format!(
            "{left} bytes follow the binary data of the inputs; see binary_data_size"
        )));
    }
    Ok(reader.request)
}

/// What was read of a request.
struct Reader<'a> {
    app: &'a App,
    room: &'a Room<'a>,
    /// The binary data that no input has taken.
    binary: Bytes,
    request: InferRequest,
}

impl Reader<'_> {
    fn field(&mut self, cursor: &mut Cursor<'_>, key: &str) -> Result<(), Fault> {
        let read = match key {
            "id" if !cursor.take_null() => read_text(cursor).map(|id| self.request.id = id),
            "parameters" => read_parameters(cursor).map(|read| self.request.parameters = read),
            "inputs" => self.inputs(cursor),
            "outputs" if !cursor.take_null() => self.outputs(cursor),
            "id" | "outputs" => Ok(()),
            _ => return cursor.skip_value(),
        };
        read.map_err(|fault| fault.in_field(key))
    }

    fn inputs(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
        cursor.list(|cursor| {
            let index = self.request.inputs.len();
            if index >= MAX_TENSORS {
                return Err(too_many("input").into());
            }
            let read = JsonInput::read(cursor);
            let input = read.and_then(|input| self.input(input));
            self.request.inputs.push(input.map_err(|fault| fault.at_index(index))?);
            Ok(())
        })
    }

    /// The tensor of an input, from where its elements are.
    fn input(&mut self, input: JsonInput<'_>) -> Result<Tensor, Fault> {
        let JsonInput { name, dtype, shape, parameters, data } = input;
        let name = name.ok_or_else(|| Fault::new("name is missing"))?;
        let in_input = |what: &str| Fault::new(format!("input {}: {what}", quoted(&name)));
        let dtype = dtype.ok_or_else(|| in_input("datatype is missing"))?;
        let shape = shape.ok_or_else(|| in_input("shape is missing"))?;
        let size = parameters.whole_number(BINARY_SIZE)?;
        let region = RegionSlice::read(&parameters)?;
        let bytes = match (data, size, region) {
            (Some(data), None, None) => {
                let (_, _, elements) = data.read(dtype)?.into_parts();
                return Ok(Tensor::new(name.as_ref().into(), shape, elements)?);
            }
            (None, Some(size), None) => self.take_binary(size).ok_or_else(|| {
                let left = self.binary.len();
                in_input(&format!("binary_data_size is {size}, but only {left} bytes are left"))
            })?,
            (None, None, Some(region)) => read_input(self.app, &region, self.room)?,
            (None, None, None) => {
                return Err(in_input("it has neither data nor binary_data_size"));
            }
            _ => {
                return Err(in_input(
                    "data, binary_data_size and shared_memory_region exclude each other",
                ));
            }
        };
        Ok(raw_tensor::decode(name.as_ref().into(), dtype, shape, bytes, self.room)?)
    }

    fn take_binary(&mut self, size: u64) -> Option<Bytes> {
        let size = usize::try_from(size).ok().filter(|size| *size <= self.binary.len())?;
        Some(self.binary.split_to(size))
    }

    fn outputs(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
        cursor.list(|cursor| {
            let index = self.request.outputs.len();
            if index >= MAX_TENSORS {
                return Err(too_many("output").into());
            }
            let output = read_output(cursor).map_err(|fault| fault.at_index(index))?;
            self.request.outputs.push(output);
            Ok(())
        })
    }
}

fn read_output(cursor: &mut Cursor<'_>) -> Result<RequestedOutput, Fault> {
    let (mut name, mut parameters) = (None, Parameters::default());
    cursor.object(|cursor, key| match &*key {
        "name" => {
            name = Some(read_text(cursor).map_err(|fault| fault.in_field("name"))?);
            Ok(())
        }
        "parameters" => {
            let read = read_parameters(cursor);
            parameters = read.map_err(|fault| fault.in_field("parameters"))?;
            Ok(())
        }
        _ => cursor.skip_value(),
    })?;
    let name = name.ok_or_else(|| Fault::new("name is missing"))?;
    Ok(RequestedOutput::new(name, &parameters)?)
}

/// The fields of an input, in whatever order they come.
#[derive(Default)]
struct JsonInput<'a> {
    name: Option<Cow<'a, str>>,
    dtype: Option<DataType>,
    shape: Option<Shape>,
    parameters: Parameters,
    data: Option<JsonData<'a>>,
}

/// The elements of an input in JSON.
enum JsonData<'a> {
    /// They are read.
    Tensor(Tensor),
    /// They were passed over: their type comes behind them.
    At(Cursor<'a>),
}

impl JsonData<'_> {
    fn read(self, dtype: DataType) -> Result<Tensor, Error> {
        match self {
            Self::Tensor(tensor) if tensor.dtype() == dtype => Ok(tensor),
            Self::Tensor(_) => Err(Error::invalid("datatype is given twice")),
            Self::At(mut cursor) => read_as(&mut cursor, dtype, "data"),
        }
    }
}

impl<'a> JsonInput<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, Fault> {
        let mut input = Self::default();
        cursor.object(|cursor, key| {
            let read = match &*key {
                "data" => return input.read_data(cursor),
                "name" => input.read_name(cursor),
                "datatype" => input.read_dtype(cursor),
                "shape" => read_shape(cursor).map(|shape| input.shape = Some(shape)),
                "parameters" => read_parameters(cursor).map(|read| input.parameters = read),
                _ => return cursor.skip_value(),
            };
            read.map_err(|fault| fault.in_field(&key))
        })?;
        Ok(input)
    }

    fn read_name(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Fault> {
        let name = cursor.string()?;
        cursor.take_text(&name)?;
        self.name = Some(name);
        Ok(())
    }

    fn read_dtype(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Fault> {
        self.dtype = Some(data_type::from_name(&cursor.string()?)?);
        Ok(())
    }

    fn read_data(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Fault> {
        if cursor.take_null() {
            return Ok(());
        }
        self.data = Some(match self.dtype {
            Some(dtype) => JsonData::Tensor(read_as(cursor, dtype, "data")?),
            None => {
                let at = cursor.clone();
                cursor.skip_value()?;
                JsonData::At(at)
            }
        });
        Ok(())
    }
}

#[cfg(test)]
#[path = "json_request_tests.rs"]
mod tests;
