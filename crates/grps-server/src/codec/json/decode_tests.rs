//! Tests of the rules for a whole JSON body.

use std::sync::Arc;

use grps_core::{Cause, Values};

use super::*;

fn message(body: &str) -> GrpsMessage {
    decode(body.as_bytes()).unwrap().message
}

fn refusal(body: &str) -> String {
    let error = decode(body.as_bytes()).unwrap_err();
    assert_eq!(error.cause(), Cause::InvalidArgument);
    assert!(!error.message().contains('\n'));
    error.message().to_owned()
}

fn data_of_text(text: &str) -> Data {
    Data::Text(text.to_owned())
}

#[test]
fn text_and_model() {
    let expected = GrpsMessage { status: None, model: "m-1".into(), data: data_of_text("x") };
    assert_eq!(message(r#"{"str_data": "x", "model": "m-1"}"#), expected);
    assert_eq!(message(r#" {"model":null,"strData":""} "#).data, data_of_text(""));
    assert_eq!(message("\u{feff}{\"str_data\":\"x\"}").data, data_of_text("x"));
    assert_eq!(message(r#"{"str_data":"a","str_data":"b"}"#).data, data_of_text("b"));
}

#[test]
fn unknown_fields_and_status_are_skipped() {
    let body = r#"{"str_data":"x","foo":{"bar":[1]},"status":{"code":"?"},"bin_data":null}"#;
    let expected = GrpsMessage { data: data_of_text("x"), ..GrpsMessage::default() };
    assert_eq!(message(body), expected);
}

#[test]
fn field_types_are_checked() {
    assert_eq!(refusal(r#"{"str_data":5}"#), "str_data: expected a string, got a number");
    assert_eq!(refusal(r#"{"model":5,"str_data":"x"}"#), "model: expected a string, got a number");
    assert_eq!(refusal(r#"{"gtensors":"x"}"#), "gtensors: expected an object, got a string");
    assert_eq!(refusal(r#"{"gmap":[]}"#), "gmap: expected an object, got a list");
    assert_eq!(
        refusal(r#"{"bin_data":"AAEC"}"#),
        "bin_data is not accepted in JSON: send the bytes with Content-Type: \
         application/octet-stream"
    );
    assert_eq!(
        refusal(r#"{"gtensors":{"tensors":[{},{"flat_int32":[0,0,0,4294967296]}]}}"#),
        "gtensors.tensors[1].flat_int32[3]: 4294967296 is out of range for int32, \
         -2147483648 to 2147483647 is allowed"
    );
}

#[test]
fn bodies_that_are_no_object() {
    assert_eq!(refusal("\"abc\""), "expected a JSON object as the body, got a string");
    assert_eq!(refusal("[]"), "expected a JSON object as the body, got a list");
    assert!(refusal("").contains("line 1 column 1"));
    assert!(refusal(r#"{"str_data":"x"} x"#).contains("nothing may follow"));
    assert!(refusal("{\n\"str_data\" 1}").contains("line 2 column 12"));
    let error = decode(b"{\"str_data\":\"\xff\"}").unwrap_err();
    assert_eq!(error.message(), "the body is not valid UTF-8 at byte 13");
}

#[test]
fn one_data_field_is_wanted() {
    let choices = "give one of str_data, gtensors, ndarray, gmap";
    assert_eq!(refusal("{}"), format!("no data field: {choices}"));
    assert_eq!(refusal(r#"{"str_data":"a","str_data":null}"#), format!("no data field: {choices}"));
    assert_eq!(
        refusal(r#"{"gmap":{},"str_data":""}"#),
        format!("str_data and gmap are both given: {choices}")
    );
    assert_eq!(message(r#"{"gtensors":{}}"#).data, Data::Tensors(vec![]));
    assert_eq!(message(r#"{"gmap":{}}"#).data, Data::Map(Box::default()));
    assert_eq!(message(r#"{"gtensors":{},"gmap":null}"#).data, Data::Tensors(vec![]));
}

#[test]
fn ndarray_becomes_one_tensor() {
    let body = "\u{feff}{ \"ndarray\" : [[1, 2.5]] }";
    let request = decode(body.as_bytes()).unwrap();
    let body = body.trim_start_matches('\u{feff}');
    let columns = vec![Values::Float32(vec![1.0, 2.5])];
    let tensor = WireTensor { name: Arc::default(), dtype: 7, shape: vec![1, 2].into(), columns };
    assert_eq!(request.message.data, Data::Tensors(vec![tensor]));
    assert_eq!(&body[request.ndarray_span.unwrap()], "[[1, 2.5]]");
    let error = decode_as(br#"{"ndarray":["a"]}"#, DataType::Float32).unwrap_err();
    assert_eq!(error.message(), "ndarray[0]: expected a number, got the string \"a\"");
    assert_eq!(
        refusal(r#"{"ndarray":[[1,2],[3]]}"#),
        "ndarray is ragged: [1] has 1 values, [0] has 2"
    );
}

#[test]
fn other_data_comes_before_ndarray() {
    let request = decode(br#"{"ndarray":[[1,2],[3]],"str_data":"x"}"#).unwrap();
    assert_eq!((request.message.data, request.ndarray_span), (data_of_text("x"), None));
    let request = decode(br#"{"str_data":"","ndarray":1}"#).unwrap();
    assert_eq!(request.ndarray_span, Some(25..26));
    assert_eq!(message(r#"{"ndarray":null,"str_data":""}"#).data, data_of_text(""));
    assert!(refusal(r#"{"ndarray":[[1,2],[3],"str_data":"x"}"#).contains("syntax error"));
}

fn reparsed(array: &str, dtype: DataType) -> Result<Values, String> {
    let body = format!("{{\"ndarray\":{array}}}");
    let span = decode(body.as_bytes()).unwrap().ndarray_span.unwrap();
    let tensor = parse_ndarray(body.as_bytes(), span, dtype);
    tensor
        .map(|tensor| tensor.into_parts().2.into_values())
        .map_err(|error| error.message().to_owned())
}

#[test]
fn ndarray_as_other_types() {
    let extremes = "[-9223372036854775808, 9223372036854775807, true]";
    let expected = Values::Int64(vec![i64::MIN, i64::MAX, 1]);
    assert_eq!(reparsed(extremes, DataType::Int64), Ok(expected));
    assert_eq!(reparsed("[[0],[255]]", DataType::Uint8), Ok(Values::Uint8(vec![0, 255])));
    assert_eq!(reparsed("[0.1]", DataType::Float64), Ok(Values::Float64(vec![0.1])));
    assert_eq!(reparsed("[2.0]", DataType::Int16), Ok(Values::Int16(vec![2])));
    assert_eq!(
        reparsed("[[0],[256]]", DataType::Uint8).unwrap_err(),
        "ndarray[1][0]: 256 is out of range for uint8, 0 to 255 is allowed"
    );
    assert_eq!(
        reparsed("[1.5]", DataType::Int32).unwrap_err(),
        "ndarray[0]: \"1.5\" is not an integer"
    );
    let mixed = Values::String(vec!["red".into(), "-1.50e3".into(), "7".into()]);
    assert_eq!(reparsed("[\"red\", -1.50e3 ,7]", DataType::String), Ok(mixed));
    assert!(reparsed("[true]", DataType::String).unwrap_err().contains("expected a string"));
    assert!(decode_as(br#"{"ndarray":["a",1.]}"#, DataType::String).is_err());
    assert!(parse_ndarray(b"[1]", 0..9, DataType::Int8).is_err());
    assert!(parse_ndarray(b"[1],", 0..4, DataType::Int8).is_err());
}

#[test]
fn bodies_may_be_in_any_encoding() {
    let text = "{\"ndarray\": [\"\u{e9}\", \"\u{1f600}\"]}";
    let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked = [&[0xff, 0xfe], &units[..]].concat();
    for body in [text.as_bytes(), &units, &marked] {
        let request = decode(body).unwrap();
        let Data::Tensors(tensors) = request.message.data else { panic!("no tensors") };
        assert_eq!(tensors[0].columns, [Values::String(vec!["\u{e9}".into(), "\u{1f600}".into()])]);
        let read = parse_ndarray(body, request.ndarray_span.unwrap(), DataType::String);
        assert_eq!(read.unwrap().shape(), [2]);
        assert!(!has_true(body, "ndarray"));
    }
    let flag: Vec<u8> = "{\"stream\": true}".encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert!(has_true(&flag, "stream"));
}

#[test]
fn objects_are_recognised_whatever_they_contain() {
    for body in ["{}", " {\"a\": [1, {\"b\": null}]} ", "\u{feff}{}"] {
        assert!(is_object(body.as_bytes()), "{body}");
    }
    for body in ["", "{", "[]", "{} x", "{\"a\": }", "1"] {
        assert!(!is_object(body.as_bytes()), "{body}");
    }
    assert!(!is_object(b"{\"a\": \"\xff\"}"));
}

#[test]
fn unknown_fields_are_named_when_nothing_else_is_there() {
    let choices = "no data field: give one of str_data, gtensors, ndarray, gmap";
    let meant = "\"ndarry\" is not known: did you mean \"ndarray\"?";
    assert_eq!(refusal(r#"{"ndarry":[1],"x":1}"#), format!("{choices}; {meant}"));
    assert_eq!(refusal(r#"{"status":{},"foo":[1]}"#), format!("{choices}; \"foo\" is not known"));
}

#[test]
fn ndarray_of_strings() {
    let body = br#"{"ndarray":[["a"],["b"]]}"#;
    let request = decode_as(body, DataType::String).unwrap();
    let Data::Tensors(tensors) = request.message.data else { panic!("no tensors") };
    assert_eq!(tensors[0].columns, [Values::String(vec!["a".into(), "b".into()])]);
    assert_eq!((tensors[0].dtype, &tensors[0].shape[..]), (9, &[2, 1][..]));
}
