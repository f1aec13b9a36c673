//! Files of a bounded total size: the oldest is removed for a new one.

use std::collections::VecDeque;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::format::MAGIC;

/// Files into which the whole is divided, so that little is lost when the oldest is removed.
const SEGMENTS: u64 = 8;
const PREFIX: &str = "capture-";
const SUFFIX: &str = ".grpscap";

/// The files of one capture.
pub(super) struct Ring {
    directory: PathBuf,
    max_bytes: u64,
    /// The oldest first; the last one is written.
    segments: VecDeque<Segment>,
    /// The file of the last one.
    file: Option<BufWriter<File>>,
    /// The number of the next one.
    next: u64,
    /// Records that were removed with their files.
    overwritten: u64,
}

struct Segment {
    path: PathBuf,
    bytes: u64,
    records: u64,
}

/// What the files contain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RingState {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    pub(crate) overwritten: u64,
}

impl Ring {
    /// Begins an empty capture; the files of one before are removed.
    ///
    /// # Errors
    /// The directory can't be made or read.
    pub(super) fn create(directory: &Path, max_bytes: u64) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        for entry in std::fs::read_dir(directory)? {
            let entry = entry?;
            let name = entry.file_name();
            if name.to_str().is_some_and(is_segment) {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(Self {
            directory: directory.to_owned(),
            max_bytes,
            segments: VecDeque::new(),
            file: None,
            next: 1,
            overwritten: 0,
        })
    }

    /// Appends a record with its frame.
    ///
    /// # Errors
    /// It can't be written.
    pub(super) fn append(&mut self, frame: &[u8]) -> io::Result<()> {
        let length = frame.len() as u64;
        let is_full = |last: &Segment| last.bytes + length > self.max_bytes / SEGMENTS;
        if self.segments.back().is_none_or(is_full) {
            self.begin_segment(length)?;
        } else {
            self.make_room(length)?;
        }
        if let (Some(file), Some(last)) = (&mut self.file, self.segments.back_mut()) {
            file.write_all(frame)?;
            last.bytes += length;
            last.records += 1;
        }
        Ok(())
    }

    fn begin_segment(&mut self, length: u64) -> io::Result<()> {
        self.flush()?;
        self.file = None;
        let bytes = MAGIC.len() as u64;
        self.make_room(bytes + length)?;
        let path = self.directory.join(format!("{PREFIX}{:06}{SUFFIX}", self.next));
        self.next += 1;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let mut file = BufWriter::new(file);
        file.write_all(MAGIC)?;
        self.file = Some(file);
        self.segments.push_back(Segment { path, bytes, records: 0 });
        Ok(())
    }

    /// Removes the oldest files until so many bytes more fit; never the one that is written.
    fn make_room(&mut self, bytes: u64) -> io::Result<()> {
        let kept = usize::from(self.file.is_some());
        while self.segments.len() > kept && self.bytes() + bytes > self.max_bytes {
            let Some(oldest) = self.segments.pop_front() else { break };
            std::fs::remove_file(&oldest.path)?;
            self.overwritten += oldest.records;
        }
        Ok(())
    }

    /// Writes what is buffered.
    ///
    /// # Errors
    /// It can't be written.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }

    /// Opens the files as they are now, the oldest first, each with its length. They can be read also
    /// when they have been removed.
    ///
    /// # Errors
    /// One can't be written or opened.
    pub(super) fn open(&mut self) -> io::Result<Vec<(File, u64)>> {
        self.flush()?;
        let open = |segment: &Segment| Ok((File::open(&segment.path)?, segment.bytes));
        self.segments.iter().map(open).collect()
    }

    /// What the files contain.
    pub(super) fn state(&self) -> RingState {
        let records = self.segments.iter().map(|segment| segment.records).sum();
        RingState { records, bytes: self.bytes(), overwritten: self.overwritten }
    }

    fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }
}

fn is_segment(name: &str) -> bool {
    let number = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use proptest::prelude::*;

    use super::*;

    /// A directory of its own, removed at the end.
    pub(crate) struct Folder(pub(crate) PathBuf);

    impl Folder {
        pub(crate) fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("grps-{name}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&path);
            Self(path)
        }

        fn files(&self) -> Vec<(String, u64, u32)> {
            let mut files: Vec<_> = std::fs::read_dir(&self.0)
                .unwrap()
                .map(|entry| {
                    let (entry, name) =
                        entry.map(|e| (e.metadata().unwrap(), e.file_name())).unwrap();
                    let name = name.into_string().unwrap();
                    (name, entry.len(), entry.permissions().mode() & 0o777)
                })
                .collect();
            files.sort();
            files
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn files_are_for_the_user_alone_and_those_before_are_removed() {
        let folder = Folder::new("ring-modes");
        let mut ring = Ring::create(&folder.0, 1 << 16).unwrap();
        ring.append(b"one").unwrap();
        ring.flush().unwrap();
        assert_eq!(folder.files(), [("capture-000001.grpscap".to_owned(), 11, 0o600)]);
        let mode = std::fs::metadata(&folder.0).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        std::fs::write(folder.0.join("capture-x.grpscap"), "kept").unwrap();
        let ring = Ring::create(&folder.0, 1 << 16).unwrap();
        assert_eq!(ring.state(), RingState::default());
        assert_eq!(folder.files().len(), 1);
    }

    #[test]
    fn the_oldest_records_are_removed() {
        let folder = Folder::new("ring-oldest");
        let mut ring = Ring::create(&folder.0, 800).unwrap();
        // Each file has room for one: 8 bytes of its own, and 92 more.
        for _ in 0..8 {
            ring.append(&[1; 92]).unwrap();
        }
        assert_eq!(ring.state(), RingState { records: 8, bytes: 800, overwritten: 0 });
        ring.append(&[1; 92]).unwrap();
        assert_eq!(ring.state(), RingState { records: 8, bytes: 800, overwritten: 1 });
        assert_eq!(folder.files()[0].0, "capture-000002.grpscap");
    }

    #[test]
    fn open_files_outlive_their_removal() {
        let folder = Folder::new("ring-open");
        let mut ring = Ring::create(&folder.0, 800).unwrap();
        ring.append(&[7; 92]).unwrap();
        let mut open = ring.open().unwrap();
        for _ in 0..20 {
            ring.append(&[8; 92]).unwrap();
        }
        let mut read = Vec::new();
        io::copy(&mut open[0].0, &mut read).unwrap();
        assert_eq!((read.len() as u64, &read[8..]), (open[0].1, &[7; 92][..]));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn all_files_together_stay_within_the_limit(
            lengths in prop::collection::vec(1usize..=450, 1..60),
        ) {
            let folder = Folder::new("ring-limit");
            let mut ring = Ring::create(&folder.0, 1000).unwrap();
            for length in &lengths {
                ring.append(&vec![1; *length]).unwrap();
                ring.flush().unwrap();
                let on_disk: u64 = folder.files().iter().map(|file| file.1).sum();
                prop_assert!(on_disk <= 1000);
                prop_assert_eq!(on_disk, ring.state().bytes);
            }
            let state = ring.state();
            prop_assert_eq!(state.records + state.overwritten, lengths.len() as u64);
            prop_assert!(state.records >= 1);
        }
    }
}
