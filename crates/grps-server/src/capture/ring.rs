//! Files of a bounded total size: the oldest is removed for a new one.

use std::collections::VecDeque;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::format::MAGIC;
use super::pending::Pending;
use super::published::{Published, Whole};

/// Files into which the whole is divided, so that little is lost when the oldest is removed.
const SEGMENTS: u64 = 8;
const PREFIX: &str = "capture-";
const SUFFIX: &str = ".grpscap";
/// Bytes that wait at most before they are written.
const MAX_PENDING_BYTES: usize = 64 << 10;

/// The files of one capture; only the thread that writes has it.
pub(super) struct Ring {
    directory: PathBuf,
    max_bytes: u64,
    /// The oldest first; the last one is written.
    segments: VecDeque<Segment>,
    /// The file of the last one.
    file: Option<File>,
    /// Records for that file.
    pending: Pending,
    /// The number of the next one.
    next: u64,
    /// Records that were removed with their files.
    overwritten: u64,
    /// What others see of the files.
    published: Arc<Published>,
    /// Makes a file.
    create: fn(&Path) -> io::Result<File>,
}

struct Segment {
    path: PathBuf,
    /// With what is pending.
    bytes: u64,
    /// Bytes of whole records in the file.
    written_bytes: u64,
    /// Whole records in the file.
    records: u64,
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
            pending: Pending::default(),
            next: 1,
            overwritten: 0,
            published: Arc::default(),
            create: |path| OpenOptions::new().write(true).create_new(true).mode(0o600).open(path),
        })
    }

    /// The same, with files that the test makes.
    #[cfg(test)]
    pub(super) fn with_files(self, create: fn(&Path) -> io::Result<File>) -> Self {
        Self { create, ..self }
    }

    /// What others see of the files.
    pub(super) fn published(&self) -> Arc<Published> {
        Arc::clone(&self.published)
    }

    /// Appends a record with its frame, and writes if much is pending. Returns how many records were
    /// written, and why others were not.
    pub(super) fn append(&mut self, frame: &[u8]) -> Written {
        let length = frame.len() as u64;
        let is_full = |last: &Segment| last.bytes + length > self.max_bytes / SEGMENTS;
        let mut written = Written::default();
        if self.segments.back().is_none_or(is_full) {
            written = self.flush();
            if written.failure.is_none() {
                written.failure = self.begin_segment(length).err();
            }
        } else {
            written.failure = self.make_room(length).err();
        }
        if written.failure.is_some() {
            written.lost += 1;
            return written;
        }
        if let Some(last) = self.segments.back_mut() {
            self.pending.push(frame);
            last.bytes += length;
        }
        if self.pending.len() >= MAX_PENDING_BYTES { written.and(self.flush()) } else { written }
    }

    fn begin_segment(&mut self, length: u64) -> io::Result<()> {
        self.file = None;
        let bytes = MAGIC.len() as u64;
        self.make_room(bytes + length)?;
        let path = self.directory.join(format!("{PREFIX}{:06}{SUFFIX}", self.next));
        self.next += 1;
        self.file = Some((self.create)(&path)?);
        self.pending.push_head(MAGIC);
        self.segments.push_back(Segment { path, bytes, written_bytes: 0, records: 0 });
        Ok(())
    }

    /// Removes the oldest files until so many bytes more fit; never the one that is written.
    fn make_room(&mut self, bytes: u64) -> io::Result<()> {
        let kept = usize::from(self.file.is_some());
        while self.segments.len() > kept && self.bytes() + bytes > self.max_bytes {
            let Some(oldest) = self.segments.pop_front() else { break };
            self.overwritten += oldest.records;
            // First, so that nobody looks for a file that is removed.
            self.publish();
            std::fs::remove_file(&oldest.path)?;
        }
        Ok(())
    }

    /// Writes what is pending. What a file has of a record that can't be written is cut off.
    pub(super) fn flush(&mut self) -> Written {
        let (Some(file), Some(last)) = (&mut self.file, self.segments.back_mut()) else {
            return Written::default();
        };
        let done = self.pending.write(file);
        last.written_bytes += done.bytes;
        last.records += done.records;
        last.bytes = last.written_bytes;
        if done.failure.is_some() {
            // Readers stop there in any case.
            let _ = file.set_len(last.written_bytes);
        }
        self.publish();
        Written { records: done.records, lost: done.lost, failure: done.failure }
    }

    fn publish(&self) {
        let whole = |segment: &Segment| Whole {
            path: segment.path.clone(),
            bytes: segment.written_bytes,
            records: segment.records,
        };
        let whole = self.segments.iter().filter(|segment| segment.written_bytes > 0).map(whole);
        self.published.set(whole.collect(), self.overwritten);
    }

    fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }
}

/// What became of records.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Records that are in the files.
    pub(super) records: u64,
    /// Records that are not.
    pub(super) lost: u64,
    /// Why.
    pub(super) failure: Option<io::Error>,
}

impl Written {
    fn and(self, next: Self) -> Self {
        let failure = self.failure.or(next.failure);
        Self { records: self.records + next.records, lost: self.lost + next.lost, failure }
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

    use super::super::published::RingState;
    use super::*;

    fn append(ring: &mut Ring, frame: &[u8]) {
        let written = ring.append(frame);
        assert!(written.failure.is_none(), "{written:?}");
    }

    fn flush(ring: &mut Ring) {
        let written = ring.flush();
        assert!(written.failure.is_none(), "{written:?}");
    }

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
        append(&mut ring, b"one");
        flush(&mut ring);
        assert_eq!(folder.files(), [("capture-000001.grpscap".to_owned(), 11, 0o600)]);
        let mode = std::fs::metadata(&folder.0).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        std::fs::write(folder.0.join("capture-x.grpscap"), "kept").unwrap();
        let ring = Ring::create(&folder.0, 1 << 16).unwrap();
        assert_eq!(ring.published.state(), RingState::default());
        assert_eq!(folder.files().len(), 1);
    }

    #[test]
    fn the_oldest_records_are_removed() {
        let folder = Folder::new("ring-oldest");
        let mut ring = Ring::create(&folder.0, 800).unwrap();
        // Each file has room for one: 8 bytes of its own, and 92 more.
        for _ in 0..8 {
            append(&mut ring, &[1; 92]);
        }
        flush(&mut ring);
        assert_eq!(ring.published.state(), RingState { records: 8, bytes: 800, overwritten: 0 });
        append(&mut ring, &[1; 92]);
        flush(&mut ring);
        assert_eq!(ring.published.state(), RingState { records: 8, bytes: 800, overwritten: 1 });
        assert_eq!(folder.files()[0].0, "capture-000002.grpscap");
    }

    #[test]
    fn open_files_outlive_their_removal() {
        let folder = Folder::new("ring-open");
        let mut ring = Ring::create(&folder.0, 800).unwrap();
        append(&mut ring, &[7; 92]);
        flush(&mut ring);
        let mut open = ring.published.open().unwrap();
        for _ in 0..20 {
            append(&mut ring, &[8; 92]);
        }
        let mut read = Vec::new();
        io::copy(&mut open[0].0, &mut read).unwrap();
        assert_eq!((read.len() as u64, &read[8..]), (open[0].1, &[7; 92][..]));
    }

    #[test]
    fn a_disk_that_is_full_leaves_what_is_whole() {
        let folder = Folder::new("ring-full");
        let mut ring = Ring::create(&folder.0, 1 << 20).unwrap();
        append(&mut ring, &[7; 92]);
        flush(&mut ring);
        ring.file = Some(File::options().write(true).open("/dev/full").unwrap());
        append(&mut ring, &[8; 92]);
        let written = ring.flush();
        assert_eq!((written.records, written.lost), (0, 1));
        assert!(written.failure.is_some());
        let state = RingState { records: 1, bytes: 100, overwritten: 0 };
        assert_eq!(ring.published.state(), state);
        assert_eq!(ring.published.open().unwrap().len(), 1);
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
                append(&mut ring, &vec![1; *length]);
                flush(&mut ring);
                let on_disk: u64 = folder.files().iter().map(|file| file.1).sum();
                prop_assert!(on_disk <= 1000);
                prop_assert_eq!(on_disk, ring.published.state().bytes);
            }
            let state = ring.published.state();
            prop_assert_eq!(state.records + state.overwritten, lengths.len() as u64);
            prop_assert!(state.records >= 1);
        }
    }
}
