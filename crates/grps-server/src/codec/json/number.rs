//! JSON numbers: a path of their own for decimals, `fast-float2` for the rest.
//!
//! Behind the path here, a number with an exponent takes `fast-float2` 27 ns and the standard parser
//! 37 ns. For decimals of up to nine digits, `fast-float2` takes 15 to 22 ns, the path here 9 to 14.

use super::cursor::{Cursor, byte_at};
use crate::codec::fault::{Fault, excerpt};

/// Powers of ten that a double holds exactly.
const POWERS_OF_TEN: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Powers of ten for the digits of less than a word.
const INTEGER_POWERS: [u64; WORD] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];

/// Digits that are read at once.
const WORD: usize = 8;

/// Most digits that surely fit in 64 bits.
const MAX_DIGITS: usize = 19;

impl<'a> Cursor<'a> {
    /// Reads a number, correctly rounded; too large ones become infinite.
    #[inline]
    pub(super) fn float(&mut self) -> Result<f64, Fault> {
        if let Some((value, end)) = decimal_float(self.text.as_bytes(), self.pos) {
            self.pos = end;
            return Ok(value);
        }
        self.number_text().and_then(parse_float)
    }

    /// Reads a number as [`Cursor::float`] does and rounds it to single precision.
    #[inline]
    pub(super) fn single(&mut self) -> Result<f32, Fault> {
        if let Some((value, end)) = decimal_single(self.text.as_bytes(), self.pos) {
            self.pos = end;
            return Ok(value);
        }
        self.number_text().and_then(parse_float).map(|value| value as f32)
    }

    /// Reads an integer, which may be written like `1.0` or `1e2`.
    #[inline]
    pub(crate) fn integer(&mut self) -> Result<i128, Fault> {
        match short_integer(self.text.as_bytes(), self.pos) {
            Some((value, end)) => {
                self.pos = end;
                Ok(value.into())
            }
            None => self.number_text().and_then(parse_integer),
        }
    }

    /// Reads an integer in quotes; `None`, and nothing is read, unless it is a plain short one.
    #[inline]
    pub(super) fn quoted_integer(&mut self) -> Option<i128> {
        let bytes = self.text.as_bytes();
        let (value, end) = short_integer(bytes, self.pos + 1)?;
        (byte_at(bytes, end) == b'"').then(|| {
            self.pos = end + 1;
            value.into()
        })
    }

    /// The text of a number, or of one of the words that Python writes for special values.
    #[cold]
    pub(crate) fn number_text(&mut self) -> Result<&'a str, Fault> {
        let start = self.pos;
        for word in ["NaN", "Infinity", "-Infinity"] {
            if self.take(word) {
                return Ok(word);
            }
        }
        let Some(end) = number_end(self.text.as_bytes(), start) else {
            return Err(if matches!(self.peek(), b'-' | b'0'..=b'9') {
                self.syntax("malformed number")
            } else {
                self.mismatch("a number")
            });
        };
        self.pos = end;
        Ok(self.text.get(start..end).unwrap_or_default())
    }
}

/// A decimal of few enough digits and where it ends; `None` for any other number.
#[inline]
pub(super) fn decimal_float(text: &[u8], start: usize) -> Option<(f64, usize)> {
    let decimal = Decimal::scan(text, start)?;
    Some((decimal.exact()?, decimal.end))
}

/// As [`decimal_float`], rounded to single precision, for which more digits are few enough.
#[inline]
pub(super) fn decimal_single(text: &[u8], start: usize) -> Option<(f32, usize)> {
    let decimal = Decimal::scan(text, start)?;
    Some((decimal.single()?, decimal.end))
}

/// A number such as `0.4375,` or `-1.5,` and the offset of the comma: one digit, a point, up to
/// seven digits. `None` for any other.
///
/// Inputs of models mostly look like this. All that matters is in one word, which is what makes it fast.
#[inline(always)]
pub(super) fn short_decimal(text: &[u8], start: usize) -> Option<(f64, usize)> {
    if byte_at(text, start) == b'-' {
        let (value, end) = unsigned_short_decimal(text, start + 1)?;
        return Some((-value, end));
    }
    unsigned_short_decimal(text, start)
}

#[inline(always)]
fn unsigned_short_decimal(text: &[u8], start: usize) -> Option<(f64, usize)> {
    let [whole, b'.', rest @ ..] = text.get(start..start + 2 + WORD)? else { return None };
    let whole = whole.wrapping_sub(b'0');
    let word = u64::from_le_bytes(*rest.first_chunk()?);
    let count = leading_digits(word);
    let scale = *INTEGER_POWERS.get(count)?;
    if whole > 9 || count == 0 || (word >> (8 * count)) as u8 != b',' {
        return None;
    }
    let mantissa =
        u64::from(whole) * scale + eight_digits((values_of(word) << 8) << (56 - 8 * count));
    // Both are exact as doubles, so that the one division rounds correctly.
    Some((mantissa as i64 as f64 / scale as i64 as f64, start + 2 + count))
}

/// The value of a number's text.
pub(super) fn parse_float(text: &str) -> Result<f64, Fault> {
    fast_float2::parse(text).map_err(|_| Fault::new(format!("{} is not a number", excerpt(text))))
}

/// The value of an integer's text; a fraction is refused, what is far too large saturates.
pub(super) fn parse_integer(text: &str) -> Result<i128, Fault> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let limit = if digits.len() < text.len() { i128::MIN } else { i128::MAX };
        return Ok(text.parse().unwrap_or(limit));
    }
    let value = parse_float(text)?;
    if value.is_nan() || (value.is_finite() && value.fract() != 0.0) {
        return Err(Fault::new(format!("{} is not an integer", excerpt(text))));
    }
    Ok(value as i128)
}

/// A decimal without exponent and with few enough digits for 64 bits.
struct Decimal {
    negative: bool,
    mantissa: u64,
    /// The power of ten to divide the mantissa by.
    power: f64,
    /// Offset behind the last digit.
    end: usize,
}

impl Decimal {
    /// The decimal that starts here; `None` when the number is malformed or of another form.
    // Always, because the parts must stay in registers: calls cost a third of the speed.
    #[inline(always)]
    fn scan(bytes: &[u8], start: usize) -> Option<Self> {
        let negative = byte_at(bytes, start) == b'-';
        let first = start + usize::from(negative);
        let leading_zero = byte_at(bytes, first) == b'0';
        let (whole, point) = digits(bytes, first, 0);
        let whole_digits = point - first;
        if whole_digits == 0 || (whole_digits > 1 && leading_zero) {
            return None;
        }
        let (mantissa, end) = if byte_at(bytes, point) == b'.' {
            long_digits(bytes, point + 1, whole)
        } else {
            (whole, point)
        };
        let scale = (end - point).saturating_sub(1);
        let malformed = end == point + 1;
        let significant = whole_digits - usize::from(leading_zero) + scale;
        if malformed || significant > MAX_DIGITS || byte_at(bytes, end) | 0x20 == b'e' {
            return None;
        }
        Some(Self { negative, mantissa, power: *POWERS_OF_TEN.get(scale)?, end })
    }

    /// The value, when a double holds mantissa and power exactly, so that the one division rounds
    /// correctly (Clinger's fast path).
    #[inline]
    fn exact(&self) -> Option<f64> {
        if self.mantissa > 1 << f64::MANTISSA_DIGITS {
            return None;
        }
        // Converting a signed number takes one instruction, an unsigned one several.
        Some(self.signed(self.mantissa as i64 as f64 / self.power))
    }

    /// The value rounded to double and then to single precision. Where the mantissa is too long
    /// for [`Decimal::exact`], converting and dividing are still off by less than two units in the
    /// last place, which rounding to single precision hides unless it is close to a tie.
    #[inline]
    fn single(&self) -> Option<f32> {
        if let Some(value) = self.exact() {
            return Some(value as f32);
        }
        let magnitude = self.mantissa as f64 / self.power;
        let low = f64::from_bits(magnitude.to_bits() - 4) as f32;
        let high = f64::from_bits(magnitude.to_bits() + 4) as f32;
        (low == high).then_some(self.signed(magnitude) as f32)
    }

    #[inline]
    fn signed(&self, magnitude: f64) -> f64 {
        if self.negative { -magnitude } else { magnitude }
    }
}

/// An integer of few digits and where it ends.
#[inline]
pub(super) fn short_integer(bytes: &[u8], start: usize) -> Option<(i64, usize)> {
    let negative = byte_at(bytes, start) == b'-';
    let first = start + usize::from(negative);
    let (value, end) = digits(bytes, first, 0);
    let count = end - first;
    let leading_zero = count > 1 && byte_at(bytes, first) == b'0';
    if count == 0 || count >= MAX_DIGITS || leading_zero {
        return None;
    }
    if matches!(byte_at(bytes, end), b'.' | b'e' | b'E') {
        return None;
    }
    let value = value as i64;
    Some((if negative { -value } else { value }, end))
}

/// Appends decimal digits to a number; wraps when there are too many, which callers refuse.
#[inline]
fn digits(bytes: &[u8], start: usize, mut value: u64) -> (u64, usize) {
    let mut pos = start;
    loop {
        let digit = byte_at(bytes, pos).wrapping_sub(b'0');
        if digit > 9 {
            return (value, pos);
        }
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        pos += 1;
    }
}

/// As [`digits`], faster for long runs.
#[inline]
fn long_digits(bytes: &[u8], mut start: usize, mut value: u64) -> (u64, usize) {
    // The first test spares the usual short runs the second.
    while byte_at(bytes, start + 4).is_ascii_digit()
        && let Some(word) = bytes.get(start..).and_then(|rest| rest.first_chunk())
        && let word = u64::from_le_bytes(*word)
        && leading_digits(word) == WORD
    {
        value = value.wrapping_mul(100_000_000).wrapping_add(eight_digits(values_of(word)));
        start += WORD;
    }
    digits(bytes, start, value)
}

/// How many bytes of a word are digits, up to the first that is none.
#[inline]
fn leading_digits(word: u64) -> usize {
    // The top bit of a byte shows that it was below '0', or above '9' where 0x46 makes it 0x80. A
    // carry or borrow can only come from such a byte, so that the first of them is right.
    let below = word.wrapping_sub(0x3030_3030_3030_3030);
    let above = word.wrapping_add(0x4646_4646_4646_4646);
    ((below | above) & 0x8080_8080_8080_8080).trailing_zeros() as usize / 8
}

/// The values of the digits of a word, one in each byte.
#[inline]
fn values_of(word: u64) -> u64 {
    word ^ 0x3030_3030_3030_3030
}

/// The number that eight digits are: neighbours are joined to pairs, pairs to fours and fours to
/// eight within one word.
#[inline]
fn eight_digits(values: u64) -> u64 {
    const FOURS: u64 = 0x0000_00ff_0000_00ff;
    let pairs = values.wrapping_mul(10).wrapping_add(values >> 8);
    let high = (pairs & FOURS).wrapping_mul(100 + (1_000_000 << 32));
    let low = (pairs >> 16 & FOURS).wrapping_mul(1 + (10_000 << 32));
    high.wrapping_add(low) >> 32
}

/// Where the number that starts here ends by the JSON grammar.
fn number_end(bytes: &[u8], start: usize) -> Option<usize> {
    let run = |from: usize| {
        let (_, end) = digits(bytes, from, 0);
        (end > from).then_some(end)
    };
    let first = start + usize::from(byte_at(bytes, start) == b'-');
    let mut end = run(first)?;
    if end > first + 1 && byte_at(bytes, first) == b'0' {
        return None;
    }
    if byte_at(bytes, end) == b'.' {
        end = run(end + 1)?;
    }
    if byte_at(bytes, end) | 0x20 == b'e' {
        let sign = usize::from(matches!(byte_at(bytes, end + 1), b'+' | b'-'));
        end = run(end + 1 + sign)?;
    }
    Some(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn float(text: &str) -> Option<f64> {
        let mut cursor = Cursor::new(text);
        let value = cursor.float().ok()?;
        cursor.end().ok().map(|()| value)
    }

    #[test]
    fn floats_round_like_the_standard_parser() {
        let samples = [
            "0",
            "-0",
            "1",
            "-1.5",
            "0.1",
            "123.4567",
            "9007199254740993",
            "9007199254740993.0",
            "0.20000000298023224",
            "18446744073709551616",
            "1e400",
            "-1E+2",
            "1e-5",
            "2.5e-324",
            "0.00000000000000000000001",
            "12345678901234567890.123",
            "1.7976931348623157e308",
        ];
        for text in samples {
            let expected: f64 = text.parse().unwrap();
            assert_eq!(float(text).unwrap().to_bits(), expected.to_bits(), "{text}");
        }
        assert!(float("NaN").unwrap().is_nan());
        assert_eq!(float("-Infinity"), Some(f64::NEG_INFINITY));
    }

    #[test]
    fn singles_round_like_doubles_rounded_twice() {
        let mut samples = vec!["1.7976931348623157e308".to_owned(), "-0.0".to_owned()];
        let mut bits = 1u32;
        for _ in 0..2000 {
            bits = bits.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let value = f32::from_bits(0x3000_0000 + (bits >> 4));
            let next = f32::from_bits(value.to_bits() + 1);
            let tie = (f64::from(value) + f64::from(next)) / 2.0;
            samples.extend([
                f64::from(value).to_string(),
                tie.to_string(),
                tie.next_down().to_string(),
                format!("-{}", tie.next_up()),
            ]);
        }
        for text in samples {
            let expected = text.parse::<f64>().unwrap() as f32;
            let value = Cursor::new(&text).single().unwrap();
            assert_eq!(value.to_bits(), expected.to_bits(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_text_rounds_like_the_standard_parser(
            bits in any::<u64>(),
            text in "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,40})?([eE][-+]?[0-9]{1,3})?",
        ) {
            let value = f64::from_bits(bits);
            for text in [format!("{value:e}"), format!("{value:?}"), format!("{value:.1100}"), text] {
                if let Ok(expected) = text.parse::<f64>() {
                    let read = parse_float(&text).unwrap();
                    prop_assert!(read.to_bits() == expected.to_bits() || expected.is_nan(), "{text}");
                }
            }
        }
    }

    #[test]
    fn ties_and_limits_round_like_the_standard_parser() {
        for text in [
            "9007199254740993e0",
            "9007199254740992.99999999999999999999999999",
            "9007199254740993.00000000000000000000000001",
            "2.4703282292062327208e-324",
            "2.4703282292062328e-324",
            "2.2250738585072011e-308",
            "1.7976931348623158e308",
            "1.797693134862315809e308",
            "0e999999999999",
            "1e-999999999999",
            "1e999999999999",
        ] {
            let expected: f64 = text.parse().unwrap();
            assert_eq!(parse_float(text).unwrap().to_bits(), expected.to_bits(), "{text}");
        }
    }

    #[test]
    fn grammar_is_strict() {
        for text in [
            "", "-", "01", "-01", "1.", ".5", "1.e5", "1e", "1e+", "+1", "0x1", "1_0", "nan", "inf",
        ] {
            assert_eq!(float(text), None, "{text}");
        }
    }

    #[test]
    fn eight_digits_at_once() {
        let word = |text: &[u8; 8]| u64::from_le_bytes(*text);
        assert_eq!(eight_digits(values_of(word(b"12345678"))), 12_345_678);
        assert_eq!(eight_digits(values_of(word(b"00000009"))), 9);
        assert_eq!(leading_digits(word(b"00009999")), 8);
        for byte in (0..=255).filter(|byte: &u8| !byte.is_ascii_digit()) {
            for position in 0..8 {
                let mut text = *b"98765432";
                text[position] = byte;
                assert_eq!(leading_digits(word(&text)), position, "{text:?}");
            }
        }
        for length in 0..=17 {
            let text = &"12345678901234567"[..length];
            assert_eq!(long_digits(text.as_bytes(), 0, 0), (text.parse().unwrap_or(0), length));
        }
    }

    #[test]
    fn short_decimals_are_as_the_standard_parser_has_them() {
        for number in (0..10_000_000).step_by(97).chain([0, 9_999_999]) {
            for digits in 1..=7 {
                let scale = 10u32.pow(digits);
                let (whole, part) = (number % 10, number % scale);
                let text = format!("{whole}.{part:0width$}", width = digits as usize);
                for text in [text.clone(), format!("-{text}")] {
                    let behind = format!("{text},0.12345678");
                    let (value, end) = short_decimal(behind.as_bytes(), 0).unwrap();
                    let expected: f64 = text.parse().unwrap();
                    assert_eq!((value.to_bits(), end), (expected.to_bits(), text.len()), "{text}");
                }
            }
        }
        for other in ["0.,1234567", "1.12345678,0", "12.5,12345678", ".5,12345678", "--1.5,1234567"]
        {
            assert_eq!(short_decimal(other.as_bytes(), 0), None, "{other}");
        }
        for other in ["1.5]12345678", "1.5 ,1234567", "1.5e3,123456", "1.5,", "-", "", "1.5,12345"]
        {
            assert_eq!(short_decimal(other.as_bytes(), 0), None, "{other}");
        }
        assert_eq!(short_decimal(b"x-1.5,123456", 1), Some((-1.5, 5)));
    }

    #[test]
    fn integers() {
        let integer = |text: &str| Cursor::new(text).integer().ok();
        assert_eq!(integer("9223372036854775807"), Some(i64::MAX.into()));
        assert_eq!(integer("-9223372036854775808"), Some(i64::MIN.into()));
        assert_eq!(integer("999999999999999999"), Some(999_999_999_999_999_999));
        assert_eq!(integer("1.0"), Some(1));
        assert_eq!(integer("1e2"), Some(100));
        assert_eq!(integer(&"9".repeat(60)), Some(i128::MAX));
        for text in ["1.5", "1e-1", "NaN", "01", "-"] {
            assert_eq!(integer(text), None, "{text}");
        }
    }
}
