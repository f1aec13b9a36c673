//! The file of a service's standard streams: bounded while the service runs; as
//! `grps/server/output_file.py`.

use std::fs::{File, Metadata, OpenOptions, metadata, read_to_string};
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use crate::stopping::Ending;

/// The file, in the folder `logs` of a service.
pub(crate) const OUTPUT: &str = "stderr.log";
/// Keeps the end of what the file had before it began anew.
const FORMER: &str = "stderr.log.1";
/// From this size on the file begins anew.
const LIMIT_BYTES: u64 = 16 * 1024 * 1024;
const CHECK: Duration = Duration::from_secs(5);
/// The standard error of this process, and how it was opened.
const STDERR: &str = "/proc/self/fd/2";
const STDERR_INFO: &str = "/proc/self/fdinfo/2";
const APPEND: u32 = 0o2000;

/// Keeps this process's standard error within its limit until the service ends. A file that the tool
/// has not opened for it is not ours to cut: nothing is done then.
pub(crate) fn bound_output(output: &Path, ended: &Ending) {
    while is_ours(output) && !ended.wait_for(CHECK) {
        // Whatever is wrong with the disk, the service goes on.
        let _ = cut(Path::new(STDERR), &output.with_file_name(FORMER), LIMIT_BYTES);
    }
}

/// Empties a file that is too long, which others append to as well; `kept` gets its end.
fn cut(file: &Path, kept: &Path, limit_bytes: u64) -> std::io::Result<()> {
    let size = metadata(file)?.len();
    if size <= limit_bytes {
        return Ok(());
    }
    let mut source = File::open(file)?;
    source.seek(SeekFrom::Start(size - limit_bytes))?;
    std::io::copy(&mut source, &mut File::create(kept)?)?;
    OpenOptions::new().write(true).open(file)?.set_len(0)
}

fn is_ours(output: &Path) -> bool {
    let Ok(info) = read_to_string(STDERR_INFO) else { return false };
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    let place = |status: Metadata| (status.dev(), status.ino());
    match (metadata(STDERR), metadata(output)) {
        (Ok(own), Ok(other)) => {
            own.is_file()
                && flags.is_some_and(|flags| flags & APPEND != 0)
                && place(own) == place(other)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_long_file_is_kept() {
        let folder = std::env::temp_dir().join(format!("grps-output-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (file, kept) = (folder.join(OUTPUT), folder.join(FORMER));
        std::fs::write(&file, "12345678").unwrap();
        cut(&file, &kept, 8).unwrap();
        assert!(!kept.exists());
        cut(&file, &kept, 3).unwrap();
        assert_eq!(std::fs::read_to_string(&kept).unwrap(), "678");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
