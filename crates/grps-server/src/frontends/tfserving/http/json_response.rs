//! Writes the responses of predict, classify and regress.

use grps_core::{Cause, Elements, Error, Tensor, quoted};

use crate::codec::json::{encode_nested, encode_string};
use crate::frontends::tfserving::scores::Class;

/// Outputs of strings whose names end so are always written as bytes.
const BYTES_SUFFIX: &str = "_bytes";
/// Bytes to reserve for an element, and for the rest of a response.
const ELEMENT_BYTES: usize = 8;
const FRAME_BYTES: usize = 64;

/// The outputs in rows: `{"predictions": [...]}`, each an object if there are several outputs.
///
/// # Errors
/// `InvalidArgument` when the outputs have no rows in common; `ModelFailed` without an output.
pub(super) fn rows(tensors: &[Tensor]) -> Result<Vec<u8>, Error> {
    let rows = common_rows(tensors)?;
    let mut out = start(tensors, b"{\"predictions\":");
    if let [only] = tensors {
        write_tensor(&mut out, only)?;
    } else {
        out.push(b'[');
        for row in 0..rows {
            separate(&mut out, row);
            write_row(&mut out, tensors, row, rows)?;
        }
        out.push(b']');
    }
    out.push(b'}');
    Ok(out)
}

/// The outputs as they are: `{"outputs": ...}`, an object if there are several.
///
/// # Errors
/// `InvalidArgument` for an output that stands for too many empty lists; `ModelFailed` without an
/// output.
pub(super) fn columns(tensors: &[Tensor]) -> Result<Vec<u8>, Error> {
    let mut out = start(tensors, b"{\"outputs\":");
    match tensors {
        [] => return Err(no_output()),
        [only] => write_tensor(&mut out, only)?,
        several => {
            out.push(b'{');
            for (index, tensor) in several.iter().enumerate() {
                separate(&mut out, index);
                encode_string(&mut out, tensor.name());
                out.push(b':');
                write_tensor(&mut out, tensor)?;
            }
            out.push(b'}');
        }
    }
    out.push(b'}');
    Ok(out)
}

/// The classes of each example: `{"results": [[[label, score], ...], ...]}`.
pub(super) fn classes(examples: &[Vec<Class>]) -> Vec<u8> {
    let mut out = b"{\"results\":[".to_vec();
    for (index, classes) in examples.iter().enumerate() {
        separate(&mut out, index);
        out.push(b'[');
        for (index, Class { label, score }) in classes.iter().enumerate() {
            separate(&mut out, index);
            out.push(b'[');
            encode_string(&mut out, &String::from_utf8_lossy(label));
            out.push(b',');
            // A value without dimensions always has a form.
            let _ = encode_nested(&mut out, &[], Elements::Float32(&[*score]), false);
            out.push(b']');
        }
        out.push(b']');
    }
    out.extend_from_slice(b"]}");
    out
}

/// The value of each example: `{"results": [...]}`.
pub(super) fn values(values: &[f32]) -> Vec<u8> {
    let mut out = b"{\"results\":".to_vec();
    // One list always has a form.
    let _ = encode_nested(&mut out, &[values.len()], Elements::Float32(values), false);
    out.push(b'}');
    out
}

fn start(tensors: &[Tensor], key: &[u8]) -> Vec<u8> {
    let count: usize = tensors.iter().map(|tensor| tensor.elements().len()).sum();
    let mut out = Vec::with_capacity(FRAME_BYTES + count.saturating_mul(ELEMENT_BYTES));
    out.extend_from_slice(key);
    out
}

/// How many rows all outputs have.
fn common_rows(tensors: &[Tensor]) -> Result<usize, Error> {
    let mut common = None;
    for tensor in tensors {
        let name = || quoted(tensor.name());
        let Some(rows) = tensor.shape().first().copied() else {
            return Err(Error::invalid(format!(
                "output {} has no rows: send inputs instead of instances",
                name()
            )));
        };
        let expected = *common.get_or_insert(rows);
        if expected != rows {
            return Err(Error::invalid(format!(
                "output {} has {rows} rows, others have {expected}: send inputs instead of instances",
                name()
            )));
        }
    }
    common.ok_or_else(no_output)
}

fn no_output() -> Error {
    Error::new(Cause::ModelFailed, "the model returned no output")
}

fn write_row(out: &mut Vec<u8>, tensors: &[Tensor], row: usize, rows: usize) -> Result<(), Error> {
    out.push(b'{');
    for (index, tensor) in tensors.iter().enumerate() {
        separate(out, index);
        encode_string(out, tensor.name());
        out.push(b':');
        let elements = tensor.elements();
        let size = elements.len() / rows.max(1);
        let part = elements.get(row * size..(row + 1) * size).unwrap_or(elements);
        let shape = tensor.shape().get(1..).unwrap_or_default();
        encode_nested(out, shape, part, is_bytes(tensor))?;
    }
    out.push(b'}');
    Ok(())
}

fn write_tensor(out: &mut Vec<u8>, tensor: &Tensor) -> Result<(), Error> {
    encode_nested(out, tensor.shape(), tensor.elements(), is_bytes(tensor))
}

fn is_bytes(tensor: &Tensor) -> bool {
    tensor.name().ends_with(BYTES_SUFFIX)
}

fn separate(out: &mut Vec<u8>, index: usize) {
    if index > 0 {
        out.push(b',');
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use grps_core::Values;

    use super::*;

    fn tensor(name: &str, shape: &[usize], values: impl Into<Values>) -> Tensor {
        Tensor::new(name.into(), shape, values.into()).unwrap()
    }

    fn text(encoded: Result<Vec<u8>, Error>) -> String {
        String::from_utf8(encoded.unwrap()).unwrap()
    }

    #[test]
    fn the_only_output_has_no_name() {
        let only = [tensor("y", &[2, 1], vec![0.5f32, f32::NAN])];
        assert_eq!(text(rows(&only)), "{\"predictions\":[[0.5],[NaN]]}");
        assert_eq!(text(columns(&only)), "{\"outputs\":[[0.5],[NaN]]}");
        assert_eq!(text(columns(&[tensor("y", &[], vec![7i64])])), "{\"outputs\":7}");
        assert_eq!(text(rows(&[tensor("y", &[0, 3], Vec::<u8>::new())])), "{\"predictions\":[]}");
    }

    #[test]
    fn several_outputs_have_names() {
        let scores = tensor("s", &[2, 2], vec![1i32, 2, 3, 4]);
        let bytes = vec![Bytes::from_static(b"a"), Bytes::from_static(b"b")];
        let several = [scores.clone(), tensor("t_bytes", &[2], bytes)];
        assert_eq!(
            text(rows(&several)),
            "{\"predictions\":[{\"s\":[1,2],\"t_bytes\":{\"b64\":\"YQ==\"}},\
             {\"s\":[3,4],\"t_bytes\":{\"b64\":\"Yg==\"}}]}"
        );
        assert_eq!(
            text(columns(&several)),
            "{\"outputs\":{\"s\":[[1,2],[3,4]],\
             \"t_bytes\":[{\"b64\":\"YQ==\"},{\"b64\":\"Yg==\"}]}}"
        );
        let uneven = [scores.clone(), tensor("u", &[1], vec![true])];
        assert!(rows(&uneven).unwrap_err().message().contains("'u' has 1 rows, others have 2"));
        assert!(columns(&uneven).is_ok());
        let scalar = [scores, tensor("u", &[], vec![true])];
        assert!(rows(&scalar).unwrap_err().message().contains("'u' has no rows"));
    }

    #[test]
    fn no_output_is_a_failure_of_the_model() {
        assert_eq!(rows(&[]).unwrap_err().cause(), Cause::ModelFailed);
        assert_eq!(columns(&[]).unwrap_err().cause(), Cause::ModelFailed);
    }

    #[test]
    fn results_are_lists() {
        let class = |label: &'static [u8], score| Class { label: Bytes::from_static(label), score };
        let encoded = classes(&[vec![class(b"a\"", 0.5), class(b"\xff", 1.0)], Vec::new()]);
        let expected = "{\"results\":[[[\"a\\\"\",0.5],[\"\u{fffd}\",1.0]],[]]}";
        assert_eq!(String::from_utf8(encoded).unwrap(), expected);
        assert_eq!(text(Ok(values(&[1.5, 2.0]))), "{\"results\":[1.5,2.0]}");
    }
}
