//! When a node of a graph runs.

use crate::graph::source::Source;
use crate::tensor::tensor::Tensor;
use crate::tensor::values::Elements;

/// How an element is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    /// The comparison that a sign of the configuration stands for.
    pub fn from_sign(sign: &str) -> Option<Self> {
        Some(match sign {
            "==" => Self::Equal,
            "!=" => Self::NotEqual,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            _ => return None,
        })
    }
}

/// Holds when any element of a tensor compares so; an absent or empty tensor never does.
#[derive(Clone, Debug)]
pub struct Condition {
    /// The tensor.
    pub source: Source,
    /// How its elements are compared.
    pub comparison: Comparison,
    /// With what.
    pub value: f64,
}

impl Condition {
    pub(crate) fn holds(&self, tensor: &Tensor) -> bool {
        match tensor.elements() {
            Elements::Bool(v) => self.any(v.iter().map(|x| f64::from(u8::from(*x)))),
            Elements::Uint8(v) => self.any(v.iter().map(|x| f64::from(*x))),
            Elements::Uint16(v) => self.any(v.iter().map(|x| f64::from(*x))),
            Elements::Uint32(v) => self.any(v.iter().map(|x| f64::from(*x))),
            Elements::Uint64(v) => self.any(v.iter().map(|x| *x as f64)),
            Elements::Int8(v) => self.any(v.iter().map(|x| f64::from(*x))),
            Elements::Int16(v) => self.any(v.iter().map(|x| f64::from(*x))),
            Elements::Int32(v) => self.any(v.iter().map(|x| f64::from(*x))),
            Elements::Int64(v) => self.any(v.iter().map(|x| *x as f64)),
            Elements::Float16(v) => self.any(v.iter().map(|x| x.to_f64())),
            Elements::Bfloat16(v) => self.any(v.iter().map(|x| x.to_f64())),
            Elements::Float32(v) => self.any(v.iter().map(|x| f64::from(*x))),
            Elements::Float64(v) => self.any(v.iter().copied()),
            // A string is compared by its length: "" is nothing.
            Elements::String(v) => self.any(v.iter().map(|x| x.len() as f64)),
        }
    }

    #[expect(clippy::float_cmp, reason = "the user asks for just this value")]
    fn any(&self, mut elements: impl Iterator<Item = f64>) -> bool {
        elements.any(|element| match self.comparison {
            Comparison::Equal => element == self.value,
            Comparison::NotEqual => element != self.value,
            Comparison::Less => element < self.value,
            Comparison::LessOrEqual => element <= self.value,
            Comparison::Greater => element > self.value,
            Comparison::GreaterOrEqual => element >= self.value,
        })
    }
}
