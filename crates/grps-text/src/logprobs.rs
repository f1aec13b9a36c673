//! Log-probabilities of tokens, of the logits that a model returns.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::f32::consts::{LN_2, LOG2_E};

use half::f16;

use crate::error::TextError;

/// Numbers that are computed at once.
const LANES: usize = 16;

/// Numbers that are looked at once when none of them is large enough.
const SKIPPED: usize = 128;

/// The type of a logit.
pub trait Logit: Copy {
    /// The same number.
    fn to_f32(self) -> f32;
}

impl Logit for f32 {
    fn to_f32(self) -> f32 {
        self
    }
}

impl Logit for f16 {
    fn to_f32(self) -> f32 {
        self.to_f32()
    }
}

/// Log-probabilities of the tokens of some rows, by the natural logarithm.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopLogprobs {
    /// That of the token of each row.
    pub logprobs: Vec<f32>,
    /// The most probable tokens of each row, the most probable first; of equal ones the lowest
    /// number first.
    pub top_ids: Vec<i64>,
    /// Their log-probabilities.
    pub top_logprobs: Vec<f32>,
}

/// Computes the log-probability of the token of each row, and the `count` most probable tokens.
///
/// `logits` are rows of `vocabulary` numbers. A logit that is NaN has the probability 0, and so
/// have all of a row without a number above minus infinity. Logits of plus infinity share the
/// whole probability of their row.
///
/// # Errors
/// [`TextError::Logits`]: the sizes do not go together, a token is not in the vocabulary, or
/// `count` is larger than it.
pub fn top_logprobs<T: Logit>(
    logits: &[T],
    vocabulary: usize,
    tokens: &[i64],
    count: usize,
) -> Result<TopLogprobs, TextError> {
    let rows = tokens.len();
    if rows.checked_mul(vocabulary) != Some(logits.len()) {
        let elements = logits.len();
        return refuse(format!("{elements} logits are not {vocabulary} for each of {rows} tokens"));
    }
    if count > vocabulary {
        return refuse(format!("count is {count}, but the vocabulary has {vocabulary} tokens"));
    }
    let mut found = TopLogprobs::default();
    let mut row = Vec::with_capacity(vocabulary);
    for (index, token) in tokens.iter().enumerate() {
        row.clear();
        let all = &logits[index * vocabulary..(index + 1) * vocabulary];
        row.extend(all.iter().map(|logit| number(logit.to_f32())));
        let own = usize::try_from(*token).ok().and_then(|token| row.get(token));
        let Some(own) = own else {
            return refuse(format!("token {token} of row {index} is not below {vocabulary}"));
        };
        let scale = Scale::of(&row);
        found.logprobs.push(scale.logprob(*own));
        for (logit, id) in top(&row, count) {
            found.top_ids.push(id as i64);
            found.top_logprobs.push(scale.logprob(logit));
        }
    }
    Ok(found)
}

fn refuse<T>(message: String) -> Result<T, TextError> {
    Err(TextError::Logits(message))
}

/// NaN as the logit of a probability of 0.
fn number(logit: f32) -> f32 {
    if logit.is_nan() { f32::NEG_INFINITY } else { logit }
}

/// What turns the logits of a row into log-probabilities.
struct Scale {
    most: f32,
    /// Logarithm of the sum of the probabilities, relative to that of `most`.
    log_sum: f64,
}

impl Scale {
    fn of(row: &[f32]) -> Self {
        let most = largest(row);
        let sum = if most.is_finite() {
            sum_of_exp(row, most)
        } else {
            row.iter().filter(|logit| **logit == most).count() as f64
        };
        Self { most, log_sum: sum.ln() }
    }

    fn logprob(&self, logit: f32) -> f32 {
        if logit == f32::NEG_INFINITY {
            return f32::NEG_INFINITY;
        }
        let relative = match (logit == self.most, self.most.is_finite()) {
            (true, _) => 0.0,
            (false, true) => f64::from(logit) - f64::from(self.most),
            (false, false) => f64::NEG_INFINITY,
        };
        (relative - self.log_sum) as f32
    }
}

/// The largest of some numbers, none of which is NaN; minus infinity of none.
fn largest(row: &[f32]) -> f32 {
    let larger = |one: f32, other: f32| if other > one { other } else { one };
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (whole, rest) = row.as_chunks::<LANES>();
    for chunk in whole {
        for (lane, logit) in lanes.iter_mut().zip(chunk) {
            *lane = larger(*lane, *logit);
        }
    }
    lanes.iter().chain(rest).copied().fold(f32::NEG_INFINITY, larger)
}

/// The sum of the exponentials of a row, relative to that of its largest number.
fn sum_of_exp(row: &[f32], most: f32) -> f64 {
    let mut sum = 0.0;
    // Sums of a few numbers are exact enough in f32.
    for block in row.chunks(LANES * 64) {
        let mut lanes = [0f32; LANES];
        let (whole, rest) = block.as_chunks::<LANES>();
        for chunk in whole {
            for (lane, logit) in lanes.iter_mut().zip(chunk) {
                *lane += exp(logit - most);
            }
        }
        let rest = rest.iter().map(|logit| exp(logit - most));
        sum += lanes.into_iter().chain(rest).map(f64::from).sum::<f64>();
    }
    sum
}

/// The exponential of a number that is not above 0, which the compiler computes for several at once;
/// its relative error is below 1e-5, and below 3e-7 near 0.
fn exp(number: f32) -> f32 {
    /// What rounds a small number when it is added.
    const ROUNDING: f32 = 12_582_912.0;
    /// Coefficients of 2^x between -0.5 and 0.5, from the highest power on.
    const POWERS: [f32; 7] =
        [1.540_353e-4, 1.333_355_8e-3, 9.618_129e-3, 5.550_411e-2, 0.240_226_5, LN_2, 1.0];
    // Below, the sum of all does not change, and the exponent has no room.
    let number = if number > -87.0 { number } else { -87.0 };
    let power = number * LOG2_E;
    let rounded = power + ROUNDING;
    let rest = power - (rounded - ROUNDING);
    let fraction = POWERS.iter().fold(0.0, |sum, coefficient| sum * rest + coefficient);
    // The low bits of what was rounded are the exponent.
    let exponent = rounded.to_bits().wrapping_shl(23).wrapping_add(1f32.to_bits());
    fraction * f32::from_bits(exponent)
}

/// A token in the order of probability; of equal ones the lowest number is first.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Candidate {
    logit: f32,
    id: usize,
}

impl Eq for Candidate {}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        // 0 and -0 are equally probable.
        let by_logit = (self.logit + 0.0).total_cmp(&(other.logit + 0.0));
        by_logit.then(other.id.cmp(&self.id))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The `count` largest logits of a row, which has as many, with their tokens in order.
fn top(row: &[f32], count: usize) -> Vec<(f32, usize)> {
    let mut kept = BinaryHeap::with_capacity(count + 1);
    // What a logit must be above; all are kept while there are fewer than `count`.
    let mut least = None;
    for (index, chunk) in row.chunks(SKIPPED).enumerate() {
        if count == 0 || least.is_some_and(|least| largest(chunk) <= least) {
            continue;
        }
        for (offset, logit) in chunk.iter().copied().enumerate() {
            if least.is_some_and(|least| logit <= least) {
                continue;
            }
            kept.push(Reverse(Candidate { logit, id: index * SKIPPED + offset }));
            if kept.len() > count {
                kept.pop();
            }
            if kept.len() == count {
                least = kept.peek().map(|Reverse(candidate)| candidate.logit);
            }
        }
    }
    let sorted = kept.into_sorted_vec().into_iter();
    sorted.map(|Reverse(candidate)| (candidate.logit, candidate.id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: &[f32], expected: &[f32]) {
        assert_eq!(found.len(), expected.len());
        for (one, other) in found.iter().zip(expected) {
            assert!(one == other || (one - other).abs() < 1e-6, "{found:?} {expected:?}");
        }
    }

    #[test]
    fn probabilities_of_a_row_are_those_of_softmax() {
        let logits = [1.0f32, 2.0, 3.0, 3.0, -1.0, 0.0, 0.0, 0.0];
        let found = top_logprobs(&logits, 4, &[0, 3], 2).unwrap();
        let sum = |row: &[f32]| row.iter().map(|logit| logit.exp()).sum::<f32>().ln();
        let (first, second) = (sum(&logits[..4]), sum(&logits[4..]));
        close(&found.logprobs, &[1.0 - first, -second]);
        assert_eq!(found.top_ids, [2, 3, 1, 2], "of equal ones the lowest number");
        close(&found.top_logprobs, &[3.0 - first, 3.0 - first, -second, -second]);
    }

    #[test]
    fn exponentials_are_exact_enough() {
        for step in 0..100_000 {
            let number = step as f32 * -0.001;
            let (found, expected) = (f64::from(exp(number)), f64::from(number).exp());
            let error = (found - expected).abs();
            let most = if number > -1.0 { 3e-7 } else { 1e-5 };
            assert!(error < most * expected || error < 1e-37, "{number}: {found} {expected}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NEG_INFINITY) < 2e-38);
    }

    #[test]
    fn large_logits_do_not_overflow() {
        let found = top_logprobs(&[3e38f32, -3e38, 3e38], 3, &[1], 3).unwrap();
        let half = -(2f32.ln());
        assert_eq!(found.top_ids, [0, 2, 1]);
        close(&found.top_logprobs[..2], &[half, half]);
        assert_eq!(found.logprobs, [f32::NEG_INFINITY]);
        let halves = [f16::MAX, f16::MIN].map(|logit| logit);
        let found = top_logprobs(&halves, 2, &[0], 2).unwrap();
        assert_eq!((found.logprobs, found.top_ids), (vec![0.0], vec![0, 1]));
    }

    #[test]
    fn what_is_no_number_has_no_probability() {
        let (nan, inf) = (f32::NAN, f32::INFINITY);
        let found = top_logprobs(&[nan, 1.0, -inf, 1.0], 4, &[0], 4).unwrap();
        assert_eq!((found.logprobs, found.top_ids), (vec![-inf], vec![1, 3, 0, 2]));
        close(&found.top_logprobs, &[-(2f32.ln()), -(2f32.ln()), -inf, -inf]);
        let found = top_logprobs(&[inf, 1.0, inf, nan], 4, &[1], 3).unwrap();
        assert_eq!((found.logprobs, found.top_ids), (vec![-inf], vec![0, 2, 1]));
        close(&found.top_logprobs, &[-(2f32.ln()), -(2f32.ln()), -inf]);
        let found = top_logprobs(&[nan, -inf], 2, &[1], 1).unwrap();
        assert_eq!((found.logprobs, found.top_logprobs), (vec![-inf], vec![-inf]));
    }

    #[test]
    fn limits() {
        let logits = [0.5f32, 0.25, 0.5, 0.25];
        let refused = |tokens: &[i64], count| {
            top_logprobs(&logits, 2, tokens, count).unwrap_err().to_string()
        };
        assert_eq!(top_logprobs(&logits, 2, &[1, 1], 2).unwrap().top_ids, [0, 1, 0, 1]);
        assert_eq!(top_logprobs(&logits, 2, &[1, 1], 0).unwrap().top_ids, [0i64; 0]);
        assert_eq!(refused(&[0, 0], 3), "count is 3, but the vocabulary has 2 tokens");
        assert_eq!(refused(&[0, 2], 1), "token 2 of row 1 is not below 2");
        assert_eq!(refused(&[-1, 0], 1), "token -1 of row 0 is not below 2");
        assert_eq!(refused(&[0], 1), "4 logits are not 2 for each of 1 tokens");
        assert_eq!(top_logprobs::<f32>(&[], 2, &[], 2).unwrap(), TopLogprobs::default());
    }
}
