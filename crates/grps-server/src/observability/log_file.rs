//! A log file that is rotated by time and that several processes may write. The server's log
//! ([`super::log`]) writes one, and each of Python's loggers.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Local};
use rustix::fs::{FlockOperation, flock};
use rustix::io::retry_on_intr;

use super::log_period::LogPeriod;

/// Writes lines to `FILE`; at the end of a period, that becomes `FILE.SUFFIX` and a new one begins.
///
/// One process renames the file, under a lock in `FILE.lock`; the others see it by their next line.
/// The suffix is the date, or date and time, at which the period began.
#[derive(Debug)]
pub struct LogFile {
    /// Where lines are written.
    path: PathBuf,
    /// The unit of time after which the file is rotated.
    period: LogPeriod,
    /// How many rotated files are kept; all when `None`.
    backup_count: Option<usize>,
    /// The file as it was opened last.
    current: OpenFile,
}

/// An open file.
#[derive(Debug)]
struct OpenFile {
    /// Opened for appending, so that lines of several processes don't overwrite each other.
    file: File,
    /// Its device and inode, which renaming doesn't change.
    identity: (u64, u64),
    /// What its name gets when it is rotated.
    suffix: String,
}

impl LogFile {
    /// Opens a file, which is made with its folder when it does not exist.
    ///
    /// # Errors
    /// When the file can't be opened.
    pub fn open(path: &Path, period: LogPeriod, backup_count: Option<usize>) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let current = OpenFile::open(path, period)?;
        Ok(Self { path: path.to_owned(), period, backup_count, current })
    }

    /// Writes whole lines at once.
    ///
    /// # Errors
    /// When the file can't be written. When it can't be rotated, too, but then the lines are in it.
    pub fn write_lines(&mut self, lines: &[u8]) -> io::Result<()> {
        if !self.current.is_at(&self.path)? {
            self.reopen()?;
        }
        let rotated = if self.current.suffix == self.period.suffix(Local::now()) {
            Ok(())
        } else {
            self.rotate()
        };
        self.current.file.write_all(lines).and(rotated)
    }

    /// Renames the file, unless another process has just done so, and opens a new one.
    fn rotate(&mut self) -> io::Result<()> {
        let lock = appending(&beside(&self.path, "lock"))?;
        retry_on_intr(|| flock(&lock, FlockOperation::LockExclusive))?;
        if !self.current.is_at(&self.path)? {
            return self.reopen();
        }
        let rotated = beside(&self.path, &self.current.suffix);
        if rotated.exists() {
            // The clock was put back. Nothing is overwritten; the file goes on in the next period.
            self.current.suffix = self.period.suffix(Local::now());
            return Ok(());
        }
        fs::rename(&self.path, rotated)?;
        self.reopen()?;
        self.remove_old()
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.current = OpenFile::open(&self.path, self.period)?;
        Ok(())
    }

    /// Removes the oldest rotated files, beyond those that are kept.
    fn remove_old(&self) -> io::Result<()> {
        let Some(kept) = self.backup_count else { return Ok(()) };
        let mut rotated = self.rotated_files()?;
        // A suffix begins with the year, so that the order of names is that of time.
        rotated.sort_unstable();
        let old = rotated.len().saturating_sub(kept);
        rotated.iter().take(old).try_for_each(fs::remove_file)
    }

    fn rotated_files(&self) -> io::Result<Vec<PathBuf>> {
        let prefix = beside(Path::new(self.path.file_name().unwrap_or_default()), "");
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut rotated = Vec::new();
        for entry in fs::read_dir(folder.unwrap_or(Path::new(".")))? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().as_encoded_bytes();
            let suffix = name.strip_prefix(prefix.as_os_str().as_encoded_bytes());
            if suffix.is_some_and(|suffix| self.period.is_suffix(suffix)) {
                rotated.push(path);
            }
        }
        Ok(rotated)
    }
}

impl OpenFile {
    /// Opens the file. One that has lines is of the period in which the last of them was written.
    fn open(path: &Path, period: LogPeriod) -> io::Result<Self> {
        let file = appending(path)?;
        let metadata = file.metadata()?;
        let last: DateTime<Local> =
            if metadata.len() == 0 { Local::now() } else { metadata.modified()?.into() };
        let identity = (metadata.dev(), metadata.ino());
        Ok(Self { file, identity, suffix: period.suffix(last) })
    }

    /// Whether this is still the file at a path, and not one that was renamed or removed.
    fn is_at(&self, path: &Path) -> io::Result<bool> {
        match fs::metadata(path) {
            Ok(found) => Ok((found.dev(), found.ino()) == self.identity),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// For the server's log, which hands over one whole event a call.
impl Write for LogFile {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.write_lines(lines).map(|()| lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn appending(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// The path with a dot and a suffix at its end.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::{Duration, SystemTime};

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    /// A folder of its own for a test, removed at its end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("grps-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn log(&self) -> PathBuf {
            self.0.join("x.log")
        }

        fn open(&self, backup_count: Option<usize>) -> LogFile {
            LogFile::open(&self.log(), LogPeriod::Day, backup_count).unwrap()
        }

        /// Writes a file as if `days` ago.
        fn write(&self, name: &str, text: &str, days: u32) {
            fs::write(self.0.join(name), text).unwrap();
            let file = OpenOptions::new().append(true).open(self.0.join(name)).unwrap();
            file.set_modified(SystemTime::now() - DAY * days).unwrap();
        }

        /// Names of files, without the lock, and what they hold.
        fn files(&self) -> BTreeMap<String, String> {
            let entries = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path());
            entries
                .filter(|path| path.extension().is_none_or(|end| end != "lock"))
                .map(|path| {
                    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                    (name, fs::read_to_string(path).unwrap())
                })
                .collect()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    fn date(days_ago: u64) -> String {
        LogPeriod::Day.suffix(Local::now() - DAY * u32::try_from(days_ago).unwrap())
    }

    fn expected<const N: usize>(files: [(String, &str); N]) -> BTreeMap<String, String> {
        files.map(|(name, text)| (name, text.to_owned())).into()
    }

    #[test]
    fn lines_of_an_earlier_day_get_a_file_of_that_day() {
        let folder = Folder::new("earlier-day");
        folder.write("x.log", "old\n", 3);
        let mut log = folder.open(Some(7));
        log.write_lines(b"new\n").unwrap();
        log.write_lines(b"more\n").unwrap();
        let files = [("x.log".into(), "new\nmore\n"), (format!("x.log.{}", date(3)), "old\n")];
        assert_eq!(folder.files(), expected(files));
    }

    #[test]
    fn the_oldest_files_are_removed_and_no_others() {
        for (backup_count, kept) in [(Some(2), 2), (Some(0), 0), (None, 4)] {
            let folder = Folder::new("oldest");
            let earlier = ["2001-02-03", "2002-02-03", "2003-02-03"];
            for suffix in earlier {
                folder.write(&format!("x.log.{suffix}"), "", 0);
            }
            folder.write("x.log", "old\n", 1);
            folder.write("x.log.gz", "", 0);
            folder.write("xy.log.2001-02-03", "", 0);
            folder.open(backup_count).write_lines(b"new\n").unwrap();
            let mut names = vec!["x.log".to_owned(), "x.log.gz".into(), "xy.log.2001-02-03".into()];
            let suffixes = earlier.map(str::to_owned).into_iter().chain([date(1)]);
            names.extend(suffixes.skip(4 - kept).map(|suffix| format!("x.log.{suffix}")));
            names.sort();
            assert_eq!(folder.files().into_keys().collect::<Vec<_>>(), names);
        }
    }

    #[test]
    fn what_another_writer_rotates_is_followed() {
        let folder = Folder::new("followed");
        folder.write("x.log", "old\n", 1);
        let mut first = folder.open(Some(7));
        let mut second = folder.open(Some(7));
        first.write_lines(b"1\n").unwrap();
        second.write_lines(b"2\n").unwrap();
        first.write_lines(b"3\n").unwrap();
        let files = [("x.log".into(), "1\n2\n3\n"), (format!("x.log.{}", date(1)), "old\n")];
        assert_eq!(folder.files(), expected(files));
    }

    #[test]
    fn a_rotated_file_is_not_overwritten() {
        let folder = Folder::new("overwritten");
        let rotated = format!("x.log.{}", date(1));
        folder.write(&rotated, "there\n", 0);
        folder.write("x.log", "old\n", 1);
        folder.open(Some(7)).write_lines(b"new\n").unwrap();
        let files = [("x.log".into(), "old\nnew\n"), (rotated, "there\n")];
        assert_eq!(folder.files(), expected(files));
    }

    #[test]
    fn a_removed_file_is_made_again() {
        let folder = Folder::new("removed");
        let mut log = folder.open(None);
        log.write_lines(b"first\n").unwrap();
        fs::remove_file(folder.log()).unwrap();
        log.write_lines(b"second\n").unwrap();
        assert_eq!(folder.files(), expected([("x.log".into(), "second\n")]));
    }
}
