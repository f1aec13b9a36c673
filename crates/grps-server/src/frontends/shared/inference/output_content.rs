//! The tensors of an output, whatever the model returned.

use std::sync::Arc;

use bytes::Bytes;
use grps_core::{Cause, Content, Error, Route, Tensor, Values};

use crate::admin::route_signature;
use crate::codec::{Data, MapData, Outcome, proto};

/// The name of the output for text of user code.
pub(crate) const TEXT: &str = "str_data";
/// The name of the output for bytes of user code.
pub(crate) const BINARY: &str = "bin_data";

/// The named tensors of an output. Text, bytes and maps of user code are tensors of one element each.
///
/// # Errors
/// `ModelFailed` when user code returned a failure or a malformed message.
pub(crate) fn to_tensors(output: Content, route: &Route) -> Result<Vec<Tensor>, Error> {
    let tensors = match output {
        Content::Tensors(tensors) => tensors,
        Content::Raw(bytes) => vec![one(BINARY, vec![bytes])?],
        Content::Message(message) => of_message(&message)?,
    };
    named(tensors, route)
}

fn of_message(encoded: &Bytes) -> Result<Vec<Tensor>, Error> {
    let message = proto::decode(encoded).map_err(failed)?;
    if let Some(status) = message.status.as_ref()
        && status.outcome == Outcome::FAILURE
    {
        return Err(Error::new(Cause::ModelFailed, status.msg.clone()));
    }
    match message.data {
        Data::None | Data::NdArrayMarker => Ok(Vec::new()),
        Data::Binary(bytes) => Ok(vec![one(BINARY, vec![bytes])?]),
        Data::Text(text) => Ok(vec![one(TEXT, vec![Bytes::from(text)])?]),
        Data::Tensors(_) => message.into_tensors().map_err(failed),
        Data::Map(map) => of_map(*map),
    }
}

fn of_map(map: MapData) -> Result<Vec<Tensor>, Error> {
    let MapData { s_s, s_b, s_i32, s_i64, s_f, s_d } = map;
    let texts = s_s.into_iter().map(|(name, text)| one(&name, vec![Bytes::from(text)]));
    let bytes = s_b.into_iter().map(|(name, bytes)| one(&name, vec![bytes]));
    let small = s_i32.into_iter().map(|(name, value)| one(&name, vec![value]));
    let large = s_i64.into_iter().map(|(name, value)| one(&name, vec![value]));
    let single = s_f.into_iter().map(|(name, value)| one(&name, vec![value]));
    let double = s_d.into_iter().map(|(name, value)| one(&name, vec![value]));
    texts.chain(bytes).chain(small).chain(large).chain(single).chain(double).collect()
}

/// A tensor of one element.
fn one(name: &str, element: impl Into<Values>) -> Result<Tensor, Error> {
    Tensor::new(name.into(), [1].as_slice(), element.into())
}

/// Every output of the protocol has a name: that of the signature, or its position.
fn named(mut tensors: Vec<Tensor>, route: &Route) -> Result<Vec<Tensor>, Error> {
    if tensors.iter().all(|tensor| !tensor.name().is_empty()) {
        return Ok(tensors);
    }
    let declared = route_signature::outputs(route);
    for (index, tensor) in tensors.iter_mut().enumerate() {
        if tensor.name().is_empty() {
            let name = declared.get(index).map(|spec| Arc::clone(&spec.name));
            tensor.rename(name.unwrap_or_else(|| format!("output_{index}").into()));
        }
    }
    Ok(tensors)
}

fn failed(error: Error) -> Error {
    Error::new(Cause::ModelFailed, error.message())
}

#[cfg(test)]
mod tests {
    use grps_core::{DataType, Elements, InputForm, Model, ModelSpec, Registry, RouteQuery};

    use super::*;
    use crate::codec::{GrpsMessage, Status};

    fn tensors(message: &GrpsMessage) -> Result<Vec<Tensor>, Error> {
        let registry = Registry::default();
        let spec = ModelSpec::new("m", "1", InputForm::Message);
        registry.add(Model::pulled(spec).0).unwrap();
        let route = registry.resolve(&RouteQuery::named("m")).unwrap();
        to_tensors(Content::Message(proto::encode(message)), &route)
    }

    #[test]
    fn all_data_of_messages_become_tensors() {
        let text = tensors(&GrpsMessage::of_text("hi".to_owned())).unwrap();
        assert_eq!((text[0].name(), text[0].dtype()), (TEXT, DataType::String));
        let binary = tensors(&GrpsMessage::of_binary(Bytes::from_static(b"\xff"))).unwrap();
        assert_eq!((binary[0].name(), binary[0].shape()), (BINARY, [1].as_slice()));
        let map = MapData {
            s_s: vec![("a".to_owned(), "x".to_owned())],
            s_i64: vec![("b".to_owned(), 5)],
            s_d: vec![("c".to_owned(), 0.5)],
            ..MapData::default()
        };
        let message = GrpsMessage { data: Data::Map(Box::new(map)), ..GrpsMessage::default() };
        let map = tensors(&message).unwrap();
        let names: Vec<_> = map.iter().map(Tensor::name).collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert_eq!(map[1].elements(), Elements::Int64(&[5]));
        let unnamed = Tensor::new(Arc::default(), vec![1], Values::Float32(vec![1.0])).unwrap();
        let data = Data::Tensors(vec![unnamed.try_into().unwrap()]);
        let unnamed = tensors(&GrpsMessage { data, ..GrpsMessage::default() }).unwrap();
        assert_eq!(unnamed[0].name(), "output_0");
        assert!(tensors(&GrpsMessage::of_status(Status::ok())).unwrap().is_empty());
    }

    #[test]
    fn failures_of_user_code_fail_the_request() {
        let error = tensors(&GrpsMessage::of_status(Status::failure(500, "bad"))).unwrap_err();
        assert_eq!((error.cause(), error.message()), (Cause::ModelFailed, "bad"));
    }
}
