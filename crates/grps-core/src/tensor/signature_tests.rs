//! Tests of matching request tensors against a signature.

use super::*;
use crate::tensor::values::Values;

fn spec(name: &str, required: bool) -> TensorSpec {
    TensorSpec {
        name: name.into(),
        dtype: Some(DataType::Float32),
        shape: Some(vec![None, Some(2)]),
        required,
    }
}

fn signature(naming: Naming) -> Signature {
    Signature {
        inputs: vec![spec("a", true), spec("b", true), spec("c", false)],
        outputs: vec![],
        naming,
    }
}

fn tensor(name: &str, shape: &[usize]) -> Tensor {
    let count = shape.iter().product();
    Tensor::new(name.into(), shape.to_vec(), Values::Float32(vec![0.0; count])).unwrap()
}

fn names(tensors: &[Tensor]) -> Vec<&str> {
    tensors.iter().map(Tensor::name).collect()
}

fn fault(naming: Naming, tensors: Vec<Tensor>) -> String {
    let error = signature(naming).arrange("m-1", tensors).unwrap_err();
    let message = error.message().strip_prefix("model 'm-1': ").unwrap();
    let inputs = "; inputs: a float32[?,2], b float32[?,2], c float32[?,2]";
    message.strip_suffix(inputs).unwrap().to_owned()
}

#[test]
fn named_tensors_are_put_in_order() {
    let given = vec![tensor("b", &[1, 2]), tensor("a", &[3, 2])];
    let arranged = signature(Naming::Strict).arrange("m-1", given).unwrap();
    assert_eq!(names(&arranged), ["a", "b"]);
    assert_eq!(arranged[0].shape(), [3, 2]);
}

#[test]
fn unnamed_tensors_are_positional() {
    for naming in [Naming::Strict, Naming::Advisory] {
        let given = vec![tensor("", &[1, 2]), tensor("", &[1, 2]), tensor("", &[1, 2])];
        let arranged = signature(naming).arrange("m-1", given).unwrap();
        assert_eq!(names(&arranged), ["a", "b", "c"]);
    }
}

#[test]
fn outputs_of_the_model_before_go_by_name_where_a_name_is_known() {
    let strict = signature(Naming::Strict);
    let given = vec![tensor("x", &[3, 2]), tensor("y", &[1, 2])];
    let arranged = strict.arrange_outputs("m-1", given).unwrap();
    assert_eq!((names(&arranged), arranged[0].shape()), (vec!["a", "b"], &[3, 2][..]));
    let given = vec![tensor("b", &[1, 2]), tensor("a", &[3, 2])];
    let arranged = strict.arrange_outputs("m-1", given).unwrap();
    assert_eq!(arranged[0].shape(), [3, 2]);
    assert!(
        strict.arrange_outputs("m-1", vec![tensor("a", &[1, 2]), tensor("y", &[1, 2])]).is_err()
    );
}

#[test]
fn foreign_names_are_positional_only_when_advisory() {
    let given = || vec![tensor("x", &[1, 2]), tensor("y", &[1, 2])];
    assert!(signature(Naming::Advisory).arrange("m-1", given()).is_ok());
    assert_eq!(fault(Naming::Strict, given()), "it has no input 'x'");
}

#[test]
fn faults_name_the_tensor_and_both_sides() {
    let a = || tensor("a", &[1, 2]);
    let strict = Naming::Strict;
    assert_eq!(fault(strict, vec![a()]), "input 'b' is missing");
    assert_eq!(fault(strict, vec![a(), a()]), "input 'a' is given twice");
    assert_eq!(fault(strict, vec![a(), tensor("", &[1, 2])]), "name all tensors or none");
    assert_eq!(
        fault(strict, vec![a(), tensor("b", &[1, 3])]),
        "input 'b' has shape [?,2], got [1, 3]"
    );
    let ints = Tensor::new("b".into(), vec![1, 2], Values::Int64(vec![0; 2])).unwrap();
    assert_eq!(fault(strict, vec![a(), ints]), "input 'b' is float32, got int64");
}

#[test]
fn counts_are_checked_at_both_ends() {
    let unnamed = |count| (0..count).map(|_| tensor("", &[1, 2])).collect();
    assert_eq!(fault(Naming::Strict, unnamed(1)), "it takes 2 to 3 input tensors, got 1");
    assert_eq!(fault(Naming::Strict, unnamed(4)), "it takes 2 to 3 input tensors, got 4");
}

#[test]
fn a_model_that_tells_nothing_takes_anything() {
    let open = Signature { inputs: vec![], outputs: vec![], naming: Naming::Advisory };
    assert_eq!(open.arrange("m-1", vec![tensor("x", &[4])]).unwrap().len(), 1);
}

#[test]
fn bools_and_their_bytes_stand_for_each_other() {
    for (dtype, sent, taken) in [
        (DataType::Bool, Values::Uint8(vec![0, 2]), Values::Bool(vec![false, true])),
        (DataType::Uint8, Values::Bool(vec![false, true]), Values::Uint8(vec![0, 1])),
    ] {
        let spec = TensorSpec { name: "x".into(), dtype: Some(dtype), shape: None, required: true };
        let signature =
            Signature { inputs: vec![spec], outputs: Vec::new(), naming: Naming::Strict };
        let tensor = Tensor::new("x".into(), vec![2], sent).unwrap();
        let arranged = signature.arrange("m", vec![tensor]).unwrap();
        assert_eq!(arranged[0].elements(), taken.elements());
    }
}
