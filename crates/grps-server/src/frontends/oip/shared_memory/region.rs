//! A registered region, and the part of one that a tensor uses.

use std::sync::Arc;

use grps_core::{Error, quoted};

use crate::frontends::oip::shared_memory::file::SharedFile;

/// A part of a file that a client has registered under a name.
#[derive(Debug)]
pub(super) struct Region {
    pub(super) name: Arc<str>,
    pub(super) key: String,
    /// Where it begins in the file.
    pub(super) offset: u64,
    pub(super) byte_size: u64,
    file: SharedFile,
}

impl Region {
    /// Opens the file of a region that lies in it.
    ///
    /// # Errors
    /// Those of [`SharedFile::open`]; `InvalidArgument` when the file is shorter.
    pub(super) fn open(
        name: &Arc<str>,
        key: &str,
        offset: u64,
        byte_size: u64,
    ) -> Result<Self, Error> {
        let file = SharedFile::open(key)?;
        let length = file.length()?;
        let end = offset.checked_add(byte_size).filter(|end| *end <= length);
        if byte_size == 0 || end.is_none() {
            return Err(Error::invalid(format!(
                "shared memory region {}: {byte_size} bytes at offset {offset} are not in the file of \
                 the key {}, which has {length} bytes",
                quoted(name),
                quoted(key)
            )));
        }
        Ok(Self { name: Arc::clone(name), key: key.to_owned(), offset, byte_size, file })
    }

    /// The part of so many bytes at an offset in the region.
    ///
    /// # Errors
    /// `InvalidArgument` when it does not lie in the region.
    pub(super) fn part(self: Arc<Self>, offset: u64, length: u64) -> Result<Part, Error> {
        let in_region = offset.checked_add(length).is_some_and(|end| end <= self.byte_size);
        let begin = self.offset.checked_add(offset).filter(|_| in_region);
        match (begin, usize::try_from(length)) {
            (Some(begin), Ok(length)) => Ok(Part { region: self, begin, length }),
            _ => Err(Error::invalid(format!(
                "{length} bytes at offset {offset} are not in the shared memory region {}, which has \
                 {} bytes",
                quoted(&self.name),
                self.byte_size
            ))),
        }
    }
}

/// The part of a region that holds an input or takes an output.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    region: Arc<Region>,
    /// Where it begins in the file.
    begin: u64,
    length: usize,
}

impl Part {
    /// The number of bytes.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Copies all bytes into `target`, which has the same length.
    ///
    /// # Errors
    /// `InvalidArgument` when the file was shortened; `Internal` when the system refuses.
    pub(crate) fn read(&self, target: &mut [u8]) -> Result<(), Error> {
        if target.len() == self.length && self.region.file.read(target, self.begin)? {
            return Ok(());
        }
        Err(self.too_short())
    }

    /// Whether outputs can be written to it.
    ///
    /// # Errors
    /// `InvalidArgument` when the service may only read the file.
    pub(crate) fn check_writable(&self) -> Result<(), Error> {
        if self.region.file.is_writable() {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "the service may only read the file of the shared memory region {}",
            quoted(&self.region.name)
        )))
    }

    /// Writes bytes, one after the other, to its begin.
    ///
    /// # Errors
    /// `InvalidArgument` when there are more bytes than it has, or when the file was shortened;
    /// `Internal` when the system refuses.
    pub(crate) fn write(&self, pieces: &[impl AsRef<[u8]>]) -> Result<(), Error> {
        let needed: usize = pieces.iter().map(|piece| piece.as_ref().len()).sum();
        if needed > self.length {
            return Err(Error::invalid(format!(
                "the output has {needed} bytes, and its part of the shared memory region {} has {}",
                quoted(&self.region.name),
                self.length
            )));
        }
        // Writing behind the end would make the file longer.
        if self.region.file.length()? < self.begin.saturating_add(self.length as u64) {
            return Err(self.too_short());
        }
        let mut begin = self.begin;
        for piece in pieces {
            self.region.file.write(piece.as_ref(), begin)?;
            begin = begin.saturating_add(piece.as_ref().len() as u64);
        }
        Ok(())
    }

    /// Whether two of several parts have bytes in common, be it in different regions of one file.
    pub(crate) fn any_overlap(parts: &mut [Self]) -> bool {
        let place = |part: &Self| (part.region.file.identity(), part.begin);
        parts.sort_unstable_by_key(place);
        // Parts without bytes overlap with nothing.
        let mut ends = None;
        parts.iter().filter(|part| part.length > 0).any(|part| {
            let (file, begin) = place(part);
            let is_inside = ends.is_some_and(|(other, end)| other == file && begin < end);
            ends = Some((file, begin.saturating_add(part.length as u64)));
            is_inside
        })
    }

    fn too_short(&self) -> Error {
        Error::invalid(format!(
            "the file of the shared memory region {} is shorter than when it was registered",
            quoted(&self.region.name)
        ))
    }
}
