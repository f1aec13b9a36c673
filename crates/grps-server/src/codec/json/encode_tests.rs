//! Tests of the JSON text of answers.

use std::sync::Arc;

use bytes::Bytes;
use grps_core::{Cause, Values};
use half::{bf16, f16};

use super::*;
use crate::codec::message::Outcome;

fn text(message: &GrpsMessage) -> String {
    String::from_utf8(encode(message)).unwrap()
}

fn text_of(data: Data) -> String {
    text(&GrpsMessage { data, ..GrpsMessage::default() })
}

fn tensor(shape: &[usize], values: Values) -> Tensor {
    Tensor::new(Arc::default(), shape, values).unwrap()
}

#[test]
fn status_and_model_come_first() {
    let data = Data::Text("x".into());
    let message = GrpsMessage { status: Some(Status::ok()), model: "m-1".into(), data };
    assert_eq!(
        text(&message),
        r#"{"status":{"code":200,"msg":"OK","status":"SUCCESS"},"model":"m-1","str_data":"x"}"#
    );
    let status = Status { outcome: Outcome(7), ..Status::default() };
    let message = GrpsMessage { status: Some(status), ..GrpsMessage::default() };
    assert_eq!(text(&message), r#"{"status":{"status":7}}"#);
    let message = GrpsMessage { status: Some(Status::default()), ..GrpsMessage::default() };
    assert_eq!(text(&message), r#"{"status":{}}"#);
}

#[test]
fn set_data_fields_are_always_written() {
    assert_eq!(text_of(Data::None), "{}");
    assert_eq!(text_of(Data::Text(String::new())), r#"{"str_data":""}"#);
    assert_eq!(text_of(Data::Binary(Bytes::from_static(&[0, 1]))), r#"{"bin_data":"AAE="}"#);
    assert_eq!(text_of(Data::Tensors(vec![])), r#"{"gtensors":{}}"#);
    assert_eq!(
        text_of(Data::Tensors(vec![WireTensor::default()])),
        r#"{"gtensors":{"tensors":[{}]}}"#
    );
    assert_eq!(text_of(Data::NdArrayMarker), r#"{"ndarray":{}}"#);
    assert_eq!(text_of(Data::Map(Box::default())), r#"{"gmap":{}}"#);
}

#[test]
fn tensors_of_every_type() {
    let expectations = [
        (Values::Uint8(vec![0, 255]), r#""DT_UINT8","shape":[2],"flat_uint8":[0,255]"#),
        (Values::Int8(vec![-1, 2]), r#""DT_INT8","shape":[2],"flat_int8":[-1,2]"#),
        (Values::Int16(vec![-1, 2]), r#""DT_INT16","shape":[2],"flat_int16":[-1,2]"#),
        (Values::Int32(vec![-1, 2]), r#""DT_INT32","shape":[2],"flat_int32":[-1,2]"#),
        (Values::Int64(vec![-1, 2]), r#""DT_INT64","shape":[2],"flat_int64":["-1","2"]"#),
        (
            Values::Float16(vec![f16::from_f32(0.5), f16::NAN]),
            r#""DT_FLOAT16","shape":[2],"flat_float16":[0.5,"NaN"]"#,
        ),
        (Values::Float32(vec![0.2, 2.0]), r#""DT_FLOAT32","shape":[2],"flat_float32":[0.2,2.0]"#),
        (Values::Float64(vec![0.2, 2.0]), r#""DT_FLOAT64","shape":[2],"flat_float64":[0.2,2.0]"#),
        (
            Values::String(vec!["a".into(), "\"".into()]),
            r#""DT_STRING","shape":[2],"flat_string":["a","\""]"#,
        ),
    ];
    for (values, expected) in expectations {
        let tensor = tensor(&[2], values);
        let expected = format!("{{\"gtensors\":{{\"tensors\":[{{\"dtype\":{expected}}}]}}}}");
        let direct = encode_tensors(None, "", std::slice::from_ref(&tensor)).unwrap();
        assert_eq!(String::from_utf8(direct).unwrap(), expected);
        assert_eq!(text_of(Data::Tensors(vec![tensor.try_into().unwrap()])), expected);
    }
    let unknown = WireTensor { name: "n".into(), dtype: 42, ..WireTensor::default() };
    assert_eq!(
        text_of(Data::Tensors(vec![unknown.clone(), unknown])),
        r#"{"gtensors":{"tensors":[{"name":"n","dtype":42},{"name":"n","dtype":42}]}}"#
    );
}

#[test]
fn types_that_the_wire_lacks_are_refused() {
    let refused = [
        Values::Uint16(vec![1]),
        Values::Uint32(vec![1]),
        Values::Uint64(vec![1]),
        Values::Bfloat16(vec![bf16::ONE]),
    ];
    for values in refused {
        let dtype = values.dtype();
        let tensors = [Tensor::new("y".into(), vec![1], values).unwrap()];
        let text = format!("output 'y' has type {dtype}, which has no GRPS data type");
        for error in [
            encode_tensors(None, "", &tensors).unwrap_err(),
            crate::codec::proto::encode_tensors(None, "", &tensors).unwrap_err(),
            crate::codec::raw::encode(&tensors[0]).unwrap_err(),
            WireTensor::try_from(tensors[0].clone()).unwrap_err(),
        ] {
            assert_eq!((error.cause(), error.message()), (Cause::ModelFailed, text.as_str()));
        }
    }
}

#[test]
fn maps_write_default_values_too() {
    let map = MapData {
        s_s: vec![("a\"".into(), String::new()), ("b".into(), "c".into())],
        s_b: vec![("x".into(), Bytes::from_static(&[0xff]))],
        s_i32: vec![("i".into(), 0)],
        s_i64: vec![("l".into(), 1)],
        s_f: vec![("f".into(), 0.1)],
        s_d: vec![("d".into(), f64::NAN)],
    };
    let expected = r#"{"gmap":{"s_s":{"a\"":"","b":"c"},"s_b":{"x":"/w=="},"s_i32":{"i":0},"s_i64":{"l":"1"},"s_f":{"f":0.1},"s_d":{"d":"NaN"}}}"#;
    assert_eq!(text_of(Data::Map(Box::new(map))), expected);
}

fn ndarray(shape: &[usize], values: &[f32]) -> String {
    ndarray_of(shape, Values::Float32(values.to_vec()))
}

fn ndarray_of(shape: &[usize], values: Values) -> String {
    let tensor = tensor(shape, values);
    let text = String::from_utf8(encode_ndarray(None, &[tensor]).unwrap()).unwrap();
    let start = text.strip_prefix("{\"model\":\"\",\"ndarray\":").unwrap();
    start.strip_suffix('}').unwrap().to_owned()
}

#[test]
fn ndarray_is_nested_by_shape() {
    assert_eq!(ndarray(&[], &[3.5]), "3.5");
    assert_eq!(ndarray(&[1, 3], &[2.0, 5.0, 0.2]), "[[2.0,5.0,0.20000000298023224]]");
    assert_eq!(ndarray(&[2, 2, 1], &[1.0, 2.0, 3.0, 4.0]), "[[[1.0],[2.0]],[[3.0],[4.0]]]");
    assert_eq!(ndarray(&[1, 0], &[]), "[[]]");
    assert_eq!(ndarray(&[0, 3], &[]), "[]");
    assert_eq!(ndarray(&[2, 0, 3], &[]), "[[],[]]");
    assert_eq!(ndarray(&[3], &[f32::NAN, f32::INFINITY, -0.0]), r#"["NaN","Infinity",-0.0]"#);
    let tensors = [tensor(&[1], Values::Float32(vec![1.0])), tensor(&[0], Values::Int8(vec![]))];
    assert_eq!(
        String::from_utf8(encode_ndarray(Some(&Status::ok()), &tensors).unwrap()).unwrap(),
        r#"{"status":{"code":200,"msg":"OK","status":"SUCCESS"},"model":"","ndarray":[1.0]}"#
    );
}

#[test]
fn ndarray_is_of_any_type() {
    let samples: [(Values, &str); 14] = [
        (Values::Bool(vec![true, false]), "[1,0]"),
        (Values::Uint8(vec![0, 255]), "[0,255]"),
        (Values::Uint16(vec![0, u16::MAX]), "[0,65535]"),
        (Values::Uint32(vec![0, u32::MAX]), "[0,4294967295]"),
        (Values::Uint64(vec![0, u64::MAX]), "[0,18446744073709551615]"),
        (Values::Int8(vec![-128, 0]), "[-128,0]"),
        (Values::Int16(vec![-2, 0]), "[-2,0]"),
        (Values::Int32(vec![-2, 0]), "[-2,0]"),
        (Values::Int64(vec![i64::MIN, 0]), "[-9223372036854775808,0]"),
        (Values::Float16(vec![f16::from_f32(0.5), f16::NAN]), "[0.5,\"NaN\"]"),
        (Values::Bfloat16(vec![bf16::ONE, bf16::INFINITY]), "[1.0,\"Infinity\"]"),
        (Values::Float32(vec![0.2, 1.0]), "[0.20000000298023224,1.0]"),
        (Values::Float64(vec![0.2, f64::NEG_INFINITY]), "[0.2,\"-Infinity\"]"),
        (
            Values::String(vec!["a\"".into(), Bytes::from_static(&[0xff])]),
            r#"["a\"",{"b64":"/w=="}]"#,
        ),
    ];
    for (values, expected) in samples {
        assert_eq!(ndarray_of(&[2], values.clone()), expected);
        assert_eq!(ndarray_of(&[1, 2, 1], values.clone()).matches('[').count(), 4);
        // What is written is read again as the same.
        let body = format!("{{\"ndarray\":{expected}}}");
        let read =
            crate::codec::json::parse_ndarray(body.as_bytes(), 11..body.len() - 1, values.dtype());
        assert_eq!(format!("{:?}", read.unwrap().elements()), format!("{:?}", values.elements()));
    }
}

#[test]
fn ndarray_wants_a_tensor() {
    let error = encode_ndarray(None, &[]).unwrap_err();
    assert_eq!(error.message(), "No tensors in output. Cannot convert to ndarray.");
    assert_eq!(error.cause(), Cause::InvalidArgument);
}

#[test]
fn empty_lists_are_bounded() {
    let limit = tensor(&[MAX_EMPTY_LISTS, 0], Values::Float32(vec![]));
    assert!(encode_ndarray(None, &[limit]).is_ok());
    let over = tensor(&[MAX_EMPTY_LISTS + 1, 0], Values::Float32(vec![]));
    assert!(encode_ndarray(None, &[over]).unwrap_err().message().contains("empty lists"));
    let huge = tensor(&[1 << 40, 1 << 19, 0], Values::Float32(vec![]));
    assert!(encode_ndarray(None, &[huge]).is_err());
}
