//! A first run of a model before it takes requests; as `grps/backends/common/warm_up.py`.

use bytes::Bytes;
use grps_core::{Cause, DataType, Error, Signature, Tensor, TensorSpec, Values, element_count};

/// Tried for the dynamic dimensions after the first, which is the batch and stays 1.
const SIZES: [usize; 4] = [1, 8, 64, 224];
/// Tried as elements of numbers.
const NUMBERS: [u8; 2] = [1, 0];
/// Tried as elements of strings.
const TEXTS: [&str; 3] = ["text", "", "1"];
/// Most elements of an example.
const MOST_ELEMENTS: usize = 1 << 28;

/// What runs a model once.
pub(crate) trait Runs {
    /// Runs the model on inputs in the order of its signature.
    ///
    /// # Errors
    /// `InvalidArgument` where the inputs are wrong, `ModelFailed` for any other failure.
    fn run(&mut self, inputs: &[Tensor]) -> Result<Vec<Tensor>, Error>;
}

/// What became of a first run.
#[derive(Debug)]
pub(crate) enum FirstRun {
    /// The model ran on these inputs.
    Ran(Vec<Tensor>),
    /// There was none, for this reason.
    Skipped(String),
}

/// Runs a model once, on the first example of its inputs that it takes.
///
/// One of which nothing is left in an output, as an image that is too small, counts only if there is
/// no other.
///
/// # Errors
/// A model of numbers whose shapes are all fixed failed.
pub(crate) fn first_run(model: &mut dyn Runs, signature: &Signature) -> Result<FirstRun, Error> {
    let specs: Vec<_> = signature.inputs.iter().filter(|spec| spec.required).collect();
    let specs = specs.as_slice();
    for spec in specs {
        if spec.dtype.is_none() || spec.shape.is_none() {
            let name = &spec.name;
            let why = format!("the model does not report the type or shape of its input {name}");
            return Ok(FirstRun::Skipped(why));
        }
    }
    let (mut cause, mut without_output) = (None, None);
    for inputs in examples(specs) {
        match model.run(&inputs) {
            Ok(outputs) if outputs.iter().any(is_empty) => _ = without_output.get_or_insert(inputs),
            Ok(_) => return Ok(FirstRun::Ran(inputs)),
            Err(error) => _ = cause.get_or_insert(error),
        }
    }
    if let Some(inputs) = without_output {
        return Ok(FirstRun::Ran(inputs));
    }
    let cause = cause.map_or_else(|| "no example fits".to_owned(), |error| error.to_string());
    let is_fixed = specs.iter().all(|spec| dims_of(spec).iter().all(Option::is_some));
    if is_fixed && !has_texts(specs) {
        return Err(Error::new(Cause::ModelFailed, format!("warm-up: {cause}")));
    }
    Ok(FirstRun::Skipped(format!("the model refused all examples: {cause}")))
}

fn is_empty(tensor: &Tensor) -> bool {
    tensor.shape().contains(&0)
}

/// The examples that are tried: all sizes of each kind of elements.
fn examples<'a>(specs: &'a [&'a TensorSpec]) -> impl Iterator<Item = Vec<Tensor>> + 'a {
    let is_free = specs.iter().any(|spec| dims_of(spec).iter().skip(1).any(Option::is_none));
    let has_numbers = specs.iter().any(|spec| spec.dtype != Some(DataType::String));
    let texts = if has_texts(specs) { &TEXTS[..] } else { &TEXTS[..1] };
    let numbers = if has_numbers { &NUMBERS[..] } else { &NUMBERS[..1] };
    let sizes = if is_free { &SIZES[..] } else { &SIZES[..1] };
    let kinds = numbers.iter().flat_map(move |number| texts.iter().map(move |text| (number, text)));
    let all =
        kinds.flat_map(move |(number, text)| sizes.iter().map(move |size| (number, text, size)));
    all.filter_map(|(number, text, size)| {
        specs.iter().map(|spec| example_of(spec, *size, *number, text)).collect()
    })
}

/// Zeros that fit an input, of whose dimensions only the first may be free; `None` where they are
/// too many or not known.
pub(crate) fn zeros_of(spec: &TensorSpec, rows: usize) -> Option<Tensor> {
    let mut spec = spec.clone();
    if let Some(first) = spec.shape.as_mut()?.first_mut() {
        _ = first.get_or_insert(rows);
    }
    example_of(&spec, 1, 0, TEXTS[1])
}

fn example_of(spec: &TensorSpec, size: usize, number: u8, text: &'static str) -> Option<Tensor> {
    let mut shape: Vec<usize> = dims_of(spec).iter().map(|dim| dim.unwrap_or(size)).collect();
    if let (Some(first), Some(None)) = (shape.first_mut(), dims_of(spec).first()) {
        *first = 1;
    }
    let count = element_count(&shape).filter(|count| *count <= MOST_ELEMENTS)?;
    let values = filled(spec.dtype?, count, number, text)?;
    Tensor::new(spec.name.clone(), shape, values).ok()
}

fn filled(dtype: DataType, count: usize, number: u8, text: &'static str) -> Option<Values> {
    let float = half::f16::from_f32(f32::from(number));
    Some(match dtype {
        DataType::Bool => vec![number != 0; count].into(),
        DataType::Uint8 => vec![number; count].into(),
        DataType::Int8 => vec![i8::from(number != 0); count].into(),
        DataType::Int16 => vec![i16::from(number); count].into(),
        DataType::Int32 => vec![i32::from(number); count].into(),
        DataType::Int64 => vec![i64::from(number); count].into(),
        DataType::Float16 => vec![float; count].into(),
        DataType::Float32 => vec![f32::from(number); count].into(),
        DataType::Float64 => vec![f64::from(number); count].into(),
        DataType::String => vec![Bytes::from_static(text.as_bytes()); count].into(),
        _ => return None,
    })
}

fn dims_of(spec: &TensorSpec) -> &[Option<usize>] {
    spec.shape.as_deref().unwrap_or_default()
}

fn has_texts(specs: &[&TensorSpec]) -> bool {
    specs.iter().any(|spec| spec.dtype == Some(DataType::String))
}

#[cfg(test)]
mod tests {
    use super::*;
    use grps_core::Naming;

    /// A model that takes inputs of this many columns.
    struct Takes(usize);

    impl Runs for Takes {
        fn run(&mut self, inputs: &[Tensor]) -> Result<Vec<Tensor>, Error> {
            if inputs[0].shape()[1] == self.0 {
                return Ok(Vec::new());
            }
            Err(Error::invalid("wrong columns"))
        }
    }

    fn signature(columns: Option<usize>) -> Signature {
        let input = TensorSpec {
            name: "x".into(),
            dtype: Some(DataType::Float32),
            shape: Some(vec![None, columns]),
            required: true,
        };
        Signature { inputs: vec![input], outputs: Vec::new(), naming: Naming::Strict }
    }

    #[test]
    fn sizes_of_free_dimensions_are_tried() {
        let FirstRun::Ran(inputs) = first_run(&mut Takes(64), &signature(None)).unwrap() else {
            panic!("it did not run");
        };
        assert_eq!(inputs[0].shape(), [1, 64]);
        let FirstRun::Skipped(why) = first_run(&mut Takes(3), &signature(None)).unwrap() else {
            panic!("it ran");
        };
        assert_eq!(why, "the model refused all examples: wrong columns");
    }

    /// A model that keeps a row of every so many columns.
    struct Keeps(usize);

    impl Runs for Keeps {
        fn run(&mut self, inputs: &[Tensor]) -> Result<Vec<Tensor>, Error> {
            let rows = inputs[0].shape()[1] / self.0;
            let values = Values::Float32(vec![0.0; rows]);
            Ok(vec![Tensor::new("y".into(), vec![rows], values)?])
        }
    }

    #[test]
    fn an_example_of_which_nothing_is_left_is_the_last_choice() {
        for (columns, chosen) in [(1, 1), (50, 64), (500, 1)] {
            let ran = first_run(&mut Keeps(columns), &signature(None)).unwrap();
            let FirstRun::Ran(inputs) = ran else { panic!("it did not run") };
            assert_eq!(inputs[0].shape(), [1, chosen]);
        }
    }

    #[test]
    fn a_model_that_refuses_what_it_declares_is_an_error() {
        let mut fixed = signature(Some(3));
        fixed.inputs[0].shape = Some(vec![Some(1), Some(3)]);
        let error = first_run(&mut Takes(4), &fixed).unwrap_err();
        assert_eq!(error.to_string(), "warm-up: wrong columns");
        assert!(matches!(first_run(&mut Takes(3), &fixed), Ok(FirstRun::Ran(_))));
    }
}
