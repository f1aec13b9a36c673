//! Reads the body of predict: inputs in columns, or instances in rows.

use std::sync::Arc;

use bytes::Bytes;
use grps_core::{Cause, DataType, Error, Route, Tensor, TensorSpec, quoted};

use crate::codec::json::{Cursor, RowReader, natural_type, read_as};
use crate::codec::{Fault, MAX_TENSORS, Room};
use crate::frontends::shared::inference::content::inputs;
use crate::frontends::shared::json_object::{read_object, read_text};
use crate::frontends::tfserving::http::infer::ResponseKind;

/// What a request says.
#[derive(Debug)]
pub(super) struct JsonRequest {
    /// The signature; may be empty.
    pub(super) signature: String,
    /// The inputs, each with a name if it is known.
    pub(super) inputs: Vec<Tensor>,
    /// How the client wants the outputs.
    pub(super) kind: ResponseKind,
}

/// Reads a body. Elements get the types that the model declares.
///
/// # Errors
/// `InvalidArgument` with the place and the reason; the errors of the room.
pub(super) fn read(route: &Route, body: &Bytes, room: &Room<'_>) -> Result<JsonRequest, Error> {
    let declared = Declared(inputs(route));
    let (mut signature, mut found) = (String::new(), None);
    read_object(body, room, |cursor, key| {
        let read = match key {
            "signature_name" if !cursor.take_null() => {
                read_text(cursor).map(|name| signature = name)
            }
            "signature_name" => Ok(()),
            "instances" | "inputs" if found.is_some() => {
                return Err(Fault::new("send one of instances and inputs, once"));
            }
            "instances" => {
                declared.read_rows(cursor).map(|read| found = Some((read, ResponseKind::Rows)))
            }
            "inputs" => declared
                .read_columns(cursor)
                .map(|read| found = Some((read, ResponseKind::Columns))),
            _ => return cursor.skip_value(),
        };
        read.map_err(|fault| match key {
            // Their errors have the field already.
            "instances" | "inputs" => fault,
            _ => fault.in_field(key),
        })
    })?;
    let Some((inputs, kind)) = found else {
        return Err(Error::invalid(
            "instances and inputs are missing: send a list of instances, or inputs by their names",
        ));
    };
    Ok(JsonRequest { signature, inputs, kind })
}

/// The inputs that the model declares; empty when it declares none.
struct Declared(Vec<TensorSpec>);

impl Declared {
    /// The type of an input: as declared under its name, else at its position, else as it looks.
    fn type_of(&self, name: &str, position: usize, cursor: &Cursor<'_>) -> DataType {
        let named = self.0.iter().find(|spec| *spec.name == *name);
        let spec = named.or_else(|| self.0.get(position));
        spec.and_then(|spec| spec.dtype).unwrap_or_else(|| natural_type(cursor))
    }

    /// The only input, which needs no name.
    fn read_only(
        &self,
        cursor: &mut Cursor<'_>,
        field: &'static str,
    ) -> Result<Vec<Tensor>, Fault> {
        let mut required = self.0.iter().filter(|spec| spec.required);
        if required.clone().count() > 1 {
            let names: Vec<_> = required.map(|spec| quoted(&spec.name)).collect();
            let names = names.join(", ");
            return Err(Fault::new(format!(
                "{field} has no names, but the model has several inputs: {names}"
            )));
        }
        let only = required.next().or(self.0.first());
        let dtype = self.type_of(only.map_or("", |spec| &spec.name), 0, cursor);
        let mut tensor = read_as(cursor, dtype, field)?;
        if let Some(spec) = only {
            tensor.rename(Arc::clone(&spec.name));
        }
        Ok(vec![tensor])
    }

    /// Reads `inputs`: an object of inputs, or the only input.
    fn read_columns(&self, cursor: &mut Cursor<'_>) -> Result<Vec<Tensor>, Fault> {
        if !is_named(cursor) {
            return self.read_only(cursor, "inputs");
        }
        let mut tensors: Vec<Tensor> = Vec::new();
        cursor.object(|cursor, key| {
            let name = take_name(cursor, &key, tensors.len())?;
            if tensors.iter().any(|tensor| *tensor.name() == *name) {
                return Err(given_twice(&name));
            }
            let dtype = self.type_of(&name, tensors.len(), cursor);
            let read = read_as(cursor, dtype, "inputs");
            let mut tensor = read.map_err(|error| in_input(error.into(), &name))?;
            tensor.rename(name);
            tensors.push(tensor);
            Ok(())
        })?;
        Ok(tensors)
    }

    /// Reads `instances`: a list of objects, or the rows of the only input.
    fn read_rows(&self, cursor: &mut Cursor<'_>) -> Result<Vec<Tensor>, Fault> {
        if cursor.token() != b'[' {
            return Err(cursor.mismatch("a list of instances").in_field("instances"));
        }
        let mut first = cursor.clone();
        first.pos += 1;
        if first.token() == b']' {
            return Err(Fault::new("instances is empty: send at least one"));
        }
        if !is_named(&mut first) {
            return self.read_only(cursor, "instances");
        }
        let mut rows = Rows::default();
        cursor.list(|cursor| {
            if !is_named(cursor) {
                return Err(cursor.mismatch("an object with inputs, as the first instance is"));
            }
            cursor.object(|cursor, key| rows.read_input(self, cursor, &key))?;
            rows.end_row()
        })?;
        rows.finish()
    }
}

/// The inputs of instances that are objects.
#[derive(Default)]
struct Rows {
    inputs: Vec<(Arc<str>, RowReader)>,
    /// How many instances have been read.
    count: usize,
    /// Where the next input is expected: instances mostly have their inputs in one order.
    next: usize,
}

impl Rows {
    fn read_input(
        &mut self,
        declared: &Declared,
        cursor: &mut Cursor<'_>,
        key: &str,
    ) -> Result<(), Fault> {
        let is_it = |input: &(Arc<str>, RowReader)| *input.0 == *key;
        let index = match self.inputs.get(self.next).filter(|input| is_it(input)) {
            Some(_) => self.next,
            None => match self.inputs.iter().position(is_it) {
                Some(index) => index,
                None => self.add(declared, cursor, key)?,
            },
        };
        self.next = index + 1;
        let Some((name, reader)) = self.inputs.get_mut(index) else { return Ok(()) };
        if reader.count() != self.count {
            return Err(given_twice(name));
        }
        reader.read(cursor).map_err(|fault| in_input(fault, name))
    }

    /// Adds an input, which the first instance must have.
    fn add(&mut self, declared: &Declared, cursor: &Cursor<'_>, key: &str) -> Result<usize, Fault> {
        if self.count > 0 {
            let (name, index) = (quoted(key), self.count);
            return Err(Fault::new(format!(
                "instances[{index}] has the input {name}, instances[0] has not"
            )));
        }
        let index = self.inputs.len();
        let name = take_name(cursor, key, index)?;
        let dtype = declared.type_of(key, index, cursor);
        self.inputs.push((name, RowReader::new(dtype, "instances")));
        Ok(index)
    }

    fn end_row(&mut self) -> Result<(), Fault> {
        let index = self.count;
        self.count += 1;
        self.next = 0;
        match self.inputs.iter().find(|(_, reader)| reader.count() != self.count) {
            None if self.inputs.is_empty() => Err(Fault::new("instances[0] has no input")),
            None => Ok(()),
            Some((name, _)) => {
                let name = quoted(name);
                Err(Fault::new(format!(
                    "instances[{index}] lacks the input {name}, which instances[0] has"
                )))
            }
        }
    }

    fn finish(self) -> Result<Vec<Tensor>, Fault> {
        let mut tensors = Vec::with_capacity(self.inputs.len());
        for (name, reader) in self.inputs {
            let mut tensor = reader.finish()?;
            tensor.rename(name);
            tensors.push(tensor);
        }
        Ok(tensors)
    }
}

/// Charges for the name of input number `index`.
fn take_name(cursor: &Cursor<'_>, key: &str, index: usize) -> Result<Arc<str>, Fault> {
    if index >= MAX_TENSORS {
        return Err(Fault::new(format!("more than {MAX_TENSORS} inputs")));
    }
    cursor.take_text(key)?;
    Ok(key.into())
}

fn given_twice(name: &str) -> Fault {
    Fault::new(format!("the input {} is given twice", quoted(name)))
}

fn in_input(fault: Fault, name: &str) -> Fault {
    let error = Error::from(fault);
    // Memory is a matter of the whole request.
    if error.cause() != Cause::InvalidArgument {
        return error.into();
    }
    let message = format!("input {}: {}", quoted(name), error.message());
    Error::invalid(message).into()
}

/// Whether the next value is an object of inputs; bytes are written as an object too.
fn is_named(cursor: &mut Cursor<'_>) -> bool {
    if cursor.token() != b'{' {
        return false;
    }
    let mut inside = cursor.clone();
    inside.pos += 1;
    if inside.token() != b'"' || inside.string().map_or(true, |key| key != "b64") {
        return true;
    }
    if inside.token() == b':' {
        inside.pos += 1;
    }
    inside.token() != b'"'
}

#[cfg(test)]
#[path = "json_request_tests.rs"]
mod tests;
