use grps_core::{Cause, Elements, MAX_RANK, Values};
use half::{bf16, f16};
use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::app::tests::app;
use crate::frontends::oip::grpc::codec::test_messages::{
    self as wire, Contents, ParameterValue, input,
};
use crate::frontends::oip::inference::parameters::{MAX_PARAMETERS, Parameter};

fn decoded(request: &wire::InferRequest) -> Result<InferRequest, Error> {
    decode(&app(), &request.encode_to_vec().into(), &Room::unlimited())
}

fn refusal(request: &wire::InferRequest) -> String {
    let error = decoded(request).unwrap_err();
    assert_eq!(error.cause(), Cause::InvalidArgument);
    error.message().to_owned()
}

fn with_contents(datatype: &str, shape: &[i64], contents: Contents) -> wire::InferRequest {
    let input = wire::InferInput { contents: Some(contents), ..input("x", datatype, shape) };
    wire::InferRequest { inputs: vec![input], ..Default::default() }
}

fn with_raw(datatype: &str, shape: &[i64], raw: &[u8]) -> wire::InferRequest {
    wire::InferRequest {
        inputs: vec![input("x", datatype, shape)],
        raw_input_contents: vec![Bytes::copy_from_slice(raw)],
        ..Default::default()
    }
}

/// A request with something of everything.
fn full() -> wire::InferRequest {
    let region = ParameterValue::Int(3).into();
    let outputs = vec![wire::RequestedOutput {
        name: "y".to_owned(),
        parameters: [("classification".to_owned(), region)].into(),
    }];
    wire::InferRequest {
        model_name: "m".to_owned(),
        model_version: "2".to_owned(),
        id: "seven".to_owned(),
        parameters: [
            ("a".to_owned(), ParameterValue::Bool(false).into()),
            ("b".to_owned(), ParameterValue::Int(-5).into()),
            ("c".to_owned(), ParameterValue::Text("x".to_owned()).into()),
            ("d".to_owned(), ParameterValue::Double(0.5).into()),
            ("e".to_owned(), ParameterValue::Uint(u64::MAX).into()),
        ]
        .into(),
        inputs: vec![input("x", "FP32", &[2]), input("s", "BYTES", &[1, 1])],
        outputs,
        raw_input_contents: vec![
            Bytes::from_static(&[0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]),
            Bytes::from_static(b"\x02\0\0\0ab"),
        ],
    }
}

#[test]
fn all_parts_are_read() {
    let request = decoded(&full()).unwrap();
    assert_eq!((&*request.model, &*request.version, &*request.id), ("m", "2", "seven"));
    let parameters = &request.parameters;
    assert_eq!(parameters.get("a"), Some(&Parameter::Bool(false)));
    assert_eq!(parameters.get("b"), Some(&Parameter::Int(-5)));
    assert_eq!(parameters.get("c"), Some(&Parameter::Text("x".to_owned())));
    assert_eq!(parameters.get("d"), Some(&Parameter::Double(0.5)));
    assert_eq!(parameters.get("e"), Some(&Parameter::Uint(u64::MAX)));
    assert_eq!((&*request.outputs[0].name, request.outputs[0].classes), ("y", 3));
    assert_eq!(request.inputs[0].elements(), Elements::Float32(&[1.0, -2.0]));
    assert_eq!(request.inputs[1].elements(), Elements::String(&[Bytes::from_static(b"ab")]));
    assert_eq!(request.inputs[1].shape(), [1, 1]);
    let empty = decode(&app(), &Bytes::new(), &Room::unlimited()).unwrap();
    assert_eq!((empty.model.as_str(), empty.inputs.len()), ("", 0));
}

#[test]
fn raw_contents_are_slices_of_the_message() {
    let request = wire::InferRequest {
        inputs: vec![input("a", "UINT8", &[3]), input("b", "BYTES", &[1])],
        raw_input_contents: vec![
            Bytes::from_static(&[7, 8, 9]),
            Bytes::from_static(b"\x01\0\0\0z"),
        ],
        ..Default::default()
    };
    let message = Bytes::from(request.encode_to_vec());
    let start = find_raw_input(&message).unwrap();
    assert_eq!(message[start..start + 3], [7, 8, 9]);
    let decoded = decode(&app(), &message, &Room::unlimited()).unwrap();
    let place = |tensor: &Tensor| match tensor.elements() {
        Elements::String([text]) => text.as_ptr(),
        elements => elements.bytes().as_ptr(),
    };
    assert_eq!(place(&decoded.inputs[0]), message[start..].as_ptr());
    assert_eq!(place(&decoded.inputs[1]), message[message.len() - 1..].as_ptr());
}

/// Contents in one field.
macro_rules! contents {
    ($field:ident: $values:expr) => {
        Contents { $field: $values.into(), ..Contents::default() }
    };
}

#[test]
fn typed_contents_of_every_type_are_read() {
    let texts = [Bytes::new(), Bytes::from_static(b"\xff")];
    let bools = contents!(bool_contents: [true, false]);
    for (datatype, contents, expected) in [
        ("BOOL", bools, Values::Bool(vec![true, false])),
        ("INT8", contents!(int_contents: [-128, 127]), Values::Int8(vec![-128, 127])),
        ("INT16", contents!(int_contents: [-300, 300]), Values::Int16(vec![-300, 300])),
        ("INT32", contents!(int_contents: [i32::MIN, 1]), Values::Int32(vec![i32::MIN, 1])),
        ("INT64", contents!(int64_contents: [i64::MIN, 1]), Values::Int64(vec![i64::MIN, 1])),
        ("UINT8", contents!(uint_contents: [0, 255]), Values::Uint8(vec![0, 255])),
        ("UINT16", contents!(uint_contents: [0, 65535]), Values::Uint16(vec![0, 65535])),
        ("UINT32", contents!(uint_contents: [0, u32::MAX]), Values::Uint32(vec![0, u32::MAX])),
        ("UINT64", contents!(uint64_contents: [0, u64::MAX]), Values::Uint64(vec![0, u64::MAX])),
        ("FP32", contents!(fp32_contents: [0.5, 1e38]), Values::Float32(vec![0.5, 1e38])),
        ("FP64", contents!(fp64_contents: [0.5, 1e300]), Values::Float64(vec![0.5, 1e300])),
        ("BYTES", contents!(bytes_contents: texts.clone()), Values::String(texts.to_vec())),
    ] {
        let request = decoded(&with_contents(datatype, &[2, 1], contents.clone())).unwrap();
        let expected = Tensor::new("x".into(), vec![2, 1], expected).unwrap();
        assert_eq!(request.inputs, [expected], "{datatype}");
        let text = refusal(&with_contents(datatype, &[3], contents));
        assert!(text.starts_with("inputs[0]: tensor 'x': shape [3] wants 3"), "{text}");
    }
}

#[test]
fn an_input_without_elements_needs_no_contents() {
    let none = decoded(&with_contents("FP16", &[0], Contents::default())).unwrap();
    assert_eq!(none.inputs[0].elements(), Elements::Float16(&[]));
    let inputs = vec![input("x", "FP32", &[0])];
    let absent = decoded(&wire::InferRequest { inputs, ..Default::default() }).unwrap();
    assert_eq!(absent.inputs[0].elements(), Elements::Float32(&[]));
}

#[test]
fn raw_contents_of_halves_are_read() {
    let halves = decoded(&with_raw("FP16", &[1], &f16::ONE.to_le_bytes())).unwrap();
    assert_eq!(halves.inputs[0].elements(), Elements::Float16(&[f16::ONE]));
    let brains = decoded(&with_raw("BF16", &[1], &bf16::ONE.to_le_bytes())).unwrap();
    assert_eq!(brains.inputs[0].elements(), Elements::Bfloat16(&[bf16::ONE]));
}

#[test]
fn contents_in_another_field_are_refused() {
    let floats = Contents { fp32_contents: vec![1.0], ..Contents::default() };
    for (datatype, expected) in [
        ("INT32", "inputs[0]: contents: INT32 is sent in int_contents, got fp32_contents"),
        ("FP16", "inputs[0]: contents: FP16 is sent in raw_input_contents, got fp32_contents"),
    ] {
        assert_eq!(refusal(&with_contents(datatype, &[1], floats.clone())), expected);
    }
    let both = Contents { int64_contents: vec![1], ..floats };
    assert!(refusal(&with_contents("FP32", &[1], both)).contains("got int64_contents"));
    let wide = Contents { int_contents: vec![1, 128], ..Contents::default() };
    assert_eq!(
        refusal(&with_contents("INT8", &[2], wide)),
        "inputs[0]: contents.int_contents[1]: 128 is out of range for int8, -128 to 127 is allowed"
    );
}

#[test]
fn the_numbers_of_inputs_and_of_raw_contents_go_together() {
    let mut request = full();
    request.raw_input_contents.pop();
    assert!(refusal(&request).starts_with("inputs[1]: raw_input_contents has no entry for it"));
    request = full();
    request.raw_input_contents.push(Bytes::new());
    assert_eq!(
        refusal(&request),
        "raw_input_contents has 3 entries, 1 more than there are inputs for them"
    );
    request = full();
    request.inputs[1].contents =
        Some(Contents { bytes_contents: vec![Bytes::new()], ..Contents::default() });
    assert_eq!(refusal(&request), "inputs[1]: contents and raw_input_contents can't be combined");
}

#[test]
fn shapes_are_checked_before_anything_is_allocated() {
    for (shape, expected) in [
        (&[-1][..], "inputs[0]: shape has the size -1"),
        (&[2, i64::MIN], "inputs[0]: shape has the size -9223372036854775808"),
        (&[i64::MAX], "inputs[0]: input 'x': shape is too large"),
        (&[i64::MAX, 4], "inputs[0]: input 'x': shape is too large"),
        (&[1 << 61], "inputs[0]: input 'x': shape is too large"),
        (&[1 << 40], "inputs[0]: input 'x': FP64 of shape [1099511627776] takes 8796093022208"),
        (&[1], "inputs[0]: input 'x': FP64 of shape [1] takes 8 bytes, got 16"),
    ] {
        let text = refusal(&with_raw("FP64", shape, &[0; 16]));
        assert!(text.starts_with(expected), "{text}");
    }
    let text = refusal(&with_raw("BYTES", &[1 << 40], &[0; 16]));
    assert!(text.contains("1099511627776 strings can't be in 16 bytes"), "{text}");
    let dims = |count| with_raw("FP64", &vec![1; count], &[0; 8]);
    assert_eq!(decoded(&dims(MAX_RANK)).unwrap().inputs[0].shape().len(), MAX_RANK);
    assert!(refusal(&dims(MAX_RANK + 1)).starts_with("inputs[0]: shape has more than"));
    assert!(refusal(&with_raw("FP8", &[1], &[0])).starts_with("inputs[0]: datatype 'FP8'"));
}

#[test]
fn the_number_of_each_part_is_limited() {
    let inputs = |count| wire::InferRequest {
        inputs: vec![input("x", "FP32", &[0]); count],
        ..Default::default()
    };
    assert_eq!(decoded(&inputs(MAX_TENSORS)).unwrap().inputs.len(), MAX_TENSORS);
    assert_eq!(refusal(&inputs(MAX_TENSORS + 1)), "more than 1024 inputs");
    let outputs = |count| wire::InferRequest {
        outputs: vec![wire::RequestedOutput::default(); count],
        ..Default::default()
    };
    assert_eq!(decoded(&outputs(MAX_TENSORS)).unwrap().outputs.len(), MAX_TENSORS);
    assert_eq!(refusal(&outputs(MAX_TENSORS + 1)), "more than 1024 outputs");
    let raw = |count| wire::InferRequest {
        raw_input_contents: vec![Bytes::new(); count],
        ..Default::default()
    };
    assert!(refusal(&raw(MAX_TENSORS)).starts_with("raw_input_contents has 1024 entries"));
    assert_eq!(refusal(&raw(MAX_TENSORS + 1)), "more than 1024 raw inputs");
    let parameters = |count| wire::InferRequest {
        parameters: (0..count)
            .map(|index: usize| (index.to_string(), ParameterValue::Bool(true).into()))
            .collect(),
        ..Default::default()
    };
    assert!(decoded(&parameters(MAX_PARAMETERS)).is_ok());
    assert_eq!(refusal(&parameters(MAX_PARAMETERS + 1)), "parameters: more than 256 parameters");
}

#[test]
fn malformed_parts_are_named() {
    let mut request = full();
    request.parameters.insert("none".to_owned(), wire::InferParameter::default());
    assert_eq!(refusal(&request), "parameters: parameter 'none' has no value");
    request = full();
    let parameters = &mut request.outputs[0].parameters;
    parameters.insert("classification".to_owned(), ParameterValue::Bool(true).into());
    assert!(refusal(&request).starts_with("outputs[0]: parameter 'classification' must be"));
    let text = decode(&app(), &Bytes::from_static(&[0x0a, 1, 0xff]), &Room::unlimited());
    assert_eq!(text.unwrap_err().message(), "model_name: not valid UTF-8 at byte 0");
}

#[test]
fn memory_is_charged_before_it_is_taken() {
    let full = |_| Err(Error::new(Cause::QueueFull, "full"));
    let contents = Contents { bytes_contents: vec![Bytes::new(); 200_000], ..Contents::default() };
    let message = with_contents("BYTES", &[200_000], contents).encode_to_vec();
    let room = Room::of_body(message.len(), &full);
    let error = decode(&app(), &message.into(), &room).unwrap_err();
    assert_eq!(error.cause(), Cause::QueueFull);
}

#[test]
fn what_is_read_in_advance_may_be_malformed() {
    let message = Bytes::from(full().encode_to_vec());
    assert_eq!(peek_id(&message), "seven");
    assert_eq!(peek_id(&message.slice(..6)), "");
    assert_eq!(peek_id(&Bytes::from_static(b"\xff\xff")), "");
    assert_eq!(find_raw_input(&message[..10]), None);
    assert_eq!(find_raw_input(b"\xff\xff"), None);
    let large = with_raw("UINT8", &[1 << 20], &vec![0; 1 << 20]).encode_to_vec();
    assert!(cost_of(&large) < (1 << 20) / 10);
    let typed = Contents { int64_contents: vec![1; 100_000], ..Contents::default() };
    assert!(cost_of(&with_contents("INT64", &[100_000], typed).encode_to_vec()) > 100_000);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let message = Bytes::from(bytes);
        let _ = decode(&app(), &message, &Room::unlimited());
        let _ = (peek_id(&message), cost_of(&message), find_raw_input(&message));
    }

    #[test]
    fn damaged_requests_are_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        length in any::<prop::sample::Index>(),
    ) {
        let mut bytes = full().encode_to_vec();
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        bytes.truncate(length.index(bytes.len() + 1));
        let message = Bytes::from(bytes);
        if let Ok(request) = decode(&app(), &message, &Room::unlimited()) {
            for tensor in request.inputs {
                let count: usize = tensor.shape().iter().product();
                prop_assert_eq!(tensor.elements().len(), count);
            }
        }
        let _ = (peek_id(&message), cost_of(&message), find_raw_input(&message));
    }

    #[test]
    fn raw_elements_arrive_as_they_are(elements in prop::collection::vec(any::<i64>(), 0..40)) {
        let raw: Vec<u8> = elements.iter().flat_map(|element| element.to_le_bytes()).collect();
        let shape = [i64::try_from(elements.len()).unwrap()];
        let request = decoded(&with_raw("INT64", &shape, &raw)).unwrap();
        prop_assert_eq!(request.inputs[0].elements(), Elements::Int64(&elements));
        let contents = Contents { int64_contents: elements.clone(), ..Contents::default() };
        let typed = decoded(&with_contents("INT64", &shape, contents)).unwrap();
        prop_assert_eq!(typed.inputs, request.inputs);
    }
}
