//! Fields of encoded protocol buffers.

/// What a field contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// A whole number.
    Number(u64),
    /// A text, bytes or another message.
    Bytes(&'a [u8]),
    /// A number of fixed size, which nothing here reads.
    Fixed,
}

/// The message is cut short, or no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damaged;

/// The fields of a message in their order; ends at the first that is damaged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    /// The messages or texts in a field.
    ///
    /// # Errors
    /// The message is damaged.
    pub(super) fn all(self, number: u64) -> Result<Vec<&'a [u8]>, Damaged> {
        let mut found = Vec::new();
        for field in self {
            if let (of, Value::Bytes(bytes)) = field?
                && of == number
            {
                found.push(bytes);
            }
        }
        Ok(found)
    }

    /// The last message or text in a field.
    ///
    /// # Errors
    /// The message is damaged.
    pub(super) fn last(self, number: u64) -> Result<Option<&'a [u8]>, Damaged> {
        Ok(self.all(number)?.pop())
    }

    fn varint(&mut self) -> Result<u64, Damaged> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(Damaged)?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Damaged)
    }

    fn take(&mut self, count: u64) -> Result<&'a [u8], Damaged> {
        let count = usize::try_from(count).map_err(|_| Damaged)?;
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    fn field(&mut self) -> Result<(u64, Value<'a>), Damaged> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            1 => self.take(8).map(|_| Value::Fixed)?,
            2 => {
                let length = self.varint()?;
                Value::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Value::Fixed)?,
            _ => return Err(Damaged),
        };
        Ok((tag >> 3, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), Damaged>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

/// A text of a message; what is not UTF-8 is replaced.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_until_one_is_damaged() {
        let message = b"\x08\x96\x01\x12\x02hi\x1d\0\0\0\0\x12\x01!";
        let fields: Result<Vec<_>, _> = Fields(message).collect();
        let bytes = |text: &'static [u8]| Value::Bytes(text);
        let known =
            vec![(1, Value::Number(150)), (2, bytes(b"hi")), (3, Value::Fixed), (2, bytes(b"!"))];
        assert_eq!(fields, Ok(known));
        assert_eq!(Fields(message).last(2), Ok(Some(&b"!"[..])));
        for end in [1, 4, 6, 9] {
            assert!(Fields(&message[..end]).any(|field| field.is_err()), "{end}");
        }
        assert_eq!(Fields(&[0xff; 11]).collect::<Vec<_>>(), [Err(Damaged)]);
    }
}
