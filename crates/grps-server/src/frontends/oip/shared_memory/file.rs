//! One file directly below `/dev/shm`.

use std::os::fd::OwnedFd;

use grps_core::{Cause, Error, quoted};
use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};
use rustix::io::{Errno, pread, pwrite};

/// Where POSIX shared memory is on Linux.
const FOLDER: &str = "/dev/shm";
/// Longest name of a file.
const MAX_NAME_BYTES: usize = 255;

/// An open file of shared memory.
#[derive(Debug)]
pub(super) struct SharedFile {
    file: OwnedFd,
    /// Device and inode: two files are the same if both are.
    identity: (u64, u64),
    /// Whether the service may write to it.
    is_writable: bool,
}

impl SharedFile {
    /// Opens the file of a key: its name, with or without the leading slash of `shm_open`.
    ///
    /// # Errors
    /// `InvalidArgument` for another name, a link, or what is no file; `NotFound` when there is none;
    /// `PermissionDenied` when the service may not read it.
    pub(super) fn open(key: &str) -> Result<Self, Error> {
        let name = file_name(key)?;
        let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let folder = openat(CWD, FOLDER, OFlags::PATH | OFlags::DIRECTORY, Mode::empty());
        let folder = folder.map_err(|error| failure(key, error))?;
        let open = |access| openat(&folder, name, flags | access, Mode::empty());
        let (opened, is_writable) = match open(OFlags::RDWR) {
            Err(Errno::ACCESS) => (open(OFlags::RDONLY), false),
            opened => (opened, true),
        };
        let file = opened.map_err(|error| failure(key, error))?;
        let status = fstat(&file).map_err(|error| failure(key, error))?;
        if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
            return Err(Error::invalid(format!("the key {} is not a file", quoted(key))));
        }
        Ok(Self { file, identity: (status.st_dev, status.st_ino), is_writable })
    }

    /// The number of bytes that it has now.
    ///
    /// # Errors
    /// `Internal` when the system does not say.
    pub(super) fn length(&self) -> Result<u64, Error> {
        let status = fstat(&self.file).map_err(internal)?;
        Ok(u64::try_from(status.st_size).unwrap_or_default())
    }

    /// Device and inode.
    pub(super) fn identity(&self) -> (u64, u64) {
        self.identity
    }

    /// Whether outputs can be written to it.
    pub(super) fn is_writable(&self) -> bool {
        self.is_writable
    }

    /// Fills `target` with the bytes at an offset; false when the file ends before.
    ///
    /// # Errors
    /// `Internal` when the system refuses.
    pub(super) fn read(&self, mut target: &mut [u8], mut offset: u64) -> Result<bool, Error> {
        while !target.is_empty() {
            match pread(&self.file, &mut *target, offset) {
                Ok(0) => return Ok(false),
                Ok(read) => {
                    target = target.get_mut(read..).unwrap_or_default();
                    offset = offset.saturating_add(read as u64);
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(internal(error)),
            }
        }
        Ok(true)
    }

    /// Writes bytes at an offset. The caller has checked that the file has them.
    ///
    /// # Errors
    /// `Internal` when the system refuses.
    pub(super) fn write(&self, mut source: &[u8], mut offset: u64) -> Result<(), Error> {
        while !source.is_empty() {
            match pwrite(&self.file, source, offset) {
                Ok(0) => return Err(internal(Errno::NOSPC)),
                Ok(written) => {
                    source = source.get(written..).unwrap_or_default();
                    offset = offset.saturating_add(written as u64);
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(internal(error)),
            }
        }
        Ok(())
    }
}

/// The name of the file of a key.
fn file_name(key: &str) -> Result<&str, Error> {
    let name = key.strip_prefix('/').unwrap_or(key);
    let is_name = (1..=MAX_NAME_BYTES).contains(&name.len())
        && !matches!(name, "." | "..")
        && !name.bytes().any(|byte| matches!(byte, b'/' | 0));
    if is_name {
        return Ok(name);
    }
    Err(Error::invalid(format!(
        "the key {} is not the name of a file directly below {FOLDER}",
        quoted(key)
    )))
}

fn failure(key: &str, error: Errno) -> Error {
    let key = quoted(key);
    match error {
        Errno::NOENT => {
            Error::new(Cause::NotFound, format!("{FOLDER} has no file for the key {key}"))
        }
        Errno::ACCESS | Errno::PERM => Error::new(
            Cause::PermissionDenied,
            format!("the service may not read the file of the key {key} below {FOLDER}"),
        ),
        // A link with `NOFOLLOW`, and a folder or a socket.
        Errno::LOOP | Errno::ISDIR | Errno::NXIO => {
            Error::invalid(format!("the key {key} is not a file, or is a link"))
        }
        error => internal(error),
    }
}

fn internal(error: Errno) -> Error {
    Error::new(Cause::Internal, format!("shared memory can't be used: {error}"))
}
