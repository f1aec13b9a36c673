//! Elements and texts as plain JSON, for protocols other than GRPS.

use grps_core::Elements;

use super::write;

/// Appends elements as one list: numbers as numbers, strings as text. Values that JSON lacks, such as
/// NaN, are in quotes. False, and what is appended is of no use, when a string is not UTF-8.
pub(crate) fn encode_flat(out: &mut Vec<u8>, elements: Elements<'_>) -> bool {
    match elements {
        Elements::Bool(values) => write::list(out, values, |out, v| write::boolean(out, *v)),
        Elements::Uint8(values) => write::list(out, values, |out, v| write::integer(out, *v)),
        Elements::Uint16(values) => write::list(out, values, |out, v| write::integer(out, *v)),
        Elements::Uint32(values) => write::list(out, values, |out, v| write::integer(out, *v)),
        Elements::Uint64(values) => write::list(out, values, |out, v| write::integer(out, *v)),
        Elements::Int8(values) => write::list(out, values, |out, v| write::integer(out, *v)),
        Elements::Int16(values) => write::list(out, values, |out, v| write::integer(out, *v)),
        Elements::Int32(values) => write::list(out, values, |out, v| write::integer(out, *v)),
        Elements::Int64(values) => write::list(out, values, |out, v| write::integer(out, *v)),
        Elements::Float16(values) => write::list(out, values, |out, v| write::half(out, *v)),
        Elements::Bfloat16(values) => {
            write::list(out, values, |out, v| write::float(out, v.to_f32()));
        }
        Elements::Float32(values) => write::list(out, values, |out, v| write::float(out, *v)),
        Elements::Float64(values) => write::list(out, values, |out, v| write::double(out, *v)),
        Elements::String(values) => {
            if values.iter().any(|text| std::str::from_utf8(text).is_err()) {
                return false;
            }
            write::list(out, values, |out, v| write::text(out, v));
        }
    }
    true
}

/// Appends a text as a JSON string.
pub(crate) fn encode_string(out: &mut Vec<u8>, text: &str) {
    write::string(out, text);
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use grps_core::Values;
    use half::f16;

    use super::*;

    fn encoded(values: impl Into<Values>) -> Option<String> {
        let mut out = Vec::new();
        let written = encode_flat(&mut out, values.into().elements());
        written.then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn elements_are_one_list() {
        assert_eq!(encoded(vec![0.1f32, f32::NAN]).unwrap(), "[0.1,\"NaN\"]");
        assert_eq!(encoded(vec![i64::MIN]).unwrap(), "[-9223372036854775808]");
        assert_eq!(encoded(vec![true, false]).unwrap(), "[true,false]");
        assert_eq!(encoded(vec![f16::from_f32(0.5)]).unwrap(), "[0.5]");
        let text = Bytes::from_static("a\"é".as_bytes());
        assert_eq!(encoded(vec![text]).unwrap(), "[\"a\\\"é\"]");
        assert_eq!(encoded(vec![Bytes::from_static(b"\xff")]), None);
    }
}
