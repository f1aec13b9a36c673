//! Elements of repeated fields and shapes: packed runs straight into the typed vector.

use bytes::Bytes;
use grps_core::Values;
use half::f16;
use half::slice::HalfFloatSliceExt;

use super::reader::{Reader, Wire};
use crate::codec::fault::Fault;
use crate::codec::room::Room;

/// The message that is being read, whose memory strings share, and what its values may take.
pub(crate) type Whole<'a> = (&'a Bytes, &'a Room<'a>);

/// The top bit of eight bytes: none is set when all eight are one-byte varints.
const CONTINUES: u64 = 0x8080_8080_8080_8080;

/// How many floats are converted to half precision at once, small enough for the stack.
const HALF_BLOCK: usize = 256;

/// An integer that travels as a varint.
trait FromVarint: Copy {
    /// A one-byte varint, that is a number below 128.
    fn from_small(byte: u8) -> Self;
    /// Any varint; wider bits are cut off or refused as the wire type says.
    fn from_varint(value: u64) -> Result<Self, Fault>;
}

macro_rules! exact {
    ($($type:ty),*) => {$(
        impl FromVarint for $type {
            fn from_small(byte: u8) -> Self {
                Self::from(byte)
            }
            // Protobuf keeps the low bits of a varint that is too wide for its field.
            fn from_varint(value: u64) -> Result<Self, Fault> {
                Ok(value as Self)
            }
        }
    )*};
}
exact!(i32, i64, u32, u64);

macro_rules! narrow {
    ($($type:ty: $wire:ty),*) => {$(
        impl FromVarint for $type {
            fn from_small(byte: u8) -> Self {
                byte as Self
            }
            fn from_varint(value: u64) -> Result<Self, Fault> {
                let value = value as $wire;
                Self::try_from(value).map_err(|_| {
                    let allowed = format!("{} to {}", Self::MIN, Self::MAX);
                    let dtype = if Self::MIN == 0 { "uint" } else { "int" };
                    Fault::out_of_range(value, format_args!("{dtype}{}", Self::BITS), &allowed)
                })
            }
        }
    )*};
}
narrow!(u8: u32, i8: i32, u16: u32, i16: i32);

impl FromVarint for bool {
    fn from_small(byte: u8) -> Self {
        byte != 0
    }
    fn from_varint(value: u64) -> Result<Self, Fault> {
        Ok(value != 0)
    }
}

/// Whether a field of these elements may be framed so; otherwise it counts as unknown.
pub(crate) fn accepts(values: &Values, wire: Wire) -> bool {
    match values {
        Values::String(_) => wire == Wire::Len,
        Values::Float64(_) => matches!(wire, Wire::Len | Wire::Fixed64),
        Values::Float16(_) | Values::Float32(_) => matches!(wire, Wire::Len | Wire::Fixed32),
        Values::Bool(_)
        | Values::Uint8(_)
        | Values::Uint16(_)
        | Values::Uint32(_)
        | Values::Uint64(_)
        | Values::Int8(_)
        | Values::Int16(_)
        | Values::Int32(_)
        | Values::Int64(_) => matches!(wire, Wire::Len | Wire::Varint),
        // No field holds these.
        Values::Bfloat16(_) => false,
    }
}

/// Appends what one occurrence of a repeated field holds: a packed run or a single element.
/// The framing must be one that [`accepts`] allows.
pub(crate) fn append(
    values: &mut Values,
    reader: &mut Reader<'_>,
    wire: Wire,
    (whole, room): Whole<'_>,
) -> Result<(), Fault> {
    match values {
        Values::Bool(out) => append_varints(out, reader, wire, room),
        Values::Uint8(out) => append_varints(out, reader, wire, room),
        Values::Uint16(out) => append_varints(out, reader, wire, room),
        Values::Uint32(out) => append_varints(out, reader, wire, room),
        Values::Uint64(out) => append_varints(out, reader, wire, room),
        Values::Int8(out) => append_varints(out, reader, wire, room),
        Values::Int16(out) => append_varints(out, reader, wire, room),
        Values::Int32(out) => append_varints(out, reader, wire, room),
        Values::Int64(out) => append_varints(out, reader, wire, room),
        Values::Float16(out) => append_halves(out, reader, wire, room),
        Values::Float32(out) => append_floats(out, reader, wire, room),
        Values::Float64(out) => append_doubles(out, reader, wire, room),
        Values::String(out) => {
            let string = reader.bytes().map_err(|fault| fault.at_index(out.len()))?;
            room.grow(out, 1)?;
            out.push(whole.slice_ref(string));
            Ok(())
        }
        Values::Bfloat16(_) => Ok(()),
    }
}

/// Appends varints, packed or a single one.
fn append_varints<T: FromVarint>(
    out: &mut Vec<T>,
    reader: &mut Reader<'_>,
    wire: Wire,
    room: &Room<'_>,
) -> Result<(), Fault> {
    if wire == Wire::Len {
        append_packed_varints(out, reader.bytes()?, room)
    } else {
        room.grow(out, 1)?;
        let value = reader.varint().and_then(T::from_varint);
        out.push(value.map_err(|fault| fault.at_index(out.len()))?);
        Ok(())
    }
}

fn append_packed_varints<T: FromVarint>(
    out: &mut Vec<T>,
    bytes: &[u8],
    room: &Room<'_>,
) -> Result<(), Fault> {
    // Each varint has exactly one byte without the continuation bit.
    make_room(out, bytes.iter().filter(|byte| **byte < 0x80).count(), room)?;
    let mut rest = bytes;
    while !rest.is_empty() {
        while let Some((eight, after)) = rest.split_first_chunk::<8>()
            && u64::from_le_bytes(*eight) & CONTINUES == 0
        {
            out.extend(eight.map(T::from_small));
            rest = after;
        }
        // Some steps at once, because a window that failed would mostly fail again.
        for _ in 0..16 {
            rest = match append_short(out, rest) {
                Some(after) => after,
                None => append_any(out, rest)?,
            };
        }
    }
    Ok(())
}

/// A run is mostly the only one and gets exactly the place it needs.
fn make_room<T>(out: &mut Vec<T>, count: usize, room: &Room<'_>) -> Result<(), Fault> {
    if out.is_empty() { room.grow_exact(out, count) } else { room.grow(out, count) }
}

/// Appends one varint of one or two bytes without a branch between them, as their mix cannot be
/// predicted; gives what is behind it, or `None` and appends nothing when it is of another kind.
#[inline]
fn append_short<'a, T: FromVarint>(out: &mut Vec<T>, bytes: &'a [u8]) -> Option<&'a [u8]> {
    let [low, high] = *bytes.first_chunk::<2>()?;
    let wide = low >> 7;
    if wide & (high >> 7) != 0 {
        return None;
    }
    let value = u64::from(low & 0x7f) | u64::from(high & wide.wrapping_neg()) << 7;
    out.push(T::from_varint(value).ok()?);
    bytes.get(1 + usize::from(wide)..)
}

/// Appends one varint, if there is one; gives what is behind it.
fn append_any<'a, T: FromVarint>(out: &mut Vec<T>, bytes: &'a [u8]) -> Result<&'a [u8], Fault> {
    if bytes.is_empty() {
        return Ok(bytes);
    }
    let mut reader = Reader::new(bytes);
    let value = reader.varint().and_then(T::from_varint);
    out.push(value.map_err(|fault| fault.at_index(out.len()))?);
    Ok(bytes.get(bytes.len() - reader.remaining()..).unwrap_or_default())
}

fn append_floats(
    out: &mut Vec<f32>,
    reader: &mut Reader<'_>,
    wire: Wire,
    room: &Room<'_>,
) -> Result<(), Fault> {
    if wire == Wire::Len {
        let chunks = whole_chunks(reader.bytes()?)?;
        make_room(out, chunks.len(), room)?;
        out.extend(chunks.iter().map(|chunk| f32::from_le_bytes(*chunk)));
    } else {
        room.grow(out, 1)?;
        out.push(f32::from_le_bytes(reader.fixed32()?));
    }
    Ok(())
}

fn append_doubles(
    out: &mut Vec<f64>,
    reader: &mut Reader<'_>,
    wire: Wire,
    room: &Room<'_>,
) -> Result<(), Fault> {
    if wire == Wire::Len {
        let chunks = whole_chunks(reader.bytes()?)?;
        make_room(out, chunks.len(), room)?;
        out.extend(chunks.iter().map(|chunk| f64::from_le_bytes(*chunk)));
    } else {
        room.grow(out, 1)?;
        out.push(f64::from_le_bytes(reader.fixed64()?));
    }
    Ok(())
}

fn append_halves(
    out: &mut Vec<f16>,
    reader: &mut Reader<'_>,
    wire: Wire,
    room: &Room<'_>,
) -> Result<(), Fault> {
    if wire != Wire::Len {
        room.grow(out, 1)?;
        out.push(f16::from_f32(f32::from_le_bytes(reader.fixed32()?)));
        return Ok(());
    }
    let chunks = whole_chunks::<4>(reader.bytes()?)?;
    let start = out.len();
    make_room(out, chunks.len(), room)?;
    out.resize(start + chunks.len(), f16::ZERO);
    let slots = out.get_mut(start..).unwrap_or_default();
    for (slots, chunks) in slots.chunks_mut(HALF_BLOCK).zip(chunks.chunks(HALF_BLOCK)) {
        let mut block = [0f32; HALF_BLOCK];
        for (float, chunk) in block.iter_mut().zip(chunks) {
            *float = f32::from_le_bytes(*chunk);
        }
        if let Some(floats) = block.get(..slots.len()) {
            slots.convert_from_f32_slice(floats);
        }
    }
    Ok(())
}

fn whole_chunks<const N: usize>(bytes: &[u8]) -> Result<&[[u8; N]], Fault> {
    let (chunks, rest) = bytes.as_chunks::<N>();
    if rest.is_empty() {
        Ok(chunks)
    } else {
        Err(Fault::new(format!("{} bytes are not a multiple of {N}", bytes.len())))
    }
}

#[cfg(test)]
mod tests {
    use grps_core::Error;

    use super::*;

    fn framed(bytes: &[u8]) -> Vec<u8> {
        assert!(bytes.len() < 0x80);
        [&[bytes.len() as u8], bytes].concat()
    }

    fn packed(mut values: Values, bytes: &[u8]) -> Result<Values, String> {
        let framed = framed(bytes);
        append(
            &mut values,
            &mut Reader::new(&framed),
            Wire::Len,
            (&Bytes::new(), &Room::unlimited()),
        )
        .map(|()| values)
        .map_err(|fault| Error::from(fault).message().to_owned())
    }

    #[test]
    fn narrow_integers_refuse_wide_varints() {
        let bytes = [0, 0x7f, 0xff, 0x01];
        assert_eq!(packed(Values::Uint8(vec![]), &bytes), Ok(Values::Uint8(vec![0, 127, 255])));
        assert_eq!(
            packed(Values::Uint8(vec![]), &[1, 0x80, 0x02]).unwrap_err(),
            "[1]: 256 is out of range for uint8, 0 to 255 is allowed"
        );
        let minus_129 = [0xff, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(
            packed(Values::Int8(vec![]), &minus_129).unwrap_err(),
            "[0]: -129 is out of range for int8, -128 to 127 is allowed"
        );
        assert_eq!(packed(Values::Int16(vec![]), &minus_129), Ok(Values::Int16(vec![-129])));
        assert!(packed(Values::Int16(vec![]), &[0x80, 0x80, 0x02]).is_err());
    }

    #[test]
    fn wide_varints_are_cut_to_the_field() {
        let bytes = [0x81, 0x80, 0x80, 0x80, 0x10];
        assert_eq!(packed(Values::Int32(vec![]), &bytes), Ok(Values::Int32(vec![1])));
        let expected = Values::Int64(vec![(1 << 32) + 1]);
        assert_eq!(packed(Values::Int64(vec![]), &bytes), Ok(expected));
    }

    #[test]
    fn small_and_wide_varints_mix() {
        for lead in 0..20usize {
            let mut bytes = vec![5u8; lead];
            bytes.extend([0xac, 0x02, 0x80, 0x80, 0x01]);
            bytes.extend([6u8; 17]);
            let mut expected = vec![5i32; lead];
            expected.extend([300, 1 << 14]);
            expected.extend([6i32; 17]);
            assert_eq!(packed(Values::Int32(vec![]), &bytes), Ok(Values::Int32(expected)));
        }
        assert!(packed(Values::Int32(vec![]), &[1, 0x80]).is_err());
    }

    #[test]
    fn unsigned_integers_and_bools_are_read() {
        let bytes = [0, 0xff, 0xff, 0x03];
        assert_eq!(packed(Values::Uint16(vec![]), &bytes), Ok(Values::Uint16(vec![0, 65535])));
        assert_eq!(
            packed(Values::Uint16(vec![]), &[0x80, 0x80, 0x04]).unwrap_err(),
            "[0]: 65536 is out of range for uint16, 0 to 65535 is allowed"
        );
        let longest = [&[0xff; 9][..], &[1]].concat();
        assert_eq!(packed(Values::Uint64(vec![]), &longest), Ok(Values::Uint64(vec![u64::MAX])));
        assert_eq!(packed(Values::Uint32(vec![]), &longest), Ok(Values::Uint32(vec![u32::MAX])));
        let bools = [0, 1, 2, 0x80, 0x01, 0x80, 0x00];
        let expected = Values::Bool(vec![false, true, true, true, false]);
        assert_eq!(packed(Values::Bool(vec![]), &bools), Ok(expected));
    }

    #[test]
    fn fixed_runs_must_be_whole() {
        let bytes = 1.5f32.to_le_bytes();
        assert_eq!(packed(Values::Float32(vec![2.0]), &bytes), Ok(Values::Float32(vec![2.0, 1.5])));
        assert!(packed(Values::Float32(vec![]), &bytes[..3]).is_err());
        assert!(packed(Values::Float64(vec![]), &bytes).is_err());
    }

    #[test]
    fn halves_convert_over_block_borders() {
        let floats: Vec<f32> = (0..HALF_BLOCK * 2 + 3).map(|n| n as f32).collect();
        let bytes: Vec<u8> = floats.iter().flat_map(|float| float.to_le_bytes()).collect();
        let mut framed = vec![(bytes.len() & 0x7f | 0x80) as u8, (bytes.len() >> 7) as u8];
        framed.extend(bytes);
        let mut out = vec![f16::ONE];
        append_halves(&mut out, &mut Reader::new(&framed), Wire::Len, &Room::unlimited()).unwrap();
        let expected: Vec<f16> = std::iter::once(1.0).chain(floats).map(f16::from_f32).collect();
        assert_eq!(out, expected);
    }

    #[test]
    fn single_elements_append() {
        let mut values = Values::Int32(vec![]);
        append(
            &mut values,
            &mut Reader::new(&[7]),
            Wire::Varint,
            (&Bytes::new(), &Room::unlimited()),
        )
        .unwrap();
        assert_eq!(values, Values::Int32(vec![7]));
        assert!(accepts(&values, Wire::Varint) && !accepts(&values, Wire::Fixed32));
        assert!(!accepts(&Values::String(vec![]), Wire::Varint));
    }
}
