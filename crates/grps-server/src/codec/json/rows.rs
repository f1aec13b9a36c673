//! Tensors whose rows are apart in a JSON text, such as the fields of a list of objects.

use bytes::Bytes;
use grps_core::{DataType, Error, Tensor, Values};
use half::{bf16, f16};

use super::cursor::Cursor;
use super::element::Element;
use super::ndarray::Array;
use crate::codec::fault::Fault;

/// Reads a tensor row by row; all rows have one shape.
pub(crate) struct RowReader {
    array: Box<dyn Rows>,
    count: usize,
}

impl RowReader {
    /// A tensor of this type without rows; `field` is the name of the rows in errors.
    pub(crate) fn new(dtype: DataType, field: &'static str) -> Self {
        Self { array: rows_of(dtype, field), count: 0 }
    }

    /// How many rows were read.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Reads the next row: one value or nested lists.
    ///
    /// # Errors
    /// A fault with the place when the row differs in shape from the first one or has other elements.
    pub(crate) fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
        self.array.read_row(cursor, self.count)?;
        self.count += 1;
        Ok(())
    }

    /// The rows as one unnamed tensor.
    ///
    /// # Errors
    /// `InvalidArgument` when it has too many dimensions.
    pub(crate) fn finish(self) -> Result<Tensor, Error> {
        self.array.finish(self.count)
    }
}

/// Rows of any element type.
trait Rows {
    fn read_row(&mut self, cursor: &mut Cursor<'_>, index: usize) -> Result<(), Fault>;

    fn finish(self: Box<Self>, count: usize) -> Result<Tensor, Error>;
}

impl<T: Element> Rows for Array<T>
where
    Values: From<Vec<T>>,
{
    fn read_row(&mut self, cursor: &mut Cursor<'_>, index: usize) -> Result<(), Fault> {
        Array::read_row(self, cursor, index)
    }

    fn finish(self: Box<Self>, count: usize) -> Result<Tensor, Error> {
        let (shape, values) = self.into_rows(count);
        Tensor::new("".into(), shape, Values::from(values))
    }
}

fn rows_of(dtype: DataType, field: &'static str) -> Box<dyn Rows> {
    match dtype {
        DataType::Bool => Box::new(Array::<bool>::new(field)),
        DataType::Uint8 => Box::new(Array::<u8>::new(field)),
        DataType::Uint16 => Box::new(Array::<u16>::new(field)),
        DataType::Uint32 => Box::new(Array::<u32>::new(field)),
        DataType::Uint64 => Box::new(Array::<u64>::new(field)),
        DataType::Int8 => Box::new(Array::<i8>::new(field)),
        DataType::Int16 => Box::new(Array::<i16>::new(field)),
        DataType::Int32 => Box::new(Array::<i32>::new(field)),
        DataType::Int64 => Box::new(Array::<i64>::new(field)),
        DataType::Float16 => Box::new(Array::<f16>::new(field)),
        DataType::Bfloat16 => Box::new(Array::<bf16>::new(field)),
        DataType::Float32 => Box::new(Array::<f32>::new(field)),
        DataType::Float64 => Box::new(Array::<f64>::new(field)),
        DataType::String => Box::new(Array::<Bytes>::new(field)),
    }
}

#[cfg(test)]
mod tests {
    use grps_core::Elements;

    use super::*;

    fn read(dtype: DataType, rows: &[&str]) -> Result<Tensor, String> {
        let mut reader = RowReader::new(dtype, "instances");
        for row in rows {
            let mut cursor = Cursor::new(row);
            let read = reader.read(&mut cursor).and_then(|()| cursor.end());
            read.map_err(|fault| Error::from(fault).message().to_owned())?;
        }
        assert_eq!(reader.count(), rows.len());
        reader.finish().map_err(|error| error.message().to_owned())
    }

    #[test]
    fn rows_become_the_first_dimension() {
        let tensor = read(DataType::Float32, &["[1, 2]", " [3,4] ", "[5,6]"]).unwrap();
        assert_eq!(tensor.shape(), [3, 2]);
        assert_eq!(tensor.elements(), Elements::Float32(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
        assert_eq!(read(DataType::Int64, &["7", "8"]).unwrap().shape(), [2]);
        assert_eq!(read(DataType::Bool, &["[[true]]"]).unwrap().shape(), [1, 1, 1]);
        assert_eq!(read(DataType::Uint8, &["[]", "[]"]).unwrap().shape(), [2, 0]);
        let strings = read(DataType::String, &["\"a\"", "{\"b64\": \"/w==\"}"]).unwrap();
        let expected = [Bytes::from_static(b"a"), Bytes::from_static(b"\xff")];
        assert_eq!(strings.elements(), Elements::String(&expected));
        assert_eq!(read(DataType::Float32, &[]).unwrap().shape(), [0]);
    }

    #[test]
    fn every_type_has_rows() {
        for dtype in DataType::ALL {
            let tensor = read(dtype, &["[0, 1]", "[1, 0]"]).unwrap();
            assert_eq!((tensor.dtype(), tensor.shape()), (dtype, [2, 2].as_slice()));
        }
    }

    #[test]
    fn rows_of_other_shapes_are_refused_with_their_place() {
        let error = |rows: &[&str]| read(DataType::Float32, rows).unwrap_err();
        assert!(error(&["[1, 2]", "[3]"]).contains("instances is ragged: [1] has 1 values"));
        assert!(error(&["[1]", "2"]).contains("ragged"));
        assert!(error(&["1", "[2]"]).contains("ragged"));
        assert!(error(&["[1]", "[\"x\"]"]).starts_with("instances[1][0]: expected a number"));
        assert!(error(&["{}"]).starts_with("instances[0]: "));
        let deep = |depth| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(DataType::Float32, &[&deep(31)]).is_ok());
        assert!(read(DataType::Float32, &[&deep(32)]).is_err());
    }
}
