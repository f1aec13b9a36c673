use grps_core::{
    Cause, Elements, InputForm, Model, ModelSpec, Naming, Registry, RouteQuery, Signature,
};
use proptest::prelude::*;

use super::*;

fn route(declared: &[(&str, DataType)]) -> Route {
    let spec = |(name, dtype): &(&str, DataType)| TensorSpec {
        name: (*name).into(),
        dtype: Some(*dtype),
        shape: None,
        required: true,
    };
    let signature = Signature {
        inputs: declared.iter().map(spec).collect(),
        outputs: Vec::new(),
        naming: Naming::Strict,
    };
    let spec = ModelSpec {
        signature: (!declared.is_empty()).then_some(signature),
        ..ModelSpec::new("m", "1", InputForm::Tensors)
    };
    let registry = Registry::default();
    registry.add(Model::pulled(spec).0).unwrap();
    registry.resolve(&RouteQuery::named("m")).unwrap()
}

const ONE: &[(&str, DataType)] = &[("x", DataType::Float32)];
const TWO: &[(&str, DataType)] = &[("a", DataType::Int64), ("b", DataType::String)];

fn read_body(declared: &[(&str, DataType)], body: &str) -> Result<JsonRequest, Error> {
    read(&route(declared), &Bytes::from(body.to_owned()), &Room::unlimited())
}

fn inputs_of(declared: &[(&str, DataType)], body: &str) -> Vec<Tensor> {
    read_body(declared, body).unwrap().inputs
}

fn message(declared: &[(&str, DataType)], body: &str) -> String {
    read_body(declared, body).unwrap_err().message().to_owned()
}

#[test]
fn the_only_input_needs_no_name() {
    let tensors = inputs_of(ONE, r#"{"instances": [[1, 2], [3, 4]]}"#);
    assert_eq!((tensors[0].name(), tensors[0].shape()), ("x", [2, 2].as_slice()));
    assert_eq!(tensors[0].elements(), Elements::Float32(&[1.0, 2.0, 3.0, 4.0]));
    assert_eq!(inputs_of(ONE, r#"{"instances": [1.5, NaN]}"#)[0].shape(), [2]);
    assert!(inputs_of(ONE, r#"{"inputs": 5}"#)[0].shape().is_empty());
    assert_eq!(inputs_of(ONE, r#"{"inputs": [[5]]}"#)[0].shape(), [1, 1]);
    let text = &[("t", DataType::String)];
    for body in [r#"{"instances": [{"b64": "/w=="}]}"#, r#"{"inputs": [{"b64": "/w=="}]}"#] {
        let tensors = inputs_of(text, body);
        let expected = [Bytes::from_static(b"\xff")];
        assert_eq!(tensors[0].elements(), Elements::String(&expected), "{body}");
    }
    assert!(inputs_of(text, r#"{"inputs": {"b64": "/w=="}}"#)[0].shape().is_empty());
    assert!(message(TWO, r#"{"instances": [1]}"#).contains("several inputs: 'a', 'b'"));
    assert!(message(TWO, r#"{"inputs": [1]}"#).contains("several inputs: 'a', 'b'"));
}

#[test]
fn inputs_are_named_in_columns() {
    let body = r#"{"inputs": {"b": ["x", "y"], "a": [[1], [2]]}, "signature_name": "s"}"#;
    let request = read_body(TWO, body).unwrap();
    assert_eq!((request.signature.as_str(), request.kind), ("s", ResponseKind::Columns));
    assert_eq!((request.inputs[0].name(), request.inputs[1].name()), ("b", "a"));
    assert_eq!(request.inputs[1].elements(), Elements::Int64(&[1, 2]));
    assert_eq!(inputs_of(ONE, r#"{"inputs": {"x": 1}}"#)[0].name(), "x");
    assert!(message(TWO, r#"{"inputs": {"a": 1, "a": 2}}"#).contains("'a' is given twice"));
    let fault = message(TWO, r#"{"inputs": {"a": [1, "z"]}}"#);
    assert!(fault.starts_with("input 'a': inputs[1]: expected a number"), "{fault}");
}

#[test]
fn inputs_are_named_in_rows() {
    let body = r#"{"instances": [{"a": [1, 2], "b": "x"}, {"b": {"b64": "eQ=="}, "a": [3, 4]}]}"#;
    let request = read_body(TWO, body).unwrap();
    assert_eq!(request.kind, ResponseKind::Rows);
    assert_eq!((request.inputs[0].name(), request.inputs[0].shape()), ("a", [2, 2].as_slice()));
    assert_eq!(request.inputs[0].elements(), Elements::Int64(&[1, 2, 3, 4]));
    let expected = [Bytes::from_static(b"x"), Bytes::from_static(b"y")];
    assert_eq!(request.inputs[1].elements(), Elements::String(&expected));
    for (body, expected) in [
        (r#"{"instances": [{"a": 1, "b": "x"}, {"a": 2}]}"#, "instances[1] lacks the input 'b'"),
        (r#"{"instances": [{"a": 1}, {"a": 2, "c": 2}]}"#, "instances[1] has the input 'c'"),
        (r#"{"instances": [{"a": 1, "a": 2}]}"#, "the input 'a' is given twice"),
        (r#"{"instances": [{"a": [1]}, {"a": [1, 2]}]}"#, "input 'a': instances is ragged"),
        (r#"{"instances": [{"a": 1}, 2]}"#, "expected an object with inputs"),
        (r#"{"instances": [{}]}"#, "instances[0] has no input"),
    ] {
        let message = message(TWO, body);
        assert!(message.starts_with(expected), "{message}");
    }
    assert!(message(ONE, r#"{"instances": [1, {"x": 2}]}"#).contains("instances[1]"));
}

#[test]
fn undeclared_inputs_have_the_type_that_they_look_like() {
    let tensors = inputs_of(&[], r#"{"inputs": {"n": [1], "t": ["a"]}}"#);
    assert_eq!((tensors[0].dtype(), tensors[1].dtype()), (DataType::Float32, DataType::String));
    let rows = inputs_of(&[], r#"{"instances": [["a"], ["b"]]}"#);
    assert_eq!((rows[0].name(), rows[0].shape()), ("", [2, 1].as_slice()));
}

#[test]
fn malformed_bodies_are_refused() {
    for body in [
        "",
        "[]",
        "{}",
        r#"{"instances": []}"#,
        r#"{"instances": {"x": 1}}"#,
        r#"{"instances": null}"#,
        r#"{"instances": [1], "inputs": [1]}"#,
        r#"{"inputs": [1], "inputs": [1]}"#,
        r#"{"signature_name": 5, "inputs": [1]}"#,
        r#"{"inputs": [[1], [2, 3]]}"#,
        r#"{"inputs": {"x": {"y": 1}}}"#,
        r#"{"inputs": [1]} x"#,
    ] {
        assert!(read_body(ONE, body).is_err(), "{body}");
    }
    let null = read_body(ONE, r#"{"signature_name": null, "other": {}, "inputs": [1]}"#).unwrap();
    assert_eq!(null.signature, "");
}

#[test]
fn the_number_of_inputs_is_limited() {
    let body = |count: usize| {
        let fields: Vec<_> = (0..count).map(|index| format!("\"i{index}\": 1")).collect();
        fields.join(",")
    };
    for (start, end) in [("{\"inputs\": {", "}}"), ("{\"instances\": [{", "}]}")] {
        let within = format!("{start}{}{end}", body(MAX_TENSORS));
        assert_eq!(inputs_of(&[], &within).len(), MAX_TENSORS);
        let beyond = format!("{start}{}{end}", body(MAX_TENSORS + 1));
        assert!(message(&[], &beyond).contains("more than 1024 inputs"));
    }
}

#[test]
fn large_instances_are_charged() {
    let full = |_| Err(Error::new(Cause::QueueFull, "full"));
    let instances = vec!["{\"a\": [1, 2, 3, 4, 5, 6, 7, 8]}"; 40_000].join(",");
    let body = Bytes::from(format!("{{\"instances\": [{instances}]}}"));
    let room = Room::of_body(body.len(), &full);
    let declared = route(&[("a", DataType::Float64)]);
    assert_eq!(read(&declared, &body, &room).unwrap_err().message(), "full");
}

proptest! {
    #[test]
    fn any_body_is_read_or_refused(
        start in prop::sample::select(vec!["{\"instances\":", "{\"inputs\":", ""]),
        body in "[\\[\\]{}\",:ab64 0-9.eE-]{0,40}",
    ) {
        for declared in [ONE, TWO, &[]] {
            let _ = read_body(declared, &format!("{start}{body}"));
            let _ = read_body(declared, &format!("{start}{body}}}"));
        }
    }

    #[test]
    fn cut_bodies_are_refused(length in 0usize..84) {
        let body = r#"{"instances": [{"a": [1, 2], "b": "x"}, {"b": {"b64": "eQ=="}, "a": [3, 4]}]}"#;
        if length < body.len() {
            prop_assert!(read_body(TWO, &body[..length]).is_err());
        }
    }
}
