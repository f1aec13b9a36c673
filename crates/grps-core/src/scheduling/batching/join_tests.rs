//! Tests of joining rows and sharing outputs out again.

use proptest::prelude::*;

use super::*;

fn tensor(name: &str, shape: &[usize], start: i32) -> Tensor {
    let count = i32::try_from(shape.iter().product::<usize>()).unwrap();
    let values = Values::Int32((start..start + count).collect());
    Tensor::new(name.into(), shape.to_vec(), values).unwrap()
}

fn policy(allowed: &[usize], padding: Option<Padding>) -> BatchPolicy {
    BatchPolicy { max_rows: 64, allowed: allowed.to_vec(), padding, ..BatchPolicy::default() }
}

fn ints(tensor: &Tensor) -> &[i32] {
    match tensor.values() {
        Values::Int32(values) => values,
        other => panic!("expected int32, got {}", other.dtype()),
    }
}

#[test]
fn rows_are_joined_in_order() {
    let (first, second) = ([tensor("x", &[2, 2], 0)], [tensor("x", &[1, 2], 10)]);
    let (joined, cuts) = join(&policy(&[], None), &[&first, &second]).unwrap();
    assert_eq!(joined[0].shape(), [3, 2]);
    assert_eq!(ints(&joined[0]), [0, 1, 2, 3, 10, 11]);
    assert_eq!(cuts[1].cut(ints(&joined[0]), &[3, 2]), (vec![1, 2], vec![10, 11]));
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
    assert_eq!(cuts[0].cut(ints(&joined[0]), &[2, 4]), (vec![1, 2], vec![1, 2]));
    assert_eq!(cuts[1].cut(ints(&joined[0]), &[2, 4]), (vec![1, 3], vec![5, 6, 7]));
    // An output that is not as wide as the padding is nobody's to cut.
    assert_eq!(cuts[1].cut(&[7, 8], &[2, 1]), (vec![1, 1], vec![8]));
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
        for (request, cut) in requests.iter().zip(&cuts) {
            for (own, whole) in request.iter().zip(&joined) {
                let (shape, values) = cut.cut(ints(whole), whole.shape());
                prop_assert_eq!(own.shape(), shape.as_slice());
                prop_assert_eq!(ints(own), values.as_slice());
            }
        }
    }
}
