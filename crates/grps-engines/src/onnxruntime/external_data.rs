//! Weights that a model keeps in files of their own, read instead of mapped: a mapped file that is
//! overwritten changes the answers, and one that gets shorter ends the process.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, LazyLock, Weak};
use std::time::SystemTime;

use memchr::memmem;
use ort::session::builder::SessionBuilder;
use parking_lot::Mutex;

use crate::common::EngineError;

/// A `StringStringEntryProto` with the key `location`; the length of its value and the value follow.
const LOCATION: &[u8] = b"\n\x08location\x12";
const READ_DIRECTLY: &str = "session.use_external_initializer_file_buffers_directly";
const MOST_NAME_BYTES: usize = 4096;

/// A file as it was when it was read.
type Key = (PathBuf, u64, Option<SystemTime>);

/// What is in memory, shared by all copies of the models that use it.
static KNOWN: LazyLock<Mutex<HashMap<Key, Weak<[u8]>>>> = LazyLock::new(Mutex::default);

/// The files beside a model that it refers to, in memory.
pub(super) struct ExternalData(Vec<(String, Arc<[u8]>)>);

impl ExternalData {
    /// Reads the files of a model.
    ///
    /// # Errors
    /// One of them can't be read.
    pub(super) fn of(model: &Path) -> Result<Self, EngineError> {
        let bytes = std::fs::read(model).map_err(|error| unreadable(model, &error))?;
        let folder = model.parent().unwrap_or(Path::new("."));
        let mut files = Vec::<(String, Arc<[u8]>)>::new();
        for name in names_in(&bytes, folder) {
            if !files.iter().any(|(known, _)| *known == name) {
                let path = folder.join(&name);
                let content = read(&path).map_err(|error| unreadable(&path, &error))?;
                files.push((name, content));
            }
        }
        Ok(Self(files))
    }

    /// Gives a session the files.
    ///
    /// # Errors
    /// ONNX Runtime refuses them.
    pub(super) fn give_to(self, mut builder: SessionBuilder) -> Result<SessionBuilder, ort::Error> {
        if self.0.is_empty() {
            return Ok(builder);
        }
        builder = builder.with_config_entry(READ_DIRECTLY, "1")?;
        for (name, content) in self.0 {
            builder = builder.with_external_initializer_file_in_memory(name, content)?;
        }
        Ok(builder)
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> EngineError {
    EngineError::Model(format!("{}: can't be read: {error}", path.display()))
}

fn read(path: &Path) -> std::io::Result<Arc<[u8]>> {
    let status = path.metadata()?;
    let key = (path.to_owned(), status.len(), status.modified().ok());
    let mut known = KNOWN.lock();
    if let Some(content) = known.get(&key).and_then(Weak::upgrade) {
        return Ok(content);
    }
    known.retain(|_, content| content.strong_count() > 0);
    let content = Arc::<[u8]>::from(std::fs::read(path)?);
    known.insert(key, Arc::downgrade(&content));
    Ok(content)
}

/// The names of files that a model refers to. What leads out of its folder is left to ONNX Runtime,
/// which refuses it.
fn names_in<'a>(model: &'a [u8], folder: &'a Path) -> impl Iterator<Item = String> + 'a {
    let places = memmem::find_iter(model, LOCATION);
    places.filter_map(move |place| {
        let rest = model.get(place + LOCATION.len()..)?;
        let (length, rest) = read_length(rest)?;
        let name = std::str::from_utf8(rest.get(..length)?).ok()?;
        let is_beside = is_inside(Path::new(name)) && folder.join(name).is_file();
        (!name.contains('\0') && is_beside).then(|| name.to_owned())
    })
}

fn read_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let (length, rest) = match rest.split_first() {
        Some((second, rest)) if first & 0x80 != 0 => {
            (usize::from(first & 0x7f) | usize::from(*second) << 7, rest)
        }
        _ => (usize::from(*first), rest),
    };
    (1..=MOST_NAME_BYTES).contains(&length).then_some((length, rest))
}

fn is_inside(name: &Path) -> bool {
    name.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A model that refers to a file of this name.
    fn model_with(name: &str) -> Vec<u8> {
        let mut model = b"\x08\x0aabc".to_vec();
        model.extend_from_slice(LOCATION);
        let length = name.len();
        if length < 0x80 {
            model.push(u8::try_from(length).unwrap());
        } else {
            model.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            model.push(u8::try_from(length >> 7).unwrap());
        }
        model.extend_from_slice(name.as_bytes());
        model.extend_from_slice(b"more");
        model
    }

    fn found(name: &str, folder: &Path) -> Vec<String> {
        names_in(&model_with(name), folder).collect()
    }

    #[test]
    fn files_beside_a_model_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let long = "w".repeat(200);
        for name in ["weights.bin", &long] {
            std::fs::write(folder.path().join(name), b"1234").unwrap();
            assert_eq!(found(name, folder.path()), [name]);
        }
    }

    #[test]
    fn names_that_lead_elsewhere_or_nowhere_are_not() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        std::fs::write(folder.path().join("weights.bin"), b"1234").unwrap();
        let inner = folder.path().join("in");
        for name in ["../weights.bin", "/etc/passwd", "missing", ""] {
            assert_eq!(found(name, &inner), Vec::<String>::new());
        }
        let cut = &model_with("weights.bin")[..12];
        assert_eq!(names_in(cut, folder.path()).count(), 0);
    }

    #[test]
    fn copies_share_a_file_until_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.bin");
        std::fs::write(&path, b"1234").unwrap();
        let one = read(&path).unwrap();
        assert!(Arc::ptr_eq(&one, &read(&path).unwrap()));
        std::fs::write(&path, b"56789").unwrap();
        assert_eq!(&*read(&path).unwrap(), b"56789");
        assert_eq!(&*one, b"1234");
    }
}
