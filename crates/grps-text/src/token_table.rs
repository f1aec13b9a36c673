//! What each token id stands for, in two arenas: a look-up allocates nothing.

/// What a token adds to the text when it is neither the first nor the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenContent<'a> {
    /// Whole characters.
    Text(&'a str),
    /// Bytes that are not UTF-8 by themselves (byte-level decoders).
    Bytes(&'a [u8]),
    /// One byte of a run (decoders with byte fallback).
    RunByte(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Unknown,
    Text,
    Bytes,
    RunByte,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    start: u32,
    /// Length in its arena.
    bytes: u32,
    kind: Kind,
    special: bool,
}

/// Contents by token id.
#[derive(Debug, Default)]
pub(crate) struct TokenTable {
    entries: Vec<Entry>,
    text: String,
    /// What is not UTF-8.
    bytes: Vec<u8>,
}

impl TokenTable {
    /// Most bytes that one arena may have; offsets are 32 bits.
    pub(crate) const MAX_ARENA_BYTES: usize = 1 << 28;

    /// Adds the content of the next id. Returns `None` if an arena is full.
    pub(crate) fn add(&mut self, content: TokenContent<'_>, special: bool) -> Option<()> {
        let (kind, start, bytes) = match content {
            TokenContent::Text(text) => {
                self.text.push_str(text);
                (Kind::Text, self.text.len() - text.len(), text.len())
            }
            TokenContent::Bytes(bytes) => {
                self.bytes.extend_from_slice(bytes);
                (Kind::Bytes, self.bytes.len() - bytes.len(), bytes.len())
            }
            TokenContent::RunByte(byte) => {
                self.bytes.push(byte);
                (Kind::RunByte, self.bytes.len() - 1, 1)
            }
        };
        let (start, bytes) = (u32::try_from(start).ok()?, u32::try_from(bytes).ok()?);
        self.entries.push(Entry { start, bytes, kind, special });
        (self.text.len().max(self.bytes.len()) <= Self::MAX_ARENA_BYTES).then_some(())
    }

    /// Adds the next id as one that no token has.
    pub(crate) fn add_unknown(&mut self) {
        let entry = Entry { start: 0, bytes: 0, kind: Kind::Unknown, special: false };
        self.entries.push(entry);
    }

    /// Content of a token and whether it is special; `None` for an unknown id.
    pub(crate) fn get(&self, id: u32) -> Option<(TokenContent<'_>, bool)> {
        let entry = self.entries.get(id as usize)?;
        let range = entry.start as usize..entry.start as usize + entry.bytes as usize;
        let content = match entry.kind {
            Kind::Unknown => return None,
            Kind::Text => TokenContent::Text(&self.text[range]),
            Kind::Bytes => TokenContent::Bytes(&self.bytes[range]),
            Kind::RunByte => TokenContent::RunByte(self.bytes[range.start]),
        };
        Some((content, entry.special))
    }

    /// Bytes that a token adds to the text; `None` for an unknown id.
    pub(crate) fn bytes(&self, id: u32) -> Option<&[u8]> {
        let entry = self.entries.get(id as usize)?;
        let range = entry.start as usize..entry.start as usize + entry.bytes as usize;
        match entry.kind {
            Kind::Unknown => None,
            Kind::Text => Some(self.text[range].as_bytes()),
            Kind::Bytes | Kind::RunByte => Some(&self.bytes[range]),
        }
    }

    /// One more than the highest id.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_come_back_as_they_were_added() {
        let mut table = TokenTable::default();
        let contents = [
            TokenContent::Text(" né"),
            TokenContent::Bytes(&[0xF0, 0x9F]),
            TokenContent::RunByte(0xC3),
            TokenContent::Text(""),
        ];
        for (index, content) in contents.into_iter().enumerate() {
            assert!(table.add(content, index == 1).is_some());
            table.add_unknown();
        }
        for (id, content) in (0u32..).step_by(2).zip(contents) {
            assert_eq!(table.get(id), Some((content, id == 2)));
            assert_eq!(table.get(id + 1), None);
        }
        assert_eq!(table.bytes(0), Some(" né".as_bytes()));
        assert_eq!(table.bytes(2), Some(&[0xF0, 0x9F][..]));
        assert_eq!(table.bytes(4), Some(&[0xC3][..]));
        assert_eq!((table.bytes(1), table.bytes(8), table.len()), (None, None, 8));
    }
}
