use grps_core::DataType;
use proptest::prelude::*;

use super::*;
use crate::codec::proto::{decode, decode_tensors, encode_tensors};

fn joined(tensors: &[Tensor]) -> Bytes {
    encode_raw(None, "m-1", tensors).unwrap().concat().into()
}

fn tensor(dtype: DataType, count: usize) -> Tensor {
    let values = Values::read(dtype, count, |bytes| {
        bytes.iter_mut().zip((0..2u8).cycle()).for_each(|(byte, value)| *byte = value);
        Ok::<_, ()>(())
    });
    Tensor::new("x".into(), vec![count, 1], values.unwrap()).unwrap()
}

/// A tensor message: number of its type, shape, and fields behind them.
fn message(dtype: u8, shape: &[u8], rest: &[u8]) -> Bytes {
    let shape = [&[0x1a, shape.len() as u8][..], shape].concat();
    let tensor = [&[0x10, dtype][..], &shape, rest].concat();
    let length = tensor.len() as u8;
    [&[0x2a, length + 2, 0x0a, length][..], &tensor].concat().into()
}

fn refusal(message: &Bytes) -> String {
    decode_tensors(message).unwrap_err().message().to_owned()
}

#[test]
fn every_type_goes_both_ways() {
    for dtype in DataType::ALL.into_iter().filter(|dtype| dtype.width().is_some()) {
        for count in [0, 1, 3, 20_000] {
            let sent = tensor(dtype, count);
            let bytes = joined(std::slice::from_ref(&sent));
            assert_eq!(decode_tensors(&bytes).unwrap(), [sent], "{dtype}");
            assert_eq!(decode(&bytes).unwrap().model, "m-1");
            assert!(has_raw(&bytes));
        }
    }
    let strings = Values::String(vec!["a".into(), Bytes::from_static(&[0xff])]);
    let strings = Tensor::new("s".into(), vec![2], strings).unwrap();
    let one = std::slice::from_ref(&strings);
    assert_eq!(decode_tensors(&joined(one)).unwrap(), one);
    assert!(!has_raw(&joined(&[strings])));
}

#[test]
fn large_elements_stay_where_they_are() {
    let sent = [tensor(DataType::Float32, SMALL_BYTES / 4), tensor(DataType::Uint8, 5)];
    let pieces = encode_raw(Some(&Status::ok()), "", &sent).unwrap();
    assert_eq!(pieces.len(), 3);
    assert_eq!(pieces[1].as_ptr(), sent[0].elements().bytes().as_ptr());
    assert_eq!(encode_raw(None, "", &[tensor(DataType::Uint8, SMALL_BYTES - 1)]).unwrap().len(), 1);
    let whole: Bytes = pieces.concat().into();
    assert_eq!(decode_tensors(&whole).unwrap(), sent);
}

#[test]
fn only_raw_tensors_are_found() {
    let flat = encode_tensors(None, "", &[tensor(DataType::Float32, 3)]).unwrap();
    assert!(!has_raw(&flat));
    assert!(!has_raw(&[0x2a, 9]));
    assert!(!has_raw(b"\x22\x03abc"));
}

#[test]
fn misfits_name_the_place() {
    let raw = |bytes: &[u8]| [&[0xaa, 6, bytes.len() as u8][..], bytes].concat();
    // DT_INT32 of shape [2] takes 8 bytes.
    assert!(decode_tensors(&message(4, &[2], &raw(&[0; 8]))).is_ok());
    for wrong in [0, 7, 9] {
        let text = refusal(&message(4, &[2], &raw(&vec![0; wrong])));
        let expected = format!("gtensors.tensors[0].raw: {wrong} bytes are no int32 of shape [2]");
        assert_eq!(text, expected);
    }
    let both = [&raw(&[0; 4])[..], &[0x3a, 1, 5]].concat();
    assert!(refusal(&message(4, &[1], &both)).contains("raw and a flat_* field are both set"));
    assert!(refusal(&message(9, &[1], &raw(&[0]))).contains("strings have no raw bytes"));
    assert!(refusal(&message(105, &[1], &raw(&[0]))).contains("dtype 105 is not known"));
    assert!(refusal(&message(0, &[1], &raw(&[0]))).contains("dtype 0 is not known"));
    // A type that has no flat_* field, without raw elements.
    let text = refusal(&message(101, &[1], &[]));
    assert!(!text.is_empty(), "{text}");
    assert!(refusal(&message(101, &[1], &[0x3a, 1, 5])).contains("belong in raw"));
    // 2^32 - 1 in both dimensions.
    let huge = [0xff, 0xff, 0xff, 0xff, 0x0f, 0xff, 0xff, 0xff, 0xff, 0x0f, 9, 9];
    assert!(refusal(&message(8, &huge, &raw(&[0; 8]))).contains("raw: 8 bytes are no float64"));
}

#[test]
fn elements_are_charged_for() {
    let taken = std::cell::Cell::new(0);
    let reserve = |bytes| {
        taken.set(taken.get() + bytes);
        if taken.get() > 2 << 20 { Err(Error::invalid("full")) } else { Ok(()) }
    };
    let decoded = |count| {
        taken.set(0);
        let bytes = joined(&[tensor(DataType::Uint8, count)]);
        crate::codec::proto::decode_within(&bytes, &Room::of_body(bytes.len(), &reserve))
    };
    assert!(decoded(2 << 20).is_ok());
    assert!(decoded(5 << 20).unwrap_err().message().contains("full"));
}

proptest! {
    #[test]
    fn any_raw_bytes_are_refused_or_a_tensor(
        dtype in 0u8..120,
        shape in prop::collection::vec(0u8..4, 0..4),
        raw in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let field = [&[0xaa, 6, raw.len() as u8][..], &raw].concat();
        if let Ok(tensors) = decode_tensors(&message(dtype, &shape, &field)) {
            let [tensor] = tensors.as_slice() else { panic!("{tensors:?}") };
            let count: usize = shape.iter().map(|dim| usize::from(*dim)).product();
            prop_assert_eq!(tensor.shape().iter().product::<usize>(), count);
            prop_assert_eq!(tensor.elements().bytes().len(), raw.len());
        }
    }
}
