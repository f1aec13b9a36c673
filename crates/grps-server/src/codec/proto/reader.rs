//! Reads protobuf framing: tags, varints, lengths and fields to skip.

use crate::codec::fault::Fault;

/// Deepest nesting of groups in an unknown field, protobuf's own default.
const MAX_GROUP_DEPTH: usize = 100;

/// How a field is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Varint,
    Fixed64,
    Len,
    StartGroup,
    EndGroup,
    Fixed32,
}

/// What is left of one message.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes are left.
    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// The next field's number and framing; `None` at the end of the message.
    pub(crate) fn tag(&mut self) -> Result<Option<(u32, Wire)>, Fault> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag =
            u32::try_from(self.varint()?).map_err(|_| Fault::new("field tag is too large"))?;
        let wire = match tag & 7 {
            0 => Wire::Varint,
            1 => Wire::Fixed64,
            2 => Wire::Len,
            3 => Wire::StartGroup,
            4 => Wire::EndGroup,
            5 => Wire::Fixed32,
            other => return Err(Fault::new(format!("wire type {other} does not exist"))),
        };
        match tag >> 3 {
            0 => Err(Fault::new("field number 0 is not allowed")),
            field => Ok(Some((field, wire))),
        }
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, Fault> {
        match self.rest.split_first() {
            Some((&byte, rest)) if byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, Fault> {
        let mut value = 0u64;
        let mut shift = 0u32;
        while let Some((&byte, rest)) = self.rest.split_first() {
            // The tenth byte has room for the top bit only.
            if shift == 63 && byte > 1 {
                return Err(Fault::new("varint is longer than 64 bits"));
            }
            self.rest = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
            shift += 7;
        }
        Err(truncated())
    }

    pub(crate) fn fixed32(&mut self) -> Result<[u8; 4], Fault> {
        let (value, rest) = self.rest.split_first_chunk().ok_or_else(truncated)?;
        self.rest = rest;
        Ok(*value)
    }

    pub(crate) fn fixed64(&mut self) -> Result<[u8; 8], Fault> {
        let (value, rest) = self.rest.split_first_chunk().ok_or_else(truncated)?;
        self.rest = rest;
        Ok(*value)
    }

    /// A length and as many bytes.
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Fault> {
        let length = self.varint()?;
        let split = usize::try_from(length).ok().and_then(|at| self.rest.split_at_checked(at));
        let (value, rest) = split.ok_or_else(|| {
            let left = self.rest.len();
            Fault::new(format!("length {length} runs past the end, {left} bytes are left"))
        })?;
        self.rest = rest;
        Ok(value)
    }

    /// A length and as many bytes of UTF-8.
    pub(crate) fn text(&mut self) -> Result<&'a str, Fault> {
        std::str::from_utf8(self.bytes()?)
            .map_err(|error| Fault::new(format!("not valid UTF-8 at byte {}", error.valid_up_to())))
    }

    /// Passes over a field that is not known here, groups with all that is in them.
    pub(crate) fn skip(&mut self, field: u32, wire: Wire) -> Result<(), Fault> {
        if wire != Wire::StartGroup {
            return self.skip_plain(wire);
        }
        let mut open = vec![field];
        while let Some(&innermost) = open.last() {
            let (field, wire) = self.tag()?.ok_or_else(truncated)?;
            match wire {
                Wire::StartGroup if open.len() >= MAX_GROUP_DEPTH => {
                    return Err(Fault::new(format!(
                        "groups are nested deeper than {MAX_GROUP_DEPTH}"
                    )));
                }
                Wire::StartGroup => open.push(field),
                Wire::EndGroup if field == innermost => {
                    open.pop();
                }
                _ => self.skip_plain(wire)?,
            }
        }
        Ok(())
    }

    fn skip_plain(&mut self, wire: Wire) -> Result<(), Fault> {
        match wire {
            Wire::Varint => self.varint().map(drop),
            Wire::Fixed64 => self.fixed64().map(drop),
            Wire::Fixed32 => self.fixed32().map(drop),
            Wire::Len => self.bytes().map(drop),
            Wire::StartGroup | Wire::EndGroup => Err(Fault::new("group ends that did not start")),
        }
    }
}

#[cold]
fn truncated() -> Fault {
    Fault::new("message ends in the middle of a field")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn varint(bytes: &[u8]) -> Option<u64> {
        Reader::new(bytes).varint().ok()
    }

    #[test]
    fn varints_to_64_bits() {
        assert_eq!(varint(&[0]), Some(0));
        assert_eq!(varint(&[0xac, 0x02]), Some(300));
        let mut longest = [0xff; 10];
        longest[9] = 1;
        assert_eq!(varint(&longest), Some(u64::MAX));
        longest[9] = 2;
        assert_eq!(varint(&longest), None);
        longest[9] = 0x81;
        assert_eq!(varint(&longest), None);
        assert_eq!(varint(&[]), None);
        assert_eq!(varint(&[0x80]), None);
        // Padding with zero bits is legal while it stays within ten bytes.
        assert_eq!(varint(&[0x81, 0x80, 0x00]), Some(1));
    }

    #[test]
    fn tags_are_checked() {
        assert_eq!(Reader::new(&[0x0a]).tag().unwrap(), Some((1, Wire::Len)));
        assert_eq!(Reader::new(&[]).tag().unwrap(), None);
        assert!(Reader::new(&[0x02]).tag().is_err());
        assert!(Reader::new(&[0x0e]).tag().is_err());
        assert!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x1f]).tag().is_err());
    }

    #[test]
    fn lengths_stay_inside() {
        assert_eq!(Reader::new(&[2, 7, 8]).bytes().unwrap(), [7, 8]);
        assert!(Reader::new(&[3, 7, 8]).bytes().is_err());
        let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
        assert!(Reader::new(&huge).bytes().is_err());
        assert!(Reader::new(&[1, 0xff]).text().is_err());
    }

    fn skip(bytes: &[u8]) -> Result<usize, Fault> {
        let mut reader = Reader::new(bytes);
        let (field, wire) = reader.tag()?.ok_or_else(truncated)?;
        reader.skip(field, wire).map(|()| reader.remaining())
    }

    #[test]
    fn groups_are_skipped_whole() {
        // Group 1 { field 2: varint; group 3 {} } and one byte more.
        assert_eq!(skip(&[0x0b, 0x10, 0x05, 0x1b, 0x1c, 0x0c, 0x99]).unwrap(), 1);
        assert!(skip(&[0x0b, 0x10, 0x05]).is_err());
        assert!(skip(&[0x0b, 0x14]).is_err());
        assert!(skip(&[0x0c]).is_err());
    }

    #[test]
    fn group_depth_limit_is_exact() {
        let nested = |depth| [vec![0x0b; depth], vec![0x0c; depth]].concat();
        assert_eq!(skip(&nested(MAX_GROUP_DEPTH)).unwrap(), 0);
        assert!(skip(&nested(MAX_GROUP_DEPTH + 1)).is_err());
    }
}
