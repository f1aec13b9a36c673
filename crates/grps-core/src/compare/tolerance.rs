//! How far a number may be from the expected one.

use crate::text::quoted;

/// How far a number may be from the expected one: `|actual - expected| <= absolute + relative *
/// |expected|`, as in `numpy.allclose`. It is for numbers only: texts, bytes and bools must be equal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    absolute: f64,
    relative: f64,
}

/// A tolerance that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ToleranceError(String);

impl Tolerance {
    /// Numbers must be equal.
    pub const EXACT: Self = Self { absolute: 0.0, relative: 0.0 };

    /// Makes a tolerance.
    ///
    /// # Errors
    /// A part is negative, infinite or not a number.
    pub fn new(absolute: f64, relative: f64) -> Result<Self, ToleranceError> {
        for (name, value) in [("absolute", absolute), ("relative", relative)] {
            if !value.is_finite() || value < 0.0 {
                let text = format!("the {name} tolerance must be a number from 0, not {value}");
                return Err(ToleranceError(text));
            }
        }
        Ok(Self { absolute, relative })
    }

    /// Reads `abs=1e-6,rel=1e-3`, of which either part may be left out and is then 0.
    ///
    /// # Errors
    /// Another part, a part twice, or a value that can't be used.
    pub fn parse(text: &str) -> Result<Self, ToleranceError> {
        let (mut absolute, mut relative) = (None, None);
        for part in text.split(',') {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let slot = match name.trim() {
                "abs" => &mut absolute,
                "rel" => &mut relative,
                _ => return Err(unreadable(text)),
            };
            let value = value.trim().parse::<f64>().map_err(|_| unreadable(text))?;
            if slot.replace(value).is_some() {
                return Err(unreadable(text));
            }
        }
        Self::new(absolute.unwrap_or(0.0), relative.unwrap_or(0.0))
    }

    /// The difference that is allowed for any number.
    pub fn absolute(self) -> f64 {
        self.absolute
    }

    /// The difference that is allowed as a part of the expected number.
    pub fn relative(self) -> f64 {
        self.relative
    }

    /// The difference that is allowed for an expected number.
    #[inline]
    pub(super) fn allowed(self, expected: f64) -> f64 {
        self.absolute + self.relative * expected.abs()
    }
}

fn unreadable(text: &str) -> ToleranceError {
    ToleranceError(format!("a tolerance is written as abs=1e-6,rel=1e-3, not {}", quoted(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read() {
        let read = |text| Tolerance::parse(text).map(|read| (read.absolute(), read.relative()));
        assert_eq!(read("abs=1e-6,rel=1e-3"), Ok((1e-6, 1e-3)));
        assert_eq!(read(" rel = 0.5 "), Ok((0.0, 0.5)));
        assert_eq!(read("abs=0"), Ok((0.0, 0.0)));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "1e-3", "abs", "abs=", "abs=x", "abs=1,abs=1", "abs=1,", "max=1"] {
            let refused = Tolerance::parse(text).unwrap_err().to_string();
            assert!(refused.starts_with("a tolerance is written as"), "{refused}");
        }
        for (text, shown) in [("abs=-1", "-1"), ("abs=inf", "inf"), ("abs=nan", "NaN")] {
            let refused = Tolerance::parse(text).unwrap_err().to_string();
            let wanted = format!("the absolute tolerance must be a number from 0, not {shown}");
            assert_eq!(refused, wanted);
        }
        assert!(Tolerance::parse("rel=-0.1").unwrap_err().to_string().contains("relative"));
    }
}
