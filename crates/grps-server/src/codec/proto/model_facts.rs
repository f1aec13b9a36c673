//! What services that call each other tell of a model: the field `facts` of `GrpsMessage`.

use grps_core::{DataType, Error, InputForm, Naming, Signature, TensorSpec};

use super::encode::{write_bytes, write_number, write_varint};
use super::reader::{Reader, Wire};
use crate::codec::fault::Fault;
use crate::codec::wire_type::{raw_number, raw_type};

/// The field.
const FACTS: u32 = 100;
/// Most tensors of a signature, and most dimensions of one.
const MAX_SPECS: usize = 1024;
const MAX_DIMS: usize = 32;

/// What a service tells of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFacts {
    /// The version of GRPS that it runs.
    pub version: String,
    /// The form in which the model takes its input.
    pub form: InputForm,
    /// Its inputs and outputs, if it tells them.
    pub signature: Option<Signature>,
}

/// Appends facts to the fields of an encoded message.
pub fn append_facts(message: &mut Vec<u8>, facts: &ModelFacts) {
    let mut out = Vec::with_capacity(256);
    write_bytes(&mut out, 1, facts.version.as_bytes());
    write_number(&mut out, 2, u64::from(facts.form == InputForm::Tensors));
    if let Some(signature) = &facts.signature {
        write_number(&mut out, 3, 1 + u64::from(signature.naming == Naming::Strict));
        signature.inputs.iter().for_each(|spec| write_bytes(&mut out, 4, &encode_spec(spec)));
        signature.outputs.iter().for_each(|spec| write_bytes(&mut out, 5, &encode_spec(spec)));
    }
    write_bytes(message, FACTS, &out);
}

fn encode_spec(spec: &TensorSpec) -> Vec<u8> {
    let mut out = Vec::with_capacity(32 + spec.name.len());
    write_bytes(&mut out, 1, spec.name.as_bytes());
    if let Some(number) = spec.dtype.and_then(raw_number) {
        write_number(&mut out, 2, number as u64);
    }
    if let Some(shape) = &spec.shape {
        let mut dims = Vec::with_capacity(2 * shape.len());
        // A dimension that is not known is 0, any other is one more than its size.
        let written = shape.iter().map(|dim| dim.map_or(0, |dim| dim as u64 + 1));
        written.for_each(|dim| write_varint(&mut dims, dim));
        write_bytes(&mut out, 3, &dims);
    }
    write_number(&mut out, 4, u64::from(spec.required));
    out
}

/// The facts in an encoded message; `None` where it has none.
///
/// # Errors
/// `InvalidArgument` when they are malformed.
pub fn read_facts(message: &[u8]) -> Result<Option<ModelFacts>, Error> {
    let mut found = None;
    let mut reader = Reader::new(message);
    while let Some((field, wire)) = reader.tag()? {
        if (field, wire) == (FACTS, Wire::Len) {
            let bytes = reader.bytes()?;
            found = Some(decode_facts(bytes).map_err(|fault| fault.in_field("facts"))?);
        } else {
            reader.skip(field, wire)?;
        }
    }
    Ok(found)
}

fn decode_facts(bytes: &[u8]) -> Result<ModelFacts, Fault> {
    let (mut version, mut form, mut naming) = (String::new(), InputForm::Message, None);
    let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
    let mut reader = Reader::new(bytes);
    while let Some((field, wire)) = reader.tag()? {
        match (field, wire) {
            (1, Wire::Len) => version = reader.text()?.to_owned(),
            (2, Wire::Varint) if reader.varint()? == 1 => form = InputForm::Tensors,
            (2, Wire::Varint) => form = InputForm::Message,
            (3, Wire::Varint) => naming = Some(reader.varint()?),
            (4, Wire::Len) => add_spec(&mut inputs, reader.bytes()?)?,
            (5, Wire::Len) => add_spec(&mut outputs, reader.bytes()?)?,
            _ => reader.skip(field, wire)?,
        }
    }
    let signature = naming.map(|naming| {
        let naming = if naming == 2 { Naming::Strict } else { Naming::Advisory };
        Signature { inputs, outputs, naming }
    });
    Ok(ModelFacts { version, form, signature })
}

fn add_spec(specs: &mut Vec<TensorSpec>, bytes: &[u8]) -> Result<(), Fault> {
    if specs.len() >= MAX_SPECS {
        return Err(Fault::new(format!("more than {MAX_SPECS} tensors")));
    }
    let mut spec = TensorSpec { name: "".into(), dtype: None, shape: None, required: false };
    let mut reader = Reader::new(bytes);
    while let Some((field, wire)) = reader.tag()? {
        match (field, wire) {
            (1, Wire::Len) => spec.name = reader.text()?.into(),
            (2, Wire::Varint) => spec.dtype = Some(decode_type(reader.varint()?)?),
            (3, Wire::Len) => spec.shape = Some(decode_shape(reader.bytes()?)?),
            (4, Wire::Varint) => spec.required = reader.varint()? == 1,
            _ => reader.skip(field, wire)?,
        }
    }
    specs.push(spec);
    Ok(())
}

fn decode_type(number: u64) -> Result<DataType, Fault> {
    let dtype = i32::try_from(number).ok().and_then(raw_type);
    dtype.ok_or_else(|| Fault::new(format!("dtype {number} is not known")))
}

fn decode_shape(bytes: &[u8]) -> Result<Vec<Option<usize>>, Fault> {
    let mut shape = Vec::new();
    let mut reader = Reader::new(bytes);
    while reader.remaining() > 0 {
        if shape.len() >= MAX_DIMS {
            return Err(Fault::new(format!("more than {MAX_DIMS} dimensions")));
        }
        shape.push(reader.varint()?.checked_sub(1).map(|dim| dim as usize));
    }
    Ok(shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(inputs: usize, dims: usize) -> ModelFacts {
        let spec = |index: usize| TensorSpec {
            name: format!("x{index}").into(),
            dtype: DataType::ALL.get(index % 15).copied(),
            shape: (index != 1).then(|| vec![None; dims]),
            required: index.is_multiple_of(2),
        };
        let signature = Signature {
            inputs: (0..inputs).map(spec).collect(),
            outputs: vec![TensorSpec { shape: Some(vec![None, Some(0), Some(7)]), ..spec(3) }],
            naming: Naming::Strict,
        };
        let version = "0.1.0".to_owned();
        ModelFacts { version, form: InputForm::Tensors, signature: Some(signature) }
    }

    fn read(facts: &ModelFacts) -> Result<Option<ModelFacts>, Error> {
        let mut message = b"\x22\x03abc".to_vec();
        append_facts(&mut message, facts);
        read_facts(&message)
    }

    #[test]
    fn facts_go_both_ways() {
        let signature = facts(14, 3);
        assert_eq!(read(&signature).unwrap(), Some(signature));
        let plain = ModelFacts { form: InputForm::Message, signature: None, ..facts(1, 1) };
        assert_eq!(read(&plain).unwrap(), Some(plain));
        assert_eq!(read_facts(b"\x22\x03abc").unwrap(), None);
    }

    #[test]
    fn limits_are_exact() {
        assert!(read(&facts(MAX_SPECS, 1)).is_ok());
        assert!(read(&facts(MAX_SPECS + 1, 1)).unwrap_err().message().contains("1024 tensors"));
        assert!(read(&facts(1, MAX_DIMS)).is_ok());
        assert!(read(&facts(1, MAX_DIMS + 1)).unwrap_err().message().contains("32 dimensions"));
        assert!(read_facts(&[0xa2, 6, 4, 0x22, 2, 0x10, 77]).is_err());
    }
}
