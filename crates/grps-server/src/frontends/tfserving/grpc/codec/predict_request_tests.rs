use grps_core::Elements;
use proptest::prelude::*;

use super::*;
use crate::frontends::tfserving::grpc::codec::test_messages::{self as wire, TensorProto};
use crate::frontends::tfserving::grpc::messages::SpecVersion;

fn floats(count: usize) -> TensorProto {
    let content = Bytes::from(vec![0; 4 * count]);
    let sizes = [i64::try_from(count).unwrap()];
    TensorProto { tensor_content: content, ..TensorProto::new(1, &sizes) }
}

fn request(inputs: &[(&str, TensorProto)]) -> wire::PredictRequest {
    let spec = ModelSpec {
        name: "m".to_owned(),
        version: Some(SpecVersion::Number(3)),
        signature_name: "s".to_owned(),
    };
    let inputs = inputs.iter().map(|(name, tensor)| ((*name).to_owned(), tensor.clone()));
    wire::PredictRequest {
        model_spec: Some(spec),
        inputs: inputs.collect(),
        output_filter: vec!["y".to_owned()],
    }
}

fn decode(bytes: impl Into<Bytes>) -> Result<PredictRequest, Error> {
    PredictRequest::decode(&bytes.into(), &Room::unlimited())
}

#[test]
fn requests_are_decoded() {
    let int = TensorProto { int64_val: vec![5], ..TensorProto::new(9, &[]) };
    let read = decode(request(&[("x", floats(2)), ("n", int)]).encode_to_vec()).unwrap();
    assert_eq!((read.spec.name.as_str(), read.spec.signature_name.as_str()), ("m", "s"));
    assert_eq!(read.spec.version, Some(SpecVersion::Number(3)));
    assert_eq!(read.outputs, ["y"]);
    let named = |name: &str| read.inputs.iter().find(|input| input.name() == name).unwrap();
    assert_eq!(named("x").elements(), Elements::Float32(&[0.0, 0.0]));
    assert_eq!(named("n").elements(), Elements::Int64(&[5]));
}

#[test]
fn names_are_given_once_and_not_too_often() {
    let one = request(&[("x", floats(1))]).encode_to_vec();
    let entry = wire::PredictRequest {
        inputs: [("x".to_owned(), floats(1))].into(),
        ..wire::PredictRequest::default()
    };
    let twice = [one.clone(), entry.encode_to_vec()].concat();
    assert_eq!(decode(twice).unwrap_err().message(), "input 'x' is given twice");
    let again = wire::PredictRequest {
        output_filter: vec!["y".to_owned()],
        ..wire::PredictRequest::default()
    };
    let twice = [one, again.encode_to_vec()].concat();
    assert_eq!(decode(twice).unwrap_err().message(), "output 'y' is given twice");
    let many = |count: usize| {
        let inputs = (0..count).map(|index| (index.to_string(), floats(1))).collect();
        wire::PredictRequest { inputs, ..wire::PredictRequest::default() }.encode_to_vec()
    };
    assert!(decode(many(MAX_TENSORS)).is_ok());
    assert_eq!(decode(many(MAX_TENSORS + 1)).unwrap_err().message(), "more than 1024 inputs");
}

#[test]
fn errors_name_the_input() {
    let wrong = TensorProto { double_val: vec![1.0], ..TensorProto::new(1, &[1]) };
    let error = decode(request(&[("a'b", wrong)]).encode_to_vec()).unwrap_err();
    assert!(error.message().starts_with("input \"a'b\": the elements of DT_FLOAT"), "{error}");
    let spec = b"\x0a\x02\x0a\x05";
    assert!(decode(&spec[..]).unwrap_err().message().starts_with("model_spec: "));
}

#[test]
fn elements_of_large_inputs_are_found_and_cost_little() {
    let message = request(&[("x", floats(100_000))]).encode_to_vec();
    let at = find_elements(&message).unwrap();
    let content = message.len() - at;
    assert!((400_000..400_010).contains(&content), "{content}");
    // The output filter follows.
    assert!(message[at..at + 400_000].iter().all(|byte| *byte == 0));
    assert_eq!(find_elements(&message[..at]), Some(at));
    assert_eq!(find_elements(&message[..at - 1]), None);
    assert!(cost_of(&message) < 30_000);
    let small = request(&[("x", floats(10))]).encode_to_vec();
    assert_eq!(find_elements(&small), None);
    assert_eq!(find_elements(&[0xff]), None);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = find_elements(&bytes);
        let _ = cost_of(&bytes);
        let full = |_| Err(Error::invalid("full"));
        let bytes = Bytes::from(bytes);
        let _ = PredictRequest::decode(&bytes, &Room::of_body(bytes.len(), &full));
    }

    #[test]
    fn cut_requests_are_read_or_refused(cut in 0usize..60) {
        let message = request(&[("x", floats(4))]).encode_to_vec();
        let _ = decode(message[..cut.min(message.len())].to_vec());
    }
}
