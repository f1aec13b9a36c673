//! The body of `generate`: a JSON object whose fields are the inputs and parameters of a model.

use std::borrow::Cow;

use bytes::Bytes;
use grps_core::{Error, InputForm, Route, Shape, Tensor, TensorSpec};

use crate::codec::json::{Cursor, natural_type, read_as, text_of};
use crate::codec::{Data, Fault, GrpsMessage, MapData, Room};
use crate::frontends::oip::http::json_fields::{read_parameter, read_text};
use crate::frontends::oip::inference::content::read_by_converter;
use crate::frontends::oip::inference::parameters::{Parameter, Parameters};
use crate::frontends::oip::inference::request::InferRequest;
use crate::frontends::oip::service::model_metadata::inputs;

/// The input that clients of this call name when a model declares none.
const TEXT: &str = "text_input";
/// Parameters of the request, whatever the model is.
const OF_REQUEST: [&str; 6] =
    ["stream", "priority", "timeout", "sequence_id", "sequence_start", "sequence_end"];
/// Most fields of a body.
const MAX_FIELDS: usize = 1024;

/// What a body asks for.
pub(super) struct GenerateRequest {
    /// The request, without model and version.
    pub(super) request: InferRequest,
    /// What user code gets in place of inputs, if it declares none.
    pub(super) message: Option<GrpsMessage>,
}

/// A field, and where its value is.
type Field<'a> = (Cow<'a, str>, Cursor<'a>);

/// Reads a body for the model of a route.
///
/// # Errors
/// `InvalidArgument` with the place and the reason; the errors of the room.
pub(super) fn read(route: &Route, body: &Bytes, room: &Room<'_>) -> Result<GenerateRequest, Error> {
    let text = text_of(body, room)?;
    let memory = matches!(text, Cow::Borrowed(_)).then_some(body);
    let mut cursor = Cursor::within(&text, room, memory);
    let mut fields = read_fields(&mut cursor)?;
    cursor.end()?;
    let mut request = InferRequest::default();
    if let Some((_, mut id)) = take(&mut fields, "id")
        && !id.take_null()
    {
        request.id = read_text(&mut id).map_err(|fault| fault.in_field("id"))?;
    }
    let declared = inputs(route);
    for spec in &declared {
        let mut found = take(&mut fields, &spec.name);
        if found.is_none() && read_by_converter(route).is_some() {
            found = take(&mut fields, TEXT);
        }
        if let Some((_, mut value)) = found {
            request.inputs.push(read_input(spec, &mut value)?);
        }
    }
    let of_request = |field: &Field<'_>| OF_REQUEST.contains(&&*field.0);
    let is_open = declared.is_empty();
    let (of_request, rest): (Vec<_>, Vec<_>) =
        fields.into_iter().partition(|field| !is_open || of_request(field));
    request.parameters = read_parameters(of_request)?;
    let mut message = None;
    if is_open && route.form() == InputForm::Message {
        message = Some(read_message(rest, room)?);
    } else {
        for (name, mut value) in rest {
            let spec =
                TensorSpec { name: (*name).into(), dtype: None, shape: None, required: true };
            request.inputs.push(read_input(&spec, &mut value)?);
        }
    }
    Ok(GenerateRequest { request, message })
}

/// Finds all fields, those in `parameters` as if they were outside.
fn read_fields<'a>(cursor: &mut Cursor<'a>) -> Result<Vec<Field<'a>>, Error> {
    let mut fields = Vec::new();
    if cursor.token() != b'{' {
        return Err(cursor.mismatch("a JSON object as the body").into());
    }
    cursor.object(|cursor, key| {
        if key == "parameters" && cursor.token() == b'{' {
            return cursor.object(|cursor, key| add(&mut fields, cursor, key));
        }
        add(&mut fields, cursor, key)
    })?;
    Ok(fields)
}

fn add<'a>(
    fields: &mut Vec<Field<'a>>,
    cursor: &mut Cursor<'a>,
    key: Cow<'a, str>,
) -> Result<(), Fault> {
    if fields.len() >= MAX_FIELDS {
        return Err(Fault::new(format!("more than {MAX_FIELDS} fields")));
    }
    cursor.take_text(&key)?;
    cursor.token();
    let at = cursor.clone();
    cursor.skip_value()?;
    fields.push((key, at));
    Ok(())
}

/// Takes the last field of a name.
fn take<'a>(fields: &mut Vec<Field<'a>>, name: &str) -> Option<Field<'a>> {
    let index = fields.iter().rposition(|(key, _)| key == name)?;
    Some(fields.remove(index))
}

/// Reads an input. Dimensions that a value lacks before its own have the size 1.
fn read_input(spec: &TensorSpec, value: &mut Cursor<'_>) -> Result<Tensor, Error> {
    let dtype = spec.dtype.unwrap_or_else(|| natural_type(value));
    let read = read_as(value, dtype, "value");
    let (_, own, elements) =
        read.map_err(|error| Fault::from(error).in_field(&spec.name))?.into_parts();
    let rank = spec.shape.as_ref().map_or(1, Vec::len);
    let missing = rank.saturating_sub(own.len());
    let shape: Shape = std::iter::repeat_n(1, missing).chain(own).collect();
    Tensor::new(spec.name.clone(), shape, elements)
}

fn read_parameters(fields: Vec<Field<'_>>) -> Result<Parameters, Error> {
    let mut parameters = Parameters::default();
    for (name, mut value) in fields {
        let read = read_parameter(&mut value).map_err(|fault| fault.in_field(&name))?;
        if let Some(value) = read.filter(|_| name != "stream") {
            parameters.add(name.into_owned(), value)?;
        }
    }
    Ok(parameters)
}

/// The message for user code: the text if there is nothing else, or a map with all fields.
fn read_message(fields: Vec<Field<'_>>, room: &Room<'_>) -> Result<GrpsMessage, Error> {
    let mut map = MapData::default();
    for (name, mut value) in fields {
        let read = read_parameter(&mut value).map_err(|fault| fault.in_field(&name))?;
        let name = name.into_owned();
        room.take(size_of::<(String, String)>() * 2)?;
        match read {
            None => {}
            Some(Parameter::Text(text)) => map.s_s.push((name, text)),
            Some(Parameter::Bool(flag)) => map.s_i32.push((name, i32::from(flag))),
            Some(Parameter::Int(number)) => map.s_i64.push((name, number)),
            Some(Parameter::Uint(number)) => map.s_d.push((name, number as f64)),
            Some(Parameter::Double(number)) => map.s_d.push((name, number)),
        }
    }
    if map.len() == 1
        && let Some((_, text)) = map.s_s.pop_if(|(name, _)| name == TEXT)
    {
        return Ok(GrpsMessage::of_text(text));
    }
    Ok(GrpsMessage { data: Data::Map(Box::new(map)), ..GrpsMessage::default() })
}

#[cfg(test)]
mod tests {
    use grps_core::{
        DataType, Elements, Model, ModelSpec, Naming, Registry, RouteQuery, Signature,
    };
    use proptest::prelude::*;

    use super::*;

    fn route(form: InputForm, inputs: Vec<TensorSpec>) -> Route {
        let registry = Registry::default();
        let signature = Signature { inputs, outputs: Vec::new(), naming: Naming::Strict };
        let signature = (!signature.inputs.is_empty()).then_some(signature);
        let spec = ModelSpec { signature, ..ModelSpec::new("m", "1", form) };
        registry.add(Model::pulled(spec).0).unwrap();
        registry.resolve(&RouteQuery::named("m")).unwrap()
    }

    fn declared() -> Route {
        let spec = |name: &str, dtype, rank| TensorSpec {
            name: name.into(),
            dtype: Some(dtype),
            shape: Some(vec![None; rank]),
            required: true,
        };
        let inputs = vec![spec(TEXT, DataType::String, 2), spec("n", DataType::Int32, 1)];
        route(InputForm::Tensors, inputs)
    }

    fn read(route: &Route, text: &str) -> Result<GenerateRequest, Error> {
        super::read(route, &Bytes::from(text.to_owned()), &Room::unlimited())
    }

    #[test]
    fn fields_are_inputs_and_parameters() {
        let text = "{\"id\": \"7\", \"text_input\": \"hi\", \"parameters\": {\"n\": 5, \
                    \"temperature\": 0.5}, \"stream\": true}";
        let request = read(&declared(), text).unwrap().request;
        assert_eq!(request.id, "7");
        assert_eq!(request.inputs[0].shape(), [1, 1]);
        assert_eq!(request.inputs[1].elements(), Elements::Int32(&[5]));
        let names: Vec<_> = request.parameters.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["temperature"]);
        let list = read(&declared(), "{\"text_input\": [\"a\", \"b\"]}").unwrap().request;
        assert_eq!(list.inputs[0].shape(), [1, 2]);
        let error = read(&declared(), "{\"n\": \"x\"}").err().unwrap();
        assert!(error.message().starts_with("n.value: ") || error.message().starts_with("n: "));
        assert!(read(&declared(), "{\"other\": []}").is_err());
    }

    #[test]
    fn user_code_without_inputs_gets_a_message() {
        let user_code = route(InputForm::Message, Vec::new());
        let message = read(&user_code, "{\"text_input\": \"hi\"}").unwrap().message.unwrap();
        assert_eq!(message.data, Data::Text("hi".to_owned()));
        let text =
            "{\"text_input\": \"hi\", \"priority\": 1, \"parameters\": {\"k\": 3, \"p\": 0.5}}";
        let read = read(&user_code, text).unwrap();
        let Data::Map(map) = read.message.unwrap().data else { panic!("no map") };
        assert_eq!((map.s_s.len(), map.s_i64.len(), map.s_d.len()), (1, 1, 1));
        assert!(read.request.parameters.get("priority").is_some());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = super::read(&declared(), &bytes.into(), &Room::unlimited());
        }

        #[test]
        fn any_fields_are_read_or_refused(text in "\\{(\"[a-z_]{1,3}\": ?[\\[\\]0-9\",.]{0,9},?){0,4}\\}") {
            let _ = read(&declared(), &text);
        }
    }
}
