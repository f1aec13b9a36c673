//! Elements as nested lists, for protocols other than GRPS.

use grps_core::{Elements, Error};

use super::encode::{check_empty_lists, nested, write_nested_elements};
use super::write;

/// Appends elements as nested lists, one without dimensions as a value. NaN and infinite numbers are
/// the words that many readers of JSON know. Strings are text, or `{"b64": "..."}` where they are not
/// UTF-8; all are that with `as_bytes`.
///
/// # Errors
/// `InvalidArgument` when the shape stands for a huge number of empty lists.
pub(crate) fn encode_nested(
    out: &mut Vec<u8>,
    shape: &[usize],
    elements: Elements<'_>,
    as_bytes: bool,
) -> Result<(), Error> {
    check_empty_lists(shape)?;
    match elements {
        Elements::Float16(values) => {
            nested(out, shape, values, &|out, v| write::float_or_word(out, v.to_f32()));
        }
        Elements::Bfloat16(values) => {
            nested(out, shape, values, &|out, v| write::float_or_word(out, v.to_f32()));
        }
        Elements::Float32(values) => {
            nested(out, shape, values, &|out, v| write::float_or_word(out, *v));
        }
        Elements::Float64(values) => {
            nested(out, shape, values, &|out, v| write::double_or_word(out, *v));
        }
        Elements::String(values) if as_bytes => {
            nested(out, shape, values, &|out, v| write::base64_object(out, v));
        }
        others => write_nested_elements(out, shape, others),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use grps_core::Values;

    use super::*;

    fn encoded(shape: &[usize], values: impl Into<Values>, as_bytes: bool) -> String {
        let mut out = Vec::new();
        encode_nested(&mut out, shape, values.into().elements(), as_bytes).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn elements_are_nested_by_their_shape() {
        assert_eq!(encoded(&[2, 1], vec![0.1f32, 2.0], false), "[[0.1],[2.0]]");
        assert_eq!(encoded(&[], vec![7i64], false), "7");
        assert_eq!(encoded(&[1, 0], Vec::<u8>::new(), false), "[[]]");
        let unusual = vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        assert_eq!(encoded(&[3], unusual, false), "[NaN,Infinity,-Infinity]");
        let strings = vec![Bytes::from_static(b"a"), Bytes::from_static(b"\xff")];
        assert_eq!(encoded(&[2], strings.clone(), false), "[\"a\",{\"b64\":\"/w==\"}]");
        assert_eq!(encoded(&[2], strings, true), "[{\"b64\":\"YQ==\"},{\"b64\":\"/w==\"}]");
        let huge = [usize::MAX, 0];
        assert!(encode_nested(&mut Vec::new(), &huge, Elements::Uint8(&[]), false).is_err());
    }
}
