//! What is compared of a message.

use bytes::Bytes;
use grps_core::{Content, Error, Tensor, Values};

use crate::codec::{Data, MapData, proto};

/// The data of an encoded message: tensors as they are, the entries of maps as tensors of one element
/// each, and everything else as bytes. The status and the name of the model are left out.
pub(super) fn content_of(message: &Bytes) -> Result<Content, Error> {
    let decoded = proto::decode(message)?;
    Ok(match decoded.data {
        Data::Tensors(_) => Content::Tensors(decoded.into_tensors()?),
        Data::Binary(bytes) => Content::Raw(bytes),
        Data::Text(text) => Content::Raw(text.into()),
        Data::Map(map) => Content::Tensors(entries(*map)?),
        Data::None | Data::NdArrayMarker => Content::Tensors(Vec::new()),
    })
}

fn entries(map: MapData) -> Result<Vec<Tensor>, Error> {
    let MapData { s_s, s_b, s_i32, s_i64, s_f, s_d } = map;
    let mut tensors = Vec::new();
    let mut add = |field: &str, key: String, value: Values| {
        let name = format!("{field}[{key}]");
        Tensor::new(name.into(), Vec::new(), value).map(|tensor| tensors.push(tensor))
    };
    for (key, value) in s_s {
        add("s_s", key, Values::String(vec![value.into()]))?;
    }
    for (key, value) in s_b {
        add("s_b", key, Values::String(vec![value]))?;
    }
    for (key, value) in s_i32 {
        add("s_i32", key, Values::Int32(vec![value]))?;
    }
    for (key, value) in s_i64 {
        add("s_i64", key, Values::Int64(vec![value]))?;
    }
    for (key, value) in s_f {
        add("s_f", key, Values::Float32(vec![value]))?;
    }
    for (key, value) in s_d {
        add("s_d", key, Values::Float64(vec![value]))?;
    }
    Ok(tensors)
}
