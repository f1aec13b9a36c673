//! Nested lists of numbers to a tensor, in one pass straight into the typed vector.

use std::fmt::Write;
use std::sync::Arc;

use grps_core::{DataType, Error, MAX_RANK, Shape, Tensor, Values};

use super::cursor::Cursor;
use super::element::{Element, make_room, make_room_for_strings, read_plain};
use crate::codec::fault::Fault;

/// The type of an `ndarray` for a model that does not declare one: strings if the first element is
/// text or bytes, else float32. Text of a number counts as the number.
pub(crate) fn natural_type(cursor: &Cursor<'_>) -> DataType {
    let mut cursor = cursor.clone();
    while cursor.token() == b'[' {
        cursor.pos += 1;
    }
    match cursor.token() {
        b'{' => DataType::String,
        b'"' if f64::from_nested(&mut cursor).is_err() => DataType::String,
        _ => DataType::Float32,
    }
}

/// Reads an `ndarray` as an unnamed tensor of this type.
pub(super) fn read(cursor: &mut Cursor<'_>, dtype: DataType) -> Result<Tensor, Error> {
    read_as(cursor, dtype, "ndarray")
}

/// Reads nested lists, or one flat list, as an unnamed tensor of this type; `field` is their name in
/// errors.
pub(crate) fn read_as(
    cursor: &mut Cursor<'_>,
    dtype: DataType,
    field: &'static str,
) -> Result<Tensor, Error> {
    match dtype {
        DataType::Bool => read_values(cursor, field, Vec::new(), Values::Bool),
        DataType::Uint8 => read_values(cursor, field, Vec::new(), Values::Uint8),
        DataType::Uint16 => read_values(cursor, field, Vec::new(), Values::Uint16),
        DataType::Uint32 => read_values(cursor, field, Vec::new(), Values::Uint32),
        DataType::Uint64 => read_values(cursor, field, Vec::new(), Values::Uint64),
        DataType::Int8 => read_values(cursor, field, Vec::new(), Values::Int8),
        DataType::Int16 => read_values(cursor, field, Vec::new(), Values::Int16),
        DataType::Int32 => read_values(cursor, field, Vec::new(), Values::Int32),
        DataType::Int64 => read_values(cursor, field, Vec::new(), Values::Int64),
        DataType::Float16 => read_values(cursor, field, Vec::new(), Values::Float16),
        DataType::Bfloat16 => read_values(cursor, field, Vec::new(), Values::Bfloat16),
        DataType::Float32 => read_values(cursor, field, Vec::new(), Values::Float32),
        DataType::Float64 => read_values(cursor, field, Vec::new(), Values::Float64),
        DataType::String => {
            let mut strings = Vec::new();
            make_room_for_strings(cursor, &mut strings)?;
            read_values(cursor, field, strings, Values::String)
        }
    }
}

fn read_values<T: Element>(
    cursor: &mut Cursor<'_>,
    field: &'static str,
    values: Vec<T>,
    wrap: impl Fn(Vec<T>) -> Values,
) -> Result<Tensor, Error> {
    let (shape, path) = (Vec::new(), Vec::new());
    let mut array = Array { field, values, room_to: 0, shape, rank: None, path };
    if cursor.token() == b'[' {
        array.read_list(cursor)?;
    } else {
        array.values.push(T::from_nested(cursor).map_err(|fault| fault.in_field(field))?);
    }
    let shape: Shape = array.shape.into_iter().flatten().collect();
    Tensor::new(Arc::default(), shape, wrap(array.values))
}

/// What is known of the array so far.
#[derive(Debug)]
pub(super) struct Array<T> {
    /// The name of the field, for errors.
    field: &'static str,
    values: Vec<T>,
    /// Place in the text up to which there is room for the elements.
    room_to: usize,
    /// Length of the lists at each depth, known once the first of them has closed.
    shape: Vec<Option<usize>>,
    /// Number of dimensions, known once the first innermost list was met.
    rank: Option<usize>,
    /// Index at each depth on the way to the list that is being read.
    path: Vec<usize>,
}

impl<T: Element> Array<T> {
    /// An array without elements; `field` is its name in errors.
    pub(super) fn new(field: &'static str) -> Self {
        let (shape, path) = (Vec::new(), Vec::new());
        Self { field, values: Vec::new(), room_to: 0, shape, rank: None, path }
    }

    /// Reads row number `index` of the first dimension, apart from the other ones.
    pub(super) fn read_row(&mut self, cursor: &mut Cursor<'_>, index: usize) -> Result<(), Fault> {
        self.path.clear();
        self.path.push(index);
        if self.shape.is_empty() {
            self.shape.push(None);
        }
        if cursor.token() == b'[' {
            return self.read_list(cursor);
        }
        if self.rank.is_some_and(|rank| rank != 1) {
            return Err(self.not_a_list(cursor));
        }
        self.rank = Some(1);
        cursor.grow(&mut self.values, 1)?;
        let value = T::from_nested(cursor).map_err(|fault| self.placed(fault))?;
        self.values.push(value);
        Ok(())
    }

    /// The array whose first dimension has so many rows.
    pub(super) fn into_rows(self, rows: usize) -> (Shape, Vec<T>) {
        let inner = self.shape.into_iter().skip(1).flatten();
        (std::iter::once(rows).chain(inner).collect(), self.values)
    }

    /// Reads the list that starts here.
    fn read_list(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
        let depth = self.path.len();
        if self.rank.is_some_and(|rank| depth >= rank) {
            return Err(self.ragged("is a list", "is not"));
        }
        if depth >= MAX_RANK {
            return Err(Fault::new(format!("nested deeper than {MAX_RANK}")).in_field(self.field));
        }
        if self.shape.len() == depth {
            self.shape.push(None);
        }
        cursor.pos += 1;
        let count = match cursor.token() {
            b']' => 0,
            b'[' => self.read_lists(cursor)?,
            _ => self.read_elements(cursor)?,
        };
        cursor.pos += 1;
        self.rank.get_or_insert(depth + 1);
        match self.shape.get_mut(depth) {
            Some(Some(length)) if *length != count => {
                let length = *length;
                Err(self.ragged(&format!("has {count} values"), &format!("has {length}")))
            }
            Some(slot) => {
                *slot = Some(count);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Reads the lists up to the closing bracket, where the cursor then stands.
    fn read_lists(&mut self, cursor: &mut Cursor<'_>) -> Result<usize, Fault> {
        let mut count = 0;
        loop {
            self.path.push(count);
            if cursor.token() != b'[' {
                return Err(self.not_a_list(cursor));
            }
            self.read_list(cursor)?;
            self.path.pop();
            count += 1;
            match cursor.token() {
                b',' => cursor.pos += 1,
                b']' => return Ok(count),
                _ => return Err(cursor.syntax("expected ',' or ']'")),
            }
        }
    }

    /// Reads the elements up to the closing bracket, where the cursor then stands.
    fn read_elements(&mut self, cursor: &mut Cursor<'_>) -> Result<usize, Fault> {
        let depth = self.path.len();
        if self.rank.is_some_and(|rank| rank != depth + 1) {
            self.path.push(0);
            return Err(self.not_a_list(cursor));
        }
        self.rank = Some(depth + 1);
        let start = self.values.len();
        if cursor.pos >= self.room_to {
            self.room_to = make_room(cursor, &mut self.values, b'}')?;
        }
        if let Some(Some(length)) = self.shape.get(depth).filter(|_| T::COUNTED) {
            self.values.reserve(*length);
        }
        loop {
            read_plain(cursor, &mut self.values);
            match T::from_nested(cursor) {
                Ok(value) => {
                    if !T::COUNTED {
                        cursor.grow(&mut self.values, 1)?;
                    }
                    self.values.push(value);
                }
                Err(fault) => return Err(self.not_an_element(cursor, fault, start)),
            }
            match cursor.token() {
                b',' => {
                    cursor.pos += 1;
                    cursor.token();
                }
                b']' => return Ok(self.values.len() - start),
                _ => return Err(cursor.syntax("expected ',' or ']'")),
            }
        }
    }

    /// Another value stands where the earlier ones of this depth were lists.
    #[cold]
    fn not_a_list(&self, cursor: &mut Cursor<'_>) -> Fault {
        match T::from_nested(cursor) {
            Ok(_) => self.ragged("is not a list", "is"),
            Err(fault) => self.placed(fault),
        }
    }

    /// Another value stands where an element should; `start` is where the row's elements start.
    #[cold]
    fn not_an_element(&mut self, cursor: &Cursor<'_>, fault: Fault, start: usize) -> Fault {
        let index = self.values.len() - start;
        self.path.push(index);
        if cursor.peek() == b'[' && index > 0 {
            self.ragged("is a list", "is not")
        } else {
            self.placed(fault)
        }
    }

    fn placed(&self, fault: Fault) -> Fault {
        self.path
            .iter()
            .rev()
            .fold(fault, |fault, index| fault.at_index(*index))
            .in_field(self.field)
    }

    /// The value at the current path differs from the first one of its depth.
    #[cold]
    fn ragged(&self, here: &str, first: &str) -> Fault {
        let mut message = format!("{} is ragged: ", self.field);
        for index in &self.path {
            // Writing to a String cannot fail.
            let _ = write!(message, "[{index}]");
        }
        let zeros = "[0]".repeat(self.path.len());
        Fault::new(format!("{message} {here}, {zeros} {first}"))
    }
}

#[cfg(test)]
mod tests {
    use grps_core::Elements;

    use super::*;

    fn array(text: &str) -> Result<Tensor, String> {
        let mut cursor = Cursor::new(text);
        let tensor = read(&mut cursor, DataType::Float32).map_err(|e| e.message().to_owned())?;
        assert_eq!(cursor.pos, text.len());
        Ok(tensor)
    }

    fn expect(text: &str, shape: &[usize], values: &[f32]) {
        let tensor = array(text).unwrap();
        assert_eq!((tensor.shape(), tensor.name()), (shape, ""), "{text}");
        assert_eq!(tensor.elements(), Elements::Float32(values), "{text}");
    }

    #[test]
    fn shapes() {
        expect("3.5", &[], &[3.5]);
        expect("[1, true ,false]", &[3], &[1.0, 1.0, 0.0]);
        expect("[ [1,2] ,\n[3,4], [5 , 6] ]", &[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        expect("[[[1],[2]]]", &[1, 2, 1], &[1.0, 2.0]);
        expect("[]", &[0], &[]);
        expect("[[]]", &[1, 0], &[]);
        expect("[[[],[]],[[],[]]]", &[2, 2, 0], &[]);
        expect("[1e39, 16777217, 0.1]", &[3], &[f32::INFINITY, 16_777_216.0, 0.1]);
        expect("[\"-Infinity\", 1, \"2.5\",3]", &[4], &[f32::NEG_INFINITY, 1.0, 2.5, 3.0]);
    }

    #[test]
    fn the_first_element_says_what_an_undeclared_type_is() {
        let natural = |text: &str| natural_type(&Cursor::new(text));
        for text in ["1", "[[ 1", "\"NaN\"", "[\"1.5\",\"a\"]", "[true]", "[[]]", "[", "[?"] {
            assert_eq!(natural(text), DataType::Float32, "{text}");
        }
        for text in ["\"a\"", "[ [\"\"]]", "[{\"b64\":\"\"}]", "[\"nan\"]"] {
            assert_eq!(natural(text), DataType::String, "{text}");
        }
    }

    #[test]
    fn ragged_arrays_name_both_places() {
        let refusals = [
            ("[[1, 2], [3]]", "[1] has 1 values, [0] has 2"),
            ("[[1], [3, 4]]", "[1] has 2 values, [0] has 1"),
            ("[[[1]], [[1], [2]]]", "[1] has 2 values, [0] has 1"),
            ("[[[1], [2, 3]]]", "[0][1] has 2 values, [0][0] has 1"),
            ("[[], [1]]", "[1] has 1 values, [0] has 0"),
            ("[[1], []]", "[1] has 0 values, [0] has 1"),
            ("[1, [2]]", "[1] is a list, [0] is not"),
            ("[[1], 2]", "[1] is not a list, [0] is"),
            ("[[[1]], [2]]", "[1][0] is not a list, [0][0] is"),
            ("[[1], [[2]]]", "[1][0] is a list, [0][0] is not"),
            ("[[], [[1]]]", "[1][0] is a list, [0][0] is not"),
        ];
        for (text, expected) in refusals {
            assert_eq!(
                array(text).unwrap_err(),
                format!("ndarray is ragged: {expected}"),
                "{text}"
            );
        }
    }

    #[test]
    fn other_values_are_refused_with_their_place() {
        let not_a_number = "expected a number, got the string \"x\"";
        assert_eq!(array("\"x\"").unwrap_err(), format!("ndarray: {not_a_number}"));
        assert_eq!(array("[1, \"x\"]").unwrap_err(), format!("ndarray[1]: {not_a_number}"));
        assert_eq!(
            array("[[1], [null]]").unwrap_err(),
            "ndarray[1][0]: expected a number, got null"
        );
        assert_eq!(array("[[1], {}]").unwrap_err(), "ndarray[1]: expected a number, got an object");
        for text in ["[1,]", "[,1]", "[1", "[1 2]", "[[1],]", "[[1]", "[[1][2]]", "["] {
            assert!(array(text).unwrap_err().contains("syntax error"), "{text}");
        }
    }

    #[test]
    fn numbers_of_all_kinds_follow_each_other() {
        let numbers =
            ["0.5", "1", "-2.25", "-0.0", "1e2", "1.23456789", "12.5", "0.1234567", "true"];
        let values = [0.5, 1.0, -2.25, -0.0, 100.0, 1.234_567_9, 12.5, 0.123_456_7, 1.0];
        for shift in 0..numbers.len() {
            let turn = |index: usize| (index + shift) % numbers.len();
            let texts: Vec<&str> = (0..numbers.len()).map(|index| numbers[turn(index)]).collect();
            let wanted: Vec<f32> = (0..numbers.len()).map(|index| values[turn(index)]).collect();
            for between in [",", ", ", " ,", ",\n  ", ",  ", "\t,\t"] {
                expect(&format!("[{}]", texts.join(between)), &[numbers.len()], &wanted);
            }
            let uneven = texts
                .iter()
                .enumerate()
                .map(|(index, text)| format!("{text}{}", if index % 3 == 1 { ", " } else { "," }));
            let uneven: String = uneven.collect();
            expect(
                &format!("[{}]", uneven.trim_end_matches([',', ' '])),
                &[numbers.len()],
                &wanted,
            );
        }
    }

    #[test]
    fn rank_limit_is_exact() {
        let nested = |depth| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(array(&nested(MAX_RANK)).unwrap().shape(), [1; MAX_RANK]);
        assert_eq!(array(&nested(MAX_RANK + 1)).unwrap_err(), "ndarray: nested deeper than 32");
    }
}
