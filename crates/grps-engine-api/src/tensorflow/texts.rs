//! Strings of tensors: the layout of `TF_TString` (`tsl/platform/ctstring_internal.h`), whose
//! functions are not part of the library.
//!
//! A string is a cell of 24 bytes. The two low bits of its first byte are its type: small (the text
//! is in the cell), large or view (size, and an address in the third or second word), or offset (the
//! text is behind the cell).

/// The bytes of a string in a tensor.
pub(super) const CELL_BYTES: usize = 24;
/// TensorFlow wants the memory of a tensor aligned so.
const ALIGNMENT: usize = 64;
const WORD: usize = 8;

const SMALL: u64 = 0;
const LARGE: u64 = 1;
const OFFSET: u64 = 2;
const TYPES: u64 = 3;

const _: () = assert!(cfg!(target_endian = "little") && size_of::<usize>() == WORD);

/// Part of the memory of a tensor.
#[repr(C, align(64))]
#[derive(Clone)]
struct Block([u8; ALIGNMENT]);

/// Strings in memory of ours, for a tensor to read.
///
/// They are large ones, which TensorFlow copies where it keeps them. It frees no cell of a tensor
/// whose memory it does not own.
pub(super) struct Texts {
    cells: Vec<Block>,
    count: usize,
    /// All texts, each with a zero behind it.
    _blob: Vec<u8>,
}

impl Texts {
    pub(super) fn new<T: AsRef<[u8]>>(texts: &[T]) -> Self {
        let size = texts.iter().map(|text| text.as_ref().len() + 1).sum();
        let mut blob = Vec::with_capacity(size);
        for text in texts {
            blob.extend_from_slice(text.as_ref());
            blob.push(0);
        }
        let mut start = blob.as_ptr().expose_provenance();
        let mut bytes = Vec::with_capacity(texts.len() * CELL_BYTES);
        for text in texts {
            let length = text.as_ref().len();
            for word in [(length << 2) | 1, length, start] {
                bytes.extend_from_slice(&word.to_ne_bytes());
            }
            start += length + 1;
        }
        let mut cells = vec![Block([0; ALIGNMENT]); bytes.len().div_ceil(ALIGNMENT).max(1)];
        for (block, part) in cells.iter_mut().zip(bytes.chunks(ALIGNMENT)) {
            if let Some(into) = block.0.get_mut(..part.len()) {
                into.copy_from_slice(part);
            }
        }
        Self { cells, count: texts.len(), _blob: blob }
    }

    /// The address of the first cell.
    pub(super) fn cells(&self) -> *const u8 {
        self.cells.as_ptr().cast()
    }

    pub(super) fn cell_bytes(&self) -> usize {
        self.count * CELL_BYTES
    }
}

/// A copy of the string in a cell.
///
/// # Safety
/// The address is that of a live `TF_TString`.
pub(super) unsafe fn text_at(cell: *const u8) -> Vec<u8> {
    // SAFETY: a cell has three words.
    let word = |index: usize| unsafe { cell.add(index * WORD).cast::<u64>().read_unaligned() };
    let first = word(0);
    let (start, length) = match first & TYPES {
        SMALL => (cell.wrapping_add(1), (first & 0xff) >> 2),
        LARGE => (address(word(2)), first >> 2),
        OFFSET => (cell.wrapping_add(low(first >> 32)), (first & u64::from(u32::MAX)) >> 2),
        _ => (address(word(1)), first >> 2),
    };
    if length == 0 || start.is_null() {
        return Vec::new();
    }
    // SAFETY: the string has so many bytes there.
    unsafe { std::slice::from_raw_parts(start, low(length)) }.to_vec()
}

fn address(word: u64) -> *const u8 {
    std::ptr::with_exposed_provenance(low(word))
}

fn low(word: u64) -> usize {
    usize::try_from(word).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_read_as_they_are_written() {
        let long = vec![b'x'; 1000];
        let given: [&[u8]; 5] = [b"", b"a", b"\xff\0b", b"twenty-two characters.", &long];
        let texts = Texts::new(&given);
        assert_eq!(texts.cells().align_offset(ALIGNMENT), 0);
        assert_eq!(texts.cell_bytes(), 5 * CELL_BYTES);
        for (index, text) in given.iter().enumerate() {
            // SAFETY: the cells were just made, and there are so many.
            let found = unsafe { text_at(texts.cells().add(index * CELL_BYTES)) };
            assert_eq!(found, *text);
        }
        assert_eq!(Texts::new::<&[u8]>(&[]).cell_bytes(), 0);
    }

    #[test]
    fn strings_in_and_behind_their_cells_are_read() {
        let mut small = [0_u8; 32];
        small[0] = 3 << 2;
        small[1..4].copy_from_slice(b"abc");
        // SAFETY: it is a small string.
        assert_eq!(unsafe { text_at(small.as_ptr()) }, b"abc");
        let mut offset = [0_u8; 32];
        offset[0] = (2 << 2) | 2;
        offset[4] = 24;
        offset[24..26].copy_from_slice(b"hi");
        // SAFETY: it is a string at an offset, inside the array.
        assert_eq!(unsafe { text_at(offset.as_ptr()) }, b"hi");
    }
}
