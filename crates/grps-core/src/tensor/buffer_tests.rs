//! Tests of shared memory: slices, and vectors that go back to their only owner.

use half::{bf16, f16};
use proptest::prelude::*;

use super::*;

/// Some elements of any type.
fn values() -> impl Strategy<Value = Values> {
    let of = |dtype: DataType| {
        prop::collection::vec(any::<u8>(), 0..64).prop_map(move |bytes| match dtype.width() {
            Some(width) => Values::read(dtype, bytes.len() / width, |elements| {
                elements.copy_from_slice(&bytes[..elements.len()]);
                Ok::<_, ()>(())
            })
            .unwrap(),
            None => Values::String(bytes.chunks(3).map(Bytes::copy_from_slice).collect()),
        })
    };
    prop::sample::select(DataType::ALL.to_vec()).prop_flat_map(of)
}

/// Elements as text, which is the same for the same NaN.
fn text(elements: Elements<'_>) -> String {
    format!("{elements:?}")
}

proptest! {
    #[test]
    fn slices_of_slices_are_ranges(values in values(), cuts in prop::collection::vec(0usize..70, 4)) {
        let whole = Buffer::from(values.clone());
        let (outer, inner) = (cuts[0]..cuts[1].max(cuts[0]), cuts[2]..cuts[3].max(cuts[2]));
        let expected = values.elements().get(outer.clone());
        let Some(slice) = whole.slice(outer) else {
            prop_assert!(expected.is_none());
            return Ok(());
        };
        prop_assert_eq!(text(slice.elements()), text(expected.unwrap()));
        let expected = expected.unwrap().get(inner.clone());
        match slice.slice(inner) {
            Some(inner) => {
                prop_assert_eq!(text(inner.elements()), text(expected.unwrap()));
                prop_assert_eq!(text(inner.clone().into_values().elements()), text(inner.elements()));
            }
            None => prop_assert!(expected.is_none()),
        }
    }

    #[test]
    fn bytes_at_any_place_are_the_same_elements(
        values in values(), before in 0usize..9, cut in 0usize..70
    ) {
        let elements = values.elements();
        let memory = Bytes::from([&vec![7; before], elements.bytes()].concat());
        let taken = Buffer::from_bytes(elements.dtype(), memory.slice(before..));
        let Some(width) = elements.dtype().width() else {
            prop_assert!(taken.is_none());
            return Ok(());
        };
        let taken = taken.unwrap();
        prop_assert_eq!(text(taken.elements()), text(elements));
        // Shared just where the elements are aligned.
        let shared = taken.as_ref().as_ptr() == memory[before..].as_ptr();
        let aligned = memory[before..].as_ptr().addr().is_multiple_of(width);
        prop_assert_eq!(shared, aligned && elements.dtype() != DataType::Bool || elements.is_empty() && shared);
        let cut = cut.min(elements.len());
        let slice = taken.slice(cut..elements.len()).unwrap();
        prop_assert_eq!(text(slice.elements()), text(elements.get(cut..elements.len()).unwrap()));
        prop_assert_eq!(slice.clone().into_bytes().unwrap(), slice.elements().bytes());
        prop_assert_eq!(text(slice.clone().into_values().elements()), text(slice.elements()));
    }
}

#[test]
fn a_vector_goes_back_to_its_only_owner() {
    let values = vec![1.5f32, 2.5];
    let place = values.as_ptr();
    let buffer = Buffer::from(Values::from(values));
    assert!(buffer.is_owned());
    let other = buffer.clone();
    assert!(!buffer.is_owned() && !other.is_owned());
    let slice = other.slice(0..1).unwrap();
    drop(other);
    assert!(!buffer.is_owned() && !slice.is_owned());
    drop(slice);
    let Values::Float32(values) = buffer.into_values() else { panic!("another type") };
    assert_eq!(values.as_ptr(), place);
}

#[test]
fn bytes_that_nothing_else_uses_become_a_vector() {
    let bytes = Bytes::from(vec![1, 2, 3]);
    let place = bytes.as_ptr();
    let buffer = Buffer::from_bytes(DataType::Uint8, bytes).unwrap();
    assert!(!buffer.is_owned());
    let Values::Uint8(values) = buffer.into_values() else { panic!("another type") };
    assert_eq!((values.as_ptr(), &values[..]), (place, &[1, 2, 3][..]));
}

#[test]
fn parts_of_elements_are_refused() {
    assert!(Buffer::from_bytes(DataType::Float32, Bytes::from_static(&[0; 6])).is_none());
    assert!(Buffer::from_bytes(DataType::String, Bytes::new()).is_none());
    let none = Buffer::from_bytes(DataType::Int64, Bytes::new()).unwrap();
    assert_eq!(none.elements(), Elements::Int64(&[]));
    assert_eq!(none.slice(0..0).unwrap().elements().dtype(), DataType::Int64);
}

#[test]
fn vectors_are_read_as_bytes_in_place() {
    let values = Values::from(vec![f16::ONE, f16::ZERO]);
    let place = values.elements().bytes().as_ptr();
    let bytes = Buffer::from(values).into_bytes().unwrap();
    assert_eq!((bytes.as_ptr(), &bytes[..]), (place, &[0, 0x3c, 0, 0][..]));
    assert_eq!(Buffer::from(Values::from(vec![bf16::ONE])).into_bytes().unwrap()[..], [0x80, 0x3f]);
    assert!(Buffer::from(Values::String(vec![])).into_bytes().is_none());
}
