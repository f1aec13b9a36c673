//! Reads the entries of a map of parameters.

use grps_core::quoted;

use crate::codec::Room;
use crate::codec::fault::Fault;
use crate::codec::proto::reader::{Reader, Wire};
use crate::frontends::oip::inference::parameters::{Parameter, Parameters};

/// What an entry takes besides its texts.
const ENTRY_BYTES: usize = size_of::<(String, Parameter)>();

/// Adds one entry of a map of parameters.
pub(super) fn add(parameters: &mut Parameters, entry: &[u8], room: &Room<'_>) -> Result<(), Fault> {
    room.take(entry.len().saturating_add(ENTRY_BYTES))?;
    let (mut name, mut value) = ("", None);
    let mut reader = Reader::new(entry);
    while let Some((field, wire)) = reader.tag()? {
        match (field, wire) {
            (1, Wire::Len) => name = reader.text()?,
            (2, Wire::Len) => {
                let bytes = reader.bytes()?;
                value = read_value(bytes).map_err(|fault| fault.at_key(name))?.or(value);
            }
            _ => reader.skip(field, wire)?,
        }
    }
    let Some(value) = value else {
        return Err(Fault::new(format!("parameter {} has no value", quoted(name))));
    };
    Ok(parameters.add(name.to_owned(), value)?)
}

/// Reads an `InferParameter`; `None` when no field is set.
fn read_value(bytes: &[u8]) -> Result<Option<Parameter>, Fault> {
    let mut value = None;
    let mut reader = Reader::new(bytes);
    while let Some((field, wire)) = reader.tag()? {
        value = match (field, wire) {
            (1, Wire::Varint) => Some(Parameter::Bool(reader.varint()? != 0)),
            (2, Wire::Varint) => Some(Parameter::Int(reader.varint()? as i64)),
            (3, Wire::Len) => Some(Parameter::Text(reader.text()?.to_owned())),
            (4, Wire::Fixed64) => Some(Parameter::Double(f64::from_le_bytes(reader.fixed64()?))),
            (5, Wire::Varint) => Some(Parameter::Uint(reader.varint()?)),
            _ => {
                reader.skip(field, wire)?;
                value
            }
        };
    }
    Ok(value)
}
