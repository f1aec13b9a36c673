//! Tests of joining rows and sharing outputs out again.

use proptest::prelude::*;

use super::*;
use crate::error::Cause;
use crate::scheduling::batching::batch::Parts;
use crate::tensor::buffer::Buffer;
use crate::tensor::dtype::DataType;
use crate::tensor::values::Elements;

fn tensor(name: &str, shape: &[usize], start: i32) -> Tensor {
    let count = i32::try_from(shape.iter().product::<usize>()).unwrap();
    let values = Values::Int32((start..start + count).collect());
    Tensor::new(name.into(), shape.to_vec(), values).unwrap()
}

fn policy(allowed: &[usize], padding: Option<Padding>) -> BatchPolicy {
    BatchPolicy { max_rows: 64, allowed: allowed.to_vec(), padding, ..BatchPolicy::default() }
}

fn ints(tensor: &Tensor) -> &[i32] {
    match tensor.elements() {
        Elements::Int32(values) => values,
        other => panic!("expected int32, got {}", other.dtype()),
    }
}

#[test]
fn rows_are_joined_in_order() {
    let (first, second) = ([tensor("x", &[2, 2], 0)], [tensor("x", &[1, 2], 10)]);
    let (joined, cuts) = join(&policy(&[], None), &[&first, &second]).unwrap();
    assert_eq!(joined[0].shape(), [3, 2]);
    assert_eq!(ints(&joined[0]), [0, 1, 2, 3, 10, 11]);
    assert_eq!(cuts[1].cut(&joined[0]), Some(tensor("x", &[1, 2], 10)));
}

#[test]
fn missing_rows_repeat_the_last_one() {
    let (first, second) = ([tensor("x", &[2, 2], 0)], [tensor("x", &[1, 2], 10)]);
    let (joined, cuts) = join(&policy(&[1, 4], None), &[&first, &second]).unwrap();
    assert_eq!(joined[0].shape(), [4, 2]);
    assert_eq!(ints(&joined[0]), [0, 1, 2, 3, 10, 11, 10, 11]);
    assert_eq!(cuts.last().unwrap().rows, 2..3);
}

#[test]
fn different_tensors_are_told() {
    let x = [tensor("x", &[1, 2], 0)];
    for other in [vec![tensor("y", &[1, 2], 0)], vec![tensor("x", &[1, 3], 0)], vec![]] {
        assert!(join(&policy(&[], None), &[&x, &other]).is_err());
    }
    let floats = Tensor::new("x".into(), vec![1, 2], Values::Float32(vec![0.0; 2])).unwrap();
    assert!(join(&policy(&[], None), &[&x, &[floats]]).is_err());
}

#[test]
fn different_sizes_meet_in_a_bucket() {
    let padding = Padding { axes: vec![1], sizes: vec![4], max_waste: 0.6, cut_outputs: true };
    let (first, second) = ([tensor("x", &[1, 2], 1)], [tensor("x", &[1, 3], 5)]);
    let (joined, cuts) = join(&policy(&[], Some(padding)), &[&first, &second]).unwrap();
    assert_eq!(ints(&joined[0]), [1, 2, 0, 0, 5, 6, 7, 0]);
    assert_eq!(cuts[0].cut(&joined[0]), Some(tensor("x", &[1, 2], 1)));
    assert_eq!(cuts[1].cut(&joined[0]), Some(tensor("x", &[1, 3], 5)));
    // An output that is not as wide as the padding is nobody's to cut.
    assert_eq!(cuts[1].cut(&tensor("y", &[2, 1], 7)), Some(tensor("y", &[1, 1], 8)));
}

proptest! {
    /// A model that answers its input gives every request its own tensors back.
    #[test]
    fn sharing_out_undoes_joining(
        shapes in prop::collection::vec((1usize..5, 1usize..9, 1usize..4), 1..6),
        fill in any::<bool>(),
        width in 0usize..3,
    ) {
        let padding = Padding { axes: vec![1], sizes: vec![4, 8], max_waste: 1.0, cut_outputs: true };
        let policy = policy(if fill { &[8, 16, 32] } else { &[] }, Some(padding.clone()));
        let bucket = |dim: usize| padding.padded(1, dim);
        let (_, leader, depth) = shapes[0];
        let requests: Vec<[Tensor; 2]> = shapes
            .iter()
            .filter(|(_, dim, _)| bucket(*dim) == bucket(leader))
            .map(|(rows, dim, _)| {
                [tensor("a", &[*rows, *dim, depth], 100), tensor("b", &[*rows, 9, width], -50)]
            })
            .collect();
        let views: Vec<&[Tensor]> = requests.iter().map(|request| request.as_slice()).collect();
        let (joined, cuts) = join(&policy, &views).unwrap();
        let shares = Parts { cuts, rows: joined[0].shape()[0] }.share(&joined).unwrap();
        prop_assert_eq!(shares.len(), requests.len());
        for (request, share) in requests.iter().zip(&shares) {
            prop_assert_eq!(&request[..], &share[..]);
        }
    }

    /// What a request gets of an output does not depend on whether its memory is shared.
    #[test]
    fn every_type_is_shared_out(
        rows in prop::collection::vec(1usize..4, 1..5),
        row in 0usize..5,
        bytes in prop::collection::vec(any::<u8>(), 0..4096),
    ) {
        let total: usize = rows.iter().sum();
        let mut start = 0;
        let cuts = rows.iter().map(|rows| {
            start += rows;
            CutRows { rows: start - rows..start, axes: vec![] }
        });
        let parts = Parts { cuts: cuts.collect(), rows: total };
        for dtype in DataType::ALL {
            let count = total * row;
            let output = match dtype.width() {
                Some(width) => {
                    let bytes: Vec<u8> = bytes.iter().copied().cycle().take(count * width).collect();
                    let Some(buffer) = Buffer::from_bytes(dtype, bytes.into()) else { continue };
                    Tensor::new("y".into(), vec![total, row], buffer)
                }
                None => {
                    let texts = (0..count).map(|index| index.to_string().into()).collect();
                    Tensor::new("y".into(), vec![total, row], Values::String(texts))
                }
            };
            let Ok(output) = output else { continue };
            prop_assert!(!parts.may_copy());
            let shares = parts.share(std::slice::from_ref(&output)).unwrap();
            let mut at = 0;
            for (share, rows) in shares.iter().zip(&rows) {
                let expected = output.elements().get(at * row..(at + rows) * row).unwrap();
                prop_assert_eq!(share[0].shape(), &[*rows, row]);
                prop_assert_eq!(format!("{:?}", share[0].elements()), format!("{expected:?}"));
                if !expected.bytes().is_empty() {
                    let place = share[0].elements().bytes().as_ptr();
                    prop_assert_eq!(place, expected.bytes().as_ptr());
                }
                at += rows;
            }
        }
    }
}

#[test]
fn outputs_with_other_rows_are_refused() {
    let parts = Parts { cuts: vec![CutRows { rows: 0..2, axes: vec![] }], rows: 2 };
    let fault = |outputs: &[Tensor]| parts.share(outputs).unwrap_err();
    assert_eq!(fault(&[tensor("y", &[1, 2], 0)]).cause(), Cause::ModelFailed);
    assert_eq!(
        fault(&[tensor("x", &[2], 0), tensor("y", &[1, 2], 0)]).message(),
        "output 'y' has shape [1, 2], not 2 rows"
    );
    assert!(fault(&[tensor("y", &[], 0)]).message().contains("has shape [], not 2 rows"));
    let outside = Parts { cuts: vec![CutRows { rows: 1..3, axes: vec![] }], rows: 2 };
    assert_eq!(outside.share(&[tensor("y", &[2], 0)]).unwrap_err().cause(), Cause::Internal);
}
