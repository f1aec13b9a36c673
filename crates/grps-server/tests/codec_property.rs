//! Properties of the codec: round trips, agreement with other implementations, no panics.
#![expect(clippy::expect_used, reason = "helpers of tests may panic")]

mod support;

use std::sync::Arc;

use bytes::Bytes;
use grps_core::{DataType, Elements, Tensor, Values};
use grps_server::codec::{Data, GrpsMessage, MapData, Room, Status, json, proto};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use prost::Message as _;
use support::arbitrary;
use support::reference;

/// Maps have no order of their own.
fn sorted(mut message: GrpsMessage) -> GrpsMessage {
    if let Data::Map(map) = &mut message.data {
        map.s_s.sort();
        map.s_b.sort();
        map.s_i32.sort();
        map.s_i64.sort();
        map.s_f.sort_by(|one, other| one.0.cmp(&other.0));
        map.s_d.sort_by(|one, other| one.0.cmp(&other.0));
    }
    message
}

/// Gives every decoder these bytes; only panics matter.
fn decode_everywhere(bytes: &[u8]) {
    let shared = Bytes::copy_from_slice(bytes);
    let _ = proto::decode(&shared);
    let _ = proto::decode_tensors(&shared);
    let _ = proto::peek_model(bytes);
    let _ = proto::with_status(&shared, &Status::ok());
    for dtype in DataType::ALL {
        let _ = json::decode_as(bytes, dtype);
        let _ = json::parse_ndarray(bytes, 0..bytes.len(), dtype);
    }
}

/// Nested lists of one shape, as text, with the numbers in row-major order.
fn nested(shape: &[usize], numbers: &mut impl Iterator<Item = String>) -> String {
    match shape {
        [] => numbers.next().expect("as many numbers as the shape says"),
        [count, inner @ ..] => {
            let parts: Vec<String> = (0..*count).map(|_| nested(inner, numbers)).collect();
            format!("[ {}]", parts.join(" ,"))
        }
    }
}

fn flatten(value: &serde_json::Value, out: &mut Vec<f32>) {
    match value {
        serde_json::Value::Array(values) => values.iter().for_each(|value| flatten(value, out)),
        number => out.push(number.as_f64().expect("a number") as f32),
    }
}

fn number_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,4})?",
        "-?(0|[1-9][0-9]{0,21})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,2})?",
        any::<i64>().prop_map(|value| value.to_string()),
        arbitrary::double()
            .prop_filter("finite", |value| value.is_finite())
            .prop_map(|value| format!("{value:e}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn proto_round_trip(message in arbitrary::message()) {
        prop_assert_eq!(proto::decode(&proto::encode(&message)).unwrap(), message);
    }

    #[test]
    fn proto_agrees_with_prost(message in arbitrary::message()) {
        let reference = reference::GrpsMessage::from(&message);
        let ours = proto::encode(&message);
        prop_assert_eq!(reference::GrpsMessage::decode(ours.clone()).unwrap(), reference.clone());
        let theirs = Bytes::from(reference.encode_to_vec());
        prop_assert_eq!(sorted(proto::decode(&theirs).unwrap()), sorted(message.clone()));
        // prost orders maps as it likes and leaves default keys and values out of them.
        if !matches!(message.data, Data::Map(_)) {
            prop_assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn joined_messages_merge_as_in_prost(
        messages in vec(arbitrary::message(), 2..4)
    ) {
        let joined: Vec<u8> = messages.iter().flat_map(proto::encode).collect();
        let ours = proto::decode(&Bytes::from(joined.clone())).unwrap();
        let theirs = reference::GrpsMessage::decode(&joined[..]).unwrap();
        prop_assert_eq!(reference::GrpsMessage::from(&ours), theirs);
    }

    #[test]
    fn json_round_trip(message in arbitrary::message()) {
        let text = json::encode(&message);
        prop_assert!(serde_json::from_slice::<serde_json::Value>(&text).is_ok());
        match json::decode(&text) {
            Ok(request) => {
                prop_assert_eq!(request.ndarray_span, None);
                let expected = GrpsMessage { status: None, ..message };
                prop_assert_eq!(request.message, expected);
            }
            Err(error) => {
                // What JSON requests cannot carry.
                let none = matches!(
                    message.data,
                    Data::None | Data::Binary(_) | Data::NdArrayMarker
                );
                prop_assert!(none, "{}", error);
            }
        }
    }

    #[test]
    fn tensors_encode_like_their_wire_form(
        values in vec(arbitrary::float(), 1..50), model in ".{0,5}"
    ) {
        let shape = vec![1, values.len()];
        let tensor = Tensor::new("x".into(), shape, Values::Float32(values)).unwrap();
        let status = Status::ok();
        let tensors = std::slice::from_ref(&tensor);
        let message = GrpsMessage {
            status: Some(status.clone()),
            model: model.clone(),
            data: Data::Tensors(vec![tensor.clone().try_into().unwrap()]),
        };
        let direct = proto::encode_tensors(Some(&status), &model, tensors).unwrap();
        prop_assert_eq!(&direct, &proto::encode(&message));
        prop_assert_eq!(proto::decode_tensors(&direct).unwrap(), tensors);
        let direct = json::encode_tensors(Some(&status), &model, tensors).unwrap();
        prop_assert_eq!(direct, json::encode(&message));
    }

    #[test]
    fn model_is_peeked(message in arbitrary::message()) {
        let bytes = proto::encode(&message);
        prop_assert_eq!(proto::peek_model(&bytes).unwrap(), &message.model);
    }

    #[test]
    fn status_is_replaced(message in arbitrary::message(), code in any::<i32>()) {
        let status = Status::failure(code, "why");
        let bytes = proto::with_status(&proto::encode(&message), &status).unwrap();
        prop_assert_eq!(bytes, proto::encode(&GrpsMessage { status: Some(status), ..message }));
    }

    #[test]
    fn any_bytes_decode_without_panic(bytes in vec(any::<u8>(), 0..200)) {
        decode_everywhere(&bytes);
    }

    #[test]
    fn json_like_text_decodes_without_panic(
        text in "([\\[\\]{},:\"\\\\ \\-.0-9eEué\n]|\"gtensors\":|\"ndarray\":|\"b64\":|null|true|NaN){0,40}"
    ) {
        decode_everywhere(text.as_bytes());
        decode_everywhere(format!("{{\"ndarray\":{text}}}").as_bytes());
    }

    #[test]
    fn damaged_messages_decode_without_panic(
        message in arbitrary::message(),
        changes in vec((any::<Index>(), any::<u8>()), 0..4),
        cut in proptest::option::of(any::<Index>()),
    ) {
        for mut bytes in [proto::encode(&message).to_vec(), json::encode(&message)] {
            for (index, byte) in &changes {
                if !bytes.is_empty() {
                    let position = index.index(bytes.len());
                    bytes[position] = *byte;
                }
            }
            if let Some(cut) = &cut {
                bytes.truncate(cut.index(bytes.len() + 1));
            }
            decode_everywhere(&bytes);
        }
    }

    #[test]
    fn ndarray_agrees_with_serde_json(
        (shape, numbers) in vec(1usize..5, 0..4).prop_flat_map(|shape| {
            let count: usize = shape.iter().product();
            (Just(shape), vec(number_text(), count))
        })
    ) {
        let text = nested(&shape, &mut numbers.clone().into_iter());
        let tensor = json::parse_ndarray(text.as_bytes(), 0..text.len(), DataType::Float32).unwrap();
        let mut expected = Vec::new();
        let reference: Result<serde_json::Value, _> = serde_json::from_str(&text);
        // The reference refuses numbers that overflow a double.
        match reference {
            Ok(value) => flatten(&value, &mut expected),
            Err(_) => expected.extend(numbers.iter().map(|n| n.parse::<f64>().unwrap() as f32)),
        }
        prop_assert_eq!(tensor.shape(), &shape[..]);
        prop_assert_eq!(tensor.elements(), Elements::Float32(&expected));
    }

    #[test]
    fn bytes_go_through_every_codec(strings in vec(vec(any::<u8>(), 0..9).prop_map(Bytes::from), 1..9)) {
        let count = strings.len();
        let tensor = Tensor::new("x".into(), vec![count], Values::String(strings.clone())).unwrap();
        let tensors = std::slice::from_ref(&tensor);
        let message = proto::encode_tensors(None, "", tensors).unwrap();
        prop_assert_eq!(&proto::decode_tensors(&message).unwrap(), tensors);
        let text = json::encode_tensors(None, "", tensors).unwrap();
        let read = json::decode(&text).unwrap().message.into_tensors().unwrap();
        prop_assert_eq!(&read, tensors);
        let nested = json::encode_ndarray(None, tensors).unwrap();
        let read = json::decode_as(&nested, DataType::String).unwrap();
        let read = read.message.into_tensors().unwrap();
        prop_assert_eq!(read[0].elements(), Elements::String(&strings));
        // As protobuf's own JSON has them.
        let base64 = json::encode(&GrpsMessage {
            data: Data::Map(Box::new(MapData {
                s_b: strings.iter().enumerate().map(|(i, s)| (i.to_string(), s.clone())).collect(),
                ..MapData::default()
            })),
            ..GrpsMessage::default()
        });
        let map: serde_json::Value = serde_json::from_slice(&base64).unwrap();
        let listed: Vec<_> = (0..count).map(|i| map["gmap"]["s_b"][i.to_string()].clone()).collect();
        let body = serde_json::json!({"gtensors": {"tensors": [
            {"name": "x", "dtype": "DT_STRING", "shape": [count], "flat_bytes": listed}
        ]}});
        let read = json::decode(body.to_string().as_bytes()).unwrap().message.into_tensors();
        prop_assert_eq!(&read.unwrap(), tensors);
    }

    #[test]
    fn ndarray_round_trip(
        values in vec(any::<u32>().prop_map(f32::from_bits), 6), shape in prop::sample::select(&[[1, 6], [2, 3], [6, 1]])
    ) {
        let values = Values::Float32(values);
        let tensor = Tensor::new(Arc::default(), shape.to_vec(), values).unwrap();
        let text = json::encode_ndarray(None, std::slice::from_ref(&tensor)).unwrap();
        prop_assert!(serde_json::from_slice::<serde_json::Value>(&text).is_ok());
        let read = json::decode(&text).unwrap().message.into_tensors().unwrap();
        // NaN differs from itself, but not its text.
        prop_assert_eq!(format!("{:?}", read), format!("{:?}", [tensor]));
    }
}

/// The request that small parts make of these many bytes, and how it is decoded.
fn amplified(size: usize) -> Vec<(&'static str, Bytes)> {
    let json = |open: &str, part: &str, close: &str| {
        Bytes::from(format!("{open}{}{close}", part.repeat(size / part.len())))
    };
    let strings = r#"{"gtensors":{"tensors":[{"dtype":9,"flat_string":["#;
    let numbers = r#"{"gtensors":{"tensors":[{"dtype":5,"flat_int64":["#;
    vec![
        ("strings", json(strings, "\"\",", "\"\"]}]}}")),
        ("base64", json(strings, "{\"b64\":\"\"},", "\"\"]}]}}")),
        ("numbers", json(numbers, "1,", "1]}]}}")),
        ("quoted numbers", json(numbers, "\"1\",", "1]}]}}")),
        ("flat bytes", json(r#"{"gtensors":{"tensors":[{"flat_bytes":["#, "\"\",", "\"\"]}]}}")),
        ("shape", json(r#"{"gtensors":{"tensors":[{"shape":["#, "1,", "1]}]}}")),
        ("nested strings", json(r#"{"ndarray":["#, "[\"a\"],", "[\"a\"]]}")),
        ("nested numbers", json(r#"{"ndarray":["#, "[1],", "[1]]}")),
        ("map", json(r#"{"gmap":{"s_s":{"#, "\"\":\"\",", "\"\":\"\"}}}")),
    ]
}

/// An encoded field of bytes.
fn field(tag: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut length = Vec::new();
    prost::encoding::encode_varint(bytes.len() as u64, &mut length);
    [tag, &length, bytes].concat()
}

fn amplified_protobuf(size: usize) -> Vec<(&'static str, Bytes)> {
    let tensor = |part: &[u8]| field(&[0x2a], &field(&[0x0a], &part.repeat(size / part.len())));
    let packed = |tag: u8| field(&[0x2a], &field(&[0x0a], &field(&[tag], &vec![1; size])));
    let messages = [
        ("strings", tensor(&[0x62, 0])),
        ("bytes", tensor(&[0xa2, 6, 0])),
        ("longs one by one", tensor(&[0x40, 1])),
        ("runs of one long", tensor(&[0x42, 1, 1])),
        ("sizes one by one", tensor(&[0x18, 1])),
        ("longs", packed(0x42)),
        ("sizes", packed(0x1a)),
        ("map", field(&[0x3a], &[0x0a, 0].repeat(size / 2))),
    ];
    messages.into_iter().map(|(name, bytes)| (name, bytes.into())).collect()
}

/// Decodes within a room whose budget is `budget`, and gives what was allocated at most at once.
fn most_bytes(budget: usize, body: &Bytes, decode: impl Fn(&Room<'_>) -> bool) -> (bool, usize) {
    let left = std::cell::Cell::new(budget);
    let reserve = |bytes: usize| match left.get().checked_sub(bytes) {
        Some(rest) => {
            left.set(rest);
            Ok(())
        }
        None => Err(grps_core::Error::invalid("full")),
    };
    let mut done = false;
    let room = Room::of_body(body.len(), &reserve);
    let measured = allocation_counter::measure(|| done = decode(&room));
    (done, usize::try_from(measured.bytes_max).unwrap_or_default())
}

#[test]
fn decoding_allocates_no_more_than_it_charged_for() {
    const BUDGET: usize = 3 << 20;
    // A mebibyte is free; a vector that grows is there twice while it is copied.
    const MOST: usize = (BUDGET + (1 << 20)) * 3 / 2 + (64 << 10);
    for size in [1000, 100_000, 4_000_000] {
        for (name, body) in amplified(size) {
            let decode = |room: &Room<'_>| json::decode_with(&body, room, &mut |_| None).is_ok();
            let (done, bytes) = most_bytes(BUDGET, &body, decode);
            assert!(bytes <= MOST, "{name} {size}: {bytes}");
            // A shape has a few dimensions only.
            assert!(done || size > 1000 || name == "shape", "{name} {size}");
        }
        for (name, body) in amplified_protobuf(size) {
            let decode = |room: &Room<'_>| proto::decode_within(&body, room).is_ok();
            let (done, bytes) = most_bytes(BUDGET, &body, decode);
            assert!(bytes <= MOST, "{name} {size}: {bytes}");
            // A shape has a few dimensions only.
            assert!(done || size > 1000 || name == "shape", "{name} {size}");
        }
    }
}
