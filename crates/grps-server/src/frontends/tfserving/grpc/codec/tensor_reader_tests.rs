use grps_core::Elements;
use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::frontends::tfserving::grpc::codec::test_messages::TensorProto;

const FLOAT: i32 = 1;
const INT8: i32 = 6;
const STRING: i32 = 7;

fn read_bytes(bytes: &Bytes, room: &Room<'_>) -> Result<Tensor, Error> {
    let mut reader = TensorReader::default();
    reader.add(bytes)?;
    reader.finish("x", (bytes, room))
}

fn read(tensor: &TensorProto) -> Result<Tensor, Error> {
    read_bytes(&tensor.encode_to_vec().into(), &Room::unlimited())
}

fn message(tensor: &TensorProto) -> String {
    read(tensor).unwrap_err().message().to_owned()
}

/// A message in memory that starts at an address which lets its content be aligned.
fn aligned(encoded: &[u8], content: usize) -> Bytes {
    let mut memory = vec![0u8; encoded.len() + 64];
    let start = memory.as_ptr().addr();
    let shift = (64 - (start + content) % 64) % 64;
    memory[shift..shift + encoded.len()].copy_from_slice(encoded);
    Bytes::from(memory).slice(shift..shift + encoded.len())
}

#[test]
fn content_stays_in_the_message() {
    let elements = Bytes::from([1.0f32, 2.0].map(f32::to_le_bytes).concat());
    let in_content = TensorProto { tensor_content: elements, ..TensorProto::new(FLOAT, &[2, 1]) };
    let in_field = TensorProto { float_val: vec![1.0, 2.0], ..TensorProto::new(FLOAT, &[2, 1]) };
    for tensor in [in_content, in_field] {
        let encoded = tensor.encode_to_vec();
        let bytes = aligned(&encoded, encoded.len() - 8);
        let tensor = read_bytes(&bytes, &Room::unlimited()).unwrap();
        assert_eq!((tensor.shape(), tensor.name()), ([2, 1].as_slice(), "x"));
        assert_eq!(tensor.elements(), Elements::Float32(&[1.0, 2.0]));
        assert!(bytes.as_ptr_range().contains(&tensor.elements().bytes().as_ptr()));
    }
}

#[test]
fn every_type_has_its_field() {
    let two = |dtype| TensorProto::new(dtype, &[2]);
    let tensors = [
        (TensorProto { double_val: vec![0.5, 1.0], ..two(2) }, Values::Float64(vec![0.5, 1.0])),
        (TensorProto { int_val: vec![-1, 7], ..two(3) }, Values::Int32(vec![-1, 7])),
        (TensorProto { int_val: vec![0, 255], ..two(4) }, Values::Uint8(vec![0, 255])),
        (TensorProto { int_val: vec![-300, 7], ..two(5) }, Values::Int16(vec![-300, 7])),
        (TensorProto { int_val: vec![-128, 7], ..two(INT8) }, Values::Int8(vec![-128, 7])),
        (TensorProto { int64_val: vec![-1, 7], ..two(9) }, Values::Int64(vec![-1, 7])),
        (TensorProto { bool_val: vec![true, false], ..two(10) }, Values::Bool(vec![true, false])),
        (
            TensorProto { half_val: vec![0x3f80, 0], ..two(14) },
            Values::Bfloat16(vec![bf16::ONE, bf16::ZERO]),
        ),
        (TensorProto { int_val: vec![65535, 7], ..two(17) }, Values::Uint16(vec![65535, 7])),
        (
            TensorProto { half_val: vec![0xbc00, 0], ..two(19) },
            Values::Float16(vec![f16::NEG_ONE, f16::ZERO]),
        ),
        (
            TensorProto { uint32_val: vec![u32::MAX, 7], ..two(22) },
            Values::Uint32(vec![u32::MAX, 7]),
        ),
        (
            TensorProto { uint64_val: vec![u64::MAX, 7], ..two(23) },
            Values::Uint64(vec![u64::MAX, 7]),
        ),
        (
            TensorProto { string_val: vec!["a".into(), Bytes::new()], ..two(STRING) },
            Values::String(vec!["a".into(), Bytes::new()]),
        ),
    ];
    for (tensor, values) in tensors {
        assert_eq!(read(&tensor).unwrap().elements(), values.elements());
    }
    let too_wide = TensorProto { int_val: vec![128], ..TensorProto::new(INT8, &[1]) };
    assert!(message(&too_wide).starts_with("int_val[0]: 128 is out of range"));
}

#[test]
fn the_last_element_fills_the_shape() {
    let floats = |values: &[f32], sizes: &[i64]| {
        let tensor = TensorProto { float_val: values.to_vec(), ..TensorProto::new(FLOAT, sizes) };
        read(&tensor).unwrap()
    };
    assert_eq!(floats(&[7.0], &[2, 2]).elements(), Elements::Float32(&[7.0; 4]));
    assert_eq!(floats(&[1.0, 2.0], &[3]).elements(), Elements::Float32(&[1.0, 2.0, 2.0]));
    assert_eq!(floats(&[], &[2]).elements(), Elements::Float32(&[0.0, 0.0]));
    assert_eq!(floats(&[5.0], &[]).shape(), [] as [usize; 0]);
    assert_eq!(floats(&[], &[0, 4]).elements(), Elements::Float32(&[]));
    let text = TensorProto { string_val: vec!["a".into()], ..TensorProto::new(STRING, &[2]) };
    let expected: [Bytes; 2] = ["a".into(), "a".into()];
    assert_eq!(read(&text).unwrap().elements(), Elements::String(&expected));
    let half = TensorProto { half_val: vec![0x3c00], ..TensorProto::new(19, &[3]) };
    assert_eq!(read(&half).unwrap().elements(), Elements::Float16(&[f16::ONE; 3]));
    let many = TensorProto { float_val: vec![1.0; 3], ..TensorProto::new(FLOAT, &[2]) };
    assert_eq!(message(&many), "it has 3 elements, more than the 2 of its shape");
}

#[test]
fn filling_is_charged_before_it_is_done() {
    let full = |_| Err(Error::invalid("full"));
    for (dtype, size) in [(FLOAT, 300_000), (FLOAT, 1 << 40), (STRING, 10_000)] {
        let tensor = TensorProto::new(dtype, &[size]);
        let bytes = Bytes::from(tensor.encode_to_vec());
        let room = Room::of_body(bytes.len(), &full);
        assert!(read_bytes(&bytes, &room).is_err(), "{size}");
    }
    let overflow = TensorProto::new(FLOAT, &[i64::MAX, i64::MAX]);
    assert_eq!(message(&overflow), "tensor_shape is too large");
    let negative = TensorProto::new(FLOAT, &[-1]);
    assert!(message(&negative).contains("the size -1 is negative"));
    assert!(read(&TensorProto::new(FLOAT, &[1; MAX_RANK])).is_ok());
    let deep = TensorProto::new(FLOAT, &[1; MAX_RANK + 1]);
    assert_eq!(message(&deep), "tensor_shape: more than 32 dimensions");
}

#[test]
fn elements_in_other_fields_are_refused() {
    let tensor = TensorProto::new(FLOAT, &[1]);
    let wrong = TensorProto { double_val: vec![1.0], ..tensor.clone() };
    let expected =
        "the elements of DT_FLOAT are sent in float_val or tensor_content, got double_val";
    assert_eq!(message(&wrong), expected);
    let both = TensorProto {
        float_val: vec![1.0],
        tensor_content: Bytes::from_static(&[0; 4]),
        ..tensor.clone()
    };
    assert_eq!(message(&both), "tensor_content and float_val can't be combined");
    let short = TensorProto { tensor_content: Bytes::from_static(&[0; 3]), ..tensor };
    assert!(message(&short).starts_with("tensor_content has 3 bytes"));
    assert!(message(&TensorProto::new(0, &[1])).starts_with("dtype is missing"));
    assert!(message(&TensorProto::new(8, &[1])).starts_with("DT_COMPLEX64 is not supported"));
    // unknown_rank, and float8_val.
    for bytes in [&b"\x08\x01\x12\x02\x18\x01"[..], b"\x08\x01\x92\x01\x01a"] {
        assert!(read_bytes(&Bytes::from_static(bytes), &Room::unlimited()).is_err());
    }
}

#[test]
fn strings_may_be_content() {
    let tensor = |content: &'static [u8], count| TensorProto {
        tensor_content: Bytes::from_static(content),
        ..TensorProto::new(STRING, &[count])
    };
    let expected: [Bytes; 2] = ["ab".into(), "c".into()];
    let read_again = read(&tensor(b"\x02\x01abc", 2)).unwrap();
    assert_eq!(read_again.elements(), Elements::String(&expected));
    for (content, count) in [
        (&b"\x02\x01abc"[..], 1),
        (b"\x02\x01ab", 2),
        (b"\x02\x01abcd", 2),
        (b"\x02", 2),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 1),
        (b"\x02\x01abc", i64::MAX),
    ] {
        assert!(read(&tensor(content, count)).is_err(), "{content:?}");
    }
}

#[test]
fn occurrences_merge() {
    let first = TensorProto { float_val: vec![1.0], ..TensorProto::new(FLOAT, &[2]) };
    let second = TensorProto { float_val: vec![2.0], ..TensorProto::default() };
    let encoded: Vec<_> = [first, second].map(|part| part.encode_to_vec()).concat();
    let whole = Bytes::from(encoded);
    let mut reader = TensorReader::default();
    let length = whole.len() - 6;
    reader.add(&whole[..length]).unwrap();
    reader.add(&whole[length..]).unwrap();
    let tensor = reader.finish("x", (&whole, &Room::unlimited())).unwrap();
    assert_eq!(tensor.elements(), Elements::Float32(&[1.0, 2.0]));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let full = |_| Err(Error::invalid("full"));
        let bytes = Bytes::from(bytes);
        let _ = read_bytes(&bytes, &Room::of_body(bytes.len(), &full));
    }

    #[test]
    fn any_tensor_is_read_or_refused(
        dtype in 0i32..26,
        sizes in prop::collection::vec(prop_oneof![0i64..5, any::<i64>()], 0..4),
        floats in prop::collection::vec(any::<f32>(), 0..6),
        ints in prop::collection::vec(any::<i32>(), 0..6),
        content in prop::collection::vec(any::<u8>(), 0..20),
        cut in any::<prop::sample::Index>(),
    ) {
        let full = |_| Err(Error::invalid("full"));
        let tensor = TensorProto {
            float_val: floats,
            int_val: ints,
            tensor_content: content.into(),
            ..TensorProto::new(dtype, &sizes)
        };
        let encoded = Bytes::from(tensor.encode_to_vec());
        for bytes in [encoded.clone(), encoded.slice(..cut.index(encoded.len() + 1))] {
            if let Ok(tensor) = read_bytes(&bytes, &Room::of_body(bytes.len(), &full)) {
                let count: usize = tensor.shape().iter().product();
                prop_assert_eq!(tensor.elements().len(), count);
            }
        }
    }
}
