//! Whether requests to a model can be joined by rows, found by running it on joined rows; as
//! `grps/backends/joined_rows.py`.

use grps_core::{Elements, Error, Signature, Tensor, TensorSpec, Values};

use crate::common::engine::RowLimits;
use crate::common::warm_up::Runs;

/// Largest difference of a row's outputs, relative to the largest value of the output. Models that
/// are quantised while they run choose their scales by the whole batch.
const TOLERANCE: f64 = 0.2;
/// Differences that are never counted: what should be 0 may be of this size.
const NOISE: f64 = 1e-6;
/// Sizes of the numbers of other requests: those of one size may hide what a model mixes.
const SPREADS: [f64; 2] = [1.0, 4.0];
/// How many pairs of requests are tried.
const TRIALS: u64 = 2;

/// What one request sends, and what the model returns for it alone.
struct Request {
    inputs: Vec<Tensor>,
    outputs: Vec<Tensor>,
}

/// Why a model with this signature can't run the rows of several requests; `None` when nothing is
/// known against it.
pub(crate) fn check_signature(signature: &Signature) -> Option<String> {
    if signature.inputs.is_empty() {
        return Some("the model has no inputs".to_owned());
    }
    let fixed = |kind: &str, specs: &[TensorSpec]| {
        specs.iter().find_map(|spec| {
            let rows = spec.shape.as_ref()?.first().copied()??;
            let name = &spec.name;
            Some(format!("the first dimension of {kind} {name} is fixed to {rows}"))
        })
    };
    fixed("input", &signature.inputs).or_else(|| fixed("output", &signature.outputs))
}

/// Why requests can't be joined; `None` when joined ones do not differ.
///
/// Different requests run alone and together. A difference counts if other requests have one as
/// well, and if the model returns the same each time for a request that runs alone.
pub(crate) fn joining_fault(
    model: &mut dyn Runs,
    inputs: &[Tensor],
    limits: &RowLimits,
) -> Option<String> {
    let rows = inputs.first()?.shape().first().copied()?;
    if inputs.iter().any(|input| input.shape().first().is_some_and(|first| *first != rows)) {
        return Some("its inputs have different numbers of rows".to_owned());
    }
    let most = limits.sizes.last().copied().unwrap_or(usize::MAX).min(limits.most);
    let joined = 2 * rows;
    if rows == 0 || most < joined {
        return None;
    }
    let filled = limits.sizes.iter().copied().find(|size| *size >= joined).unwrap_or(joined);
    for spread in SPREADS {
        let mut faults = (0..TRIALS).map(|seed| trial(model, inputs, spread, filled, seed));
        let first = faults.next().flatten();
        if let (Some(fault), Some(Some(_))) = (first, faults.next()) {
            return Some(fault);
        }
    }
    None
}

/// What is wrong with two requests that run together, filled up to some rows.
fn trial(
    model: &mut dyn Runs,
    inputs: &[Tensor],
    spread: f64,
    filled: usize,
    seed: u64,
) -> Option<String> {
    let known = request(model, inputs.to_vec())?;
    let varied = [(-spread, spread), (0.0, 1.0)].into_iter().find_map(|(low, high)| {
        let mut random = Random(seed + 1);
        let varied: Option<Vec<_>> =
            inputs.iter().map(|input| random.varied(input, low, high)).collect();
        request(model, varied?)
    });
    let requests = [known, varied?];
    let parts = requests[0].inputs.iter().zip(&requests[1].inputs);
    let joined: Option<Vec<_>> = parts.map(|(one, two)| join(one, two, filled)).collect();
    let together = match model.run(&joined?) {
        Ok(outputs) => outputs,
        Err(error) => return Some(format!("it fails on the rows of several requests: {error}")),
    };
    let fault = shape_fault(&requests, &together, filled);
    if fault.is_some() {
        return fault;
    }
    let fault = value_fault(&requests, &together);
    fault.filter(|_| requests.iter().all(|request| repeats(model, request)))
}

fn request(model: &mut dyn Runs, inputs: Vec<Tensor>) -> Option<Request> {
    let outputs: Result<_, Error> = model.run(&inputs);
    outputs.ok().map(|outputs| Request { inputs, outputs })
}

/// The rows of two tensors, and copies of the last row up to `filled`.
fn join(one: &Tensor, two: &Tensor, filled: usize) -> Option<Tensor> {
    let mut shape = one.shape().to_vec();
    let row = one.elements().len() / shape.first()?;
    *shape.first_mut()? = filled;
    macro_rules! joined {
        ($($variant:ident),+) => {
            match (one.elements(), two.elements()) {
                $((Elements::$variant(one), Elements::$variant(two)) => {
                    let mut values = [one, two].concat();
                    let last = two.get(two.len().checked_sub(row)?..)?;
                    while values.len() < filled * row {
                        values.extend_from_slice(last);
                    }
                    Values::$variant(values)
                })+
                _ => return None,
            }
        };
    }
    let values = joined!(Bool, Uint8, Int8, Int16, Int32, Int64, Float16, Float32, Float64, String);
    Tensor::new(one.name().into(), shape, values).ok()
}

fn shape_fault(requests: &[Request; 2], together: &[Tensor], filled: usize) -> Option<String> {
    let rows = requests[0].inputs.first()?.shape().first()?;
    for request in requests {
        if request.outputs.len() != together.len() {
            return Some("the number of its outputs depends on the rows".to_owned());
        }
        for (alone, both) in request.outputs.iter().zip(together) {
            let (name, one, two) = (both.name(), alone.shape(), both.shape());
            let seen =
                format!("its shape is {one:?} for {rows} row(s), and {two:?} for {filled} row(s)");
            if one.first() != Some(rows) || two.first() != Some(&filled) {
                return Some(format!(
                    "output {name} has not one row for each row of the inputs: {seen}"
                ));
            }
            if one.get(1..) != two.get(1..) {
                return Some(format!(
                    "the shape of output {name} depends on the rows that run together: {seen}"
                ));
            }
        }
    }
    None
}

fn value_fault(requests: &[Request; 2], together: &[Tensor]) -> Option<String> {
    for (index, both) in together.iter().enumerate() {
        for (at, request) in requests.iter().enumerate() {
            let alone = request.outputs.get(index)?;
            let rows = alone.shape().first()?;
            let part = both.rows(at * rows..(at + 1) * rows)?;
            if difference(alone, &part) > TOLERANCE {
                let name = both.name();
                return Some(format!(
                    "output {name} of a row depends on the other rows that run with it"
                ));
            }
        }
    }
    None
}

/// Whether the model returns the same again for a request that runs alone.
fn repeats(model: &mut dyn Runs, request: &Request) -> bool {
    let Ok(again) = model.run(&request.inputs) else { return false };
    let mut pairs = request.outputs.iter().zip(&again);
    pairs.all(|(one, two)| one.shape() == two.shape() && difference(one, two) <= TOLERANCE)
}

/// The largest difference of two tensors relative to their largest value.
fn difference(alone: &Tensor, joined: &Tensor) -> f64 {
    let (Some(one), Some(two)) = (numbers(alone.elements()), numbers(joined.elements())) else {
        return if alone.elements() == joined.elements() { 0.0 } else { 1.0 };
    };
    let (mut largest, mut most) = (0.0_f64, 0.0_f64);
    for (one, two) in one.iter().zip(&two) {
        match (one.is_finite(), two.is_finite()) {
            (true, true) => {
                largest = largest.max(one.abs()).max(two.abs());
                most = most.max((one - two).abs());
            }
            (false, false) if one.to_bits() == two.to_bits() || (one.is_nan() && two.is_nan()) => {}
            _ => return 1.0,
        }
    }
    if most < NOISE { 0.0 } else { most / largest }
}

fn numbers(elements: Elements<'_>) -> Option<Vec<f64>> {
    Some(match elements {
        Elements::Uint8(values) => values.iter().map(|value| f64::from(*value)).collect(),
        Elements::Int8(values) => values.iter().map(|value| f64::from(*value)).collect(),
        Elements::Int16(values) => values.iter().map(|value| f64::from(*value)).collect(),
        Elements::Int32(values) => values.iter().map(|value| f64::from(*value)).collect(),
        #[expect(clippy::cast_precision_loss, reason = "only differences of some size count")]
        Elements::Int64(values) => values.iter().map(|value| *value as f64).collect(),
        Elements::Float16(values) => values.iter().map(|value| value.to_f64()).collect(),
        Elements::Float32(values) => values.iter().map(|value| f64::from(*value)).collect(),
        Elements::Float64(values) => values.to_vec(),
        _ => return None,
    })
}

/// Numbers that look random and are the same each time (splitmix64).
struct Random(u64);

impl Random {
    /// A number from 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        f64::from((mixed >> 33) as u32) / f64::from(1_u32 << 31)
    }

    /// A tensor of the same shape with other numbers; whole ones may be indices.
    fn varied(&mut self, tensor: &Tensor, low: f64, high: f64) -> Option<Tensor> {
        let mut float = || low + (high - low) * self.next();
        #[expect(clippy::cast_possible_truncation, reason = "numbers of a few digits")]
        let values: Values = match tensor.elements() {
            Elements::Float16(of) => {
                of.iter().map(|_| half::f16::from_f64(float())).collect::<Vec<_>>().into()
            }
            Elements::Float32(of) => of.iter().map(|_| float() as f32).collect::<Vec<_>>().into(),
            Elements::Float64(of) => of.iter().map(|_| float()).collect::<Vec<_>>().into(),
            Elements::Uint8(of) => {
                of.iter().map(|_| u8::from(float() > 0.5)).collect::<Vec<_>>().into()
            }
            Elements::Int8(of) => {
                of.iter().map(|_| i8::from(float() > 0.5)).collect::<Vec<_>>().into()
            }
            Elements::Int16(of) => {
                of.iter().map(|_| i16::from(float() > 0.5)).collect::<Vec<_>>().into()
            }
            Elements::Int32(of) => {
                of.iter().map(|_| i32::from(float() > 0.5)).collect::<Vec<_>>().into()
            }
            Elements::Int64(of) => {
                of.iter().map(|_| i64::from(float() > 0.5)).collect::<Vec<_>>().into()
            }
            _ => return Some(tensor.clone()),
        };
        Tensor::new(tensor.name().into(), tensor.shape().to_vec(), values).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use grps_core::{DataType, Naming};

    /// A model that a function computes, from one float32 input of two columns to one output.
    struct Model<F>(F);

    impl<F: FnMut(&[f32]) -> Vec<f32>> Runs for Model<F> {
        fn run(&mut self, inputs: &[Tensor]) -> Result<Vec<Tensor>, Error> {
            let Elements::Float32(values) = inputs[0].elements() else { panic!("no float32") };
            let computed = (self.0)(values);
            let rows = values.len() / 2;
            let shape = vec![rows, computed.len() / rows];
            Ok(vec![Tensor::new("y".into(), shape, Values::from(computed))?])
        }
    }

    fn fault(model: impl FnMut(&[f32]) -> Vec<f32>, sizes: &[usize]) -> Option<String> {
        let inputs = [Tensor::new("x".into(), vec![1, 2], Values::from(vec![1_f32, 1.0])).unwrap()];
        let limits = RowLimits { most: 8, sizes: sizes.to_vec() };
        joining_fault(&mut Model(model), &inputs, &limits)
    }

    #[test]
    fn rows_that_do_not_meet_can_be_joined() {
        let double = |values: &[f32]| values.iter().map(|value| 2.0 * value).collect();
        assert_eq!(fault(double, &[]), None);
        assert_eq!(fault(double, &[1, 4, 8]), None);
    }

    #[test]
    fn rows_that_meet_can_not() {
        let mean = |values: &[f32]| {
            let mean = values.iter().sum::<f32>() / values.len() as f32;
            values.iter().map(|value| value - mean).collect()
        };
        let text = fault(mean, &[]).unwrap();
        assert_eq!(text, "output y of a row depends on the other rows that run with it");
    }

    #[test]
    fn a_model_that_draws_numbers_is_not_accused() {
        let mut random = Random(7);
        let drawn =
            move |values: &[f32]| values.iter().map(|_| random.next() as f32).collect::<Vec<_>>();
        assert_eq!(fault(drawn, &[]), None);
    }

    #[test]
    fn fixed_rows_are_seen_in_the_signature() {
        let spec = |rows| TensorSpec {
            name: "x".into(),
            dtype: Some(DataType::Float32),
            shape: Some(vec![rows, Some(2)]),
            required: true,
        };
        let with = |inputs: Vec<TensorSpec>| Signature {
            inputs,
            outputs: Vec::new(),
            naming: Naming::Strict,
        };
        assert_eq!(check_signature(&with(vec![spec(None)])), None);
        let text = check_signature(&with(vec![spec(Some(3))])).unwrap();
        assert_eq!(text, "the first dimension of input x is fixed to 3");
        assert_eq!(check_signature(&with(vec![])).unwrap(), "the model has no inputs");
    }
}
