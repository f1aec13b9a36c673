//! Tests of inference requests in JSON.

use grps_core::{Cause, Elements};
use proptest::prelude::*;

use super::*;
use crate::app::tests::app;

fn read(body: impl Into<Bytes>, json_length: Option<usize>) -> Result<InferRequest, Error> {
    super::read(&app(), body.into(), json_length, &Room::unlimited())
}

fn json(text: &str) -> Result<InferRequest, Error> {
    read(text.to_owned(), None)
}

/// The only input of a request whose input has these fields.
fn input(fields: &str) -> Result<Tensor, Error> {
    json(&format!("{{\"inputs\": [{{{fields}}}]}}")).map(|mut request| request.inputs.remove(0))
}

fn fault(fields: &str) -> String {
    input(fields).unwrap_err().message().to_owned()
}

#[test]
fn data_are_flat_or_nested_and_fields_come_in_any_order() {
    for fields in [
        "\"name\": \"x\", \"datatype\": \"FP32\", \"shape\": [2, 2], \"data\": [1, 2, 3, 4.5]",
        "\"data\": [[1, 2], [3, 4.5]], \"shape\": [2, 2], \"datatype\": \"FP32\", \"name\": \"x\"",
    ] {
        let tensor = input(fields).unwrap();
        assert_eq!((tensor.name(), tensor.shape()), ("x", [2, 2].as_slice()));
        assert_eq!(tensor.elements(), Elements::Float32(&[1.0, 2.0, 3.0, 4.5]));
    }
    let scalar = "\"name\": \"x\", \"datatype\": \"INT64\", \"shape\": [], \"data\": [-5]";
    assert_eq!(input(scalar).unwrap().elements(), Elements::Int64(&[-5]));
}

#[test]
fn all_types_are_read_from_json() {
    for dtype in DataType::ALL {
        let name = data_type::name_of(dtype);
        let data = if dtype == DataType::String { "\"1\", \"0\"" } else { "1, 0" };
        let fields = format!(
            "\"name\": \"x\", \"datatype\": \"{name}\", \"shape\": [2], \"data\": [{data}]"
        );
        assert_eq!(input(&fields).unwrap().dtype(), dtype, "{name}");
    }
}

#[test]
fn faults_name_their_place() {
    let typed = "\"name\": \"x\", \"datatype\": \"UINT8\"";
    for (fields, expected) in [
        ("\"datatype\": \"FP32\"", "inputs[0]: name is missing"),
        ("\"name\": \"x\"", "inputs[0]: input 'x': datatype is missing"),
        (typed, "inputs[0]: input 'x': shape is missing"),
        (&format!("{typed}, \"shape\": [1]"), "inputs[0]: input 'x': it has neither data nor"),
        (&format!("{typed}, \"shape\": [-1], \"data\": []"), "inputs[0].shape: shape has the size"),
        (&format!("{typed}, \"shape\": [1], \"data\": [300]"), "inputs[0]: data[0]: 300 is out of"),
        (&format!("{typed}, \"shape\": [3], \"data\": [1]"), "inputs[0]: tensor 'x': shape [3]"),
        ("\"name\": \"x\", \"datatype\": \"FP99\"", "inputs[0].datatype: datatype 'FP99' is not"),
        (&format!("{typed}, \"shape\": [[1]]"), "inputs[0].shape: expected a number"),
    ] {
        let message = fault(fields);
        assert!(message.starts_with(expected), "{message}");
    }
    for (text, expected) in [
        ("{}", "inputs is missing"),
        ("[]", "expected a JSON object"),
        ("{\"inputs\": 1}", "inputs: expected a list"),
        ("{\"id\": 5, \"inputs\": []}", "id: expected a string"),
        ("{\"inputs\": [], \"outputs\": [{}]}", "outputs[0]: name is missing"),
    ] {
        let error = json(text).unwrap_err();
        assert!(error.message().starts_with(expected), "{error}");
    }
}

/// A body with an input of two FP32 values in binary, and the length of its JSON.
fn with_binary(size: &str, binary: &[u8]) -> (Bytes, Option<usize>) {
    let json = format!(
        "{{\"inputs\": [{{\"name\": \"x\", \"datatype\": \"FP32\", \"shape\": [2], \
         \"parameters\": {{\"binary_data_size\": {size}}}}}]}}"
    );
    let length = json.len();
    (Bytes::from([json.as_bytes(), binary].concat()), Some(length))
}

#[test]
fn binary_data_are_slices_of_the_body() {
    let (body, length) = with_binary("8", &[0; 8]);
    let inside = body.as_ptr().addr()..body.as_ptr().addr() + body.len();
    let request = read(body, length).unwrap();
    let start = request.inputs[0].elements().bytes().as_ptr().addr();
    // Where the allocator put the body decides whether its elements are aligned.
    assert!(inside.contains(&start) || !(inside.end - 8).is_multiple_of(4));
    for (size, binary) in
        [("8", 7), ("8", 9), ("4", 4), ("18446744073709551615", 8), ("-8", 8), ("\"8\"", 8)]
    {
        let (body, length) = with_binary(size, &vec![0; binary]);
        let error = read(body, length).unwrap_err();
        assert_eq!(error.cause(), Cause::InvalidArgument, "{size} {binary}");
    }
    let (body, length) = with_binary("8", &[0; 8]);
    let beyond = length.map(|length| length + 9);
    assert!(read(body, beyond).unwrap_err().message().contains("has only"));
}

#[test]
fn requests_have_identifiers_parameters_and_outputs() {
    let text = "{\"id\": \"7\", \"parameters\": {\"priority\": 1}, \"inputs\": [], \"outputs\": \
                [{\"name\": \"y\", \"parameters\": {\"binary_data\": true}}], \"other\": [{}]}";
    let request = json(text).unwrap();
    assert_eq!((request.id.as_str(), request.outputs.len()), ("7", 1));
    assert_eq!(request.outputs[0].binary, Some(true));
    assert!(request.parameters.get("priority").is_some());
}

#[test]
fn deep_and_many_values_are_refused() {
    let deep = "[".repeat(100_000);
    for text in [
        format!("{{\"inputs\": {deep}"),
        format!("{{\"x\": {deep}"),
        format!("{{\"inputs\": [{{\"data\": {deep}"),
        format!("{{\"inputs\": [{{\"datatype\": \"FP32\", \"data\": {deep}"),
        format!("{{\"inputs\": [{{\"shape\": {deep}"),
    ] {
        assert!(json(&text).is_err());
    }
    let many = vec!["{\"name\": \"y\"}"; MAX_TENSORS + 1].join(",");
    let error = json(&format!("{{\"inputs\": [], \"outputs\": [{many}]}}")).unwrap_err();
    assert!(error.message().contains("more than 1024 outputs"), "{error}");
    let ranks = vec!["1"; 100_000].join(",");
    assert!(fault(&format!("\"shape\": [{ranks}]")).contains("dimensions"));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..60), length in prop::option::of(0usize..80)
    ) {
        let _ = read(bytes, length);
    }

    #[test]
    fn cut_and_changed_requests_are_read_or_refused(at in 0usize..200, byte in any::<u8>()) {
        let (body, length) = with_binary("8", &[1; 8]);
        let _ = read(body.slice(..at.min(body.len())), length);
        let mut changed = body.to_vec();
        if let Some(place) = changed.get_mut(at) {
            *place = byte;
        }
        let _ = read(changed, length);
    }
}
