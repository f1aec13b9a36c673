//! The GRPS message as both wire formats carry it.

use std::borrow::Cow;
use std::collections::HashSet;

use bytes::Bytes;
use grps_core::{Error, Tensor};

use super::wire_tensor::{WireTensor, into_tensors};

/// Most entries that one `gmap` may carry, repeated keys included: an entry takes far more memory
/// than the two bytes that it can be on the wire.
pub(super) const MAX_MAP_ENTRIES: usize = 1 << 20;

/// What finding repeated keys takes for each entry.
pub(super) const BYTES_PER_KEY: usize = 24;

/// A request or an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GrpsMessage {
    /// Outcome of the call; absent in most requests.
    pub status: Option<Status>,
    /// Model to call, `name-version`; empty means the default graph.
    pub model: String,
    /// What the model works on, or what it made.
    pub data: Data,
}

impl GrpsMessage {
    /// A message that carries a status and nothing else.
    pub fn of_status(status: Status) -> Self {
        Self { status: Some(status), ..Self::default() }
    }

    /// A message that carries bytes.
    pub fn of_binary(data: Bytes) -> Self {
        Self { data: Data::Binary(data), ..Self::default() }
    }

    /// A message of text.
    pub fn of_text(text: String) -> Self {
        Self { data: Data::Text(text), ..Self::default() }
    }

    /// The tensors of the message, checked.
    ///
    /// # Errors
    /// `InvalidArgument` when it carries something else or a tensor is malformed.
    pub fn into_tensors(self) -> Result<Vec<Tensor>, Error> {
        match self.data {
            Data::Tensors(tensors) => into_tensors(tensors),
            other => Err(Error::invalid(format!(
                "the model takes tensors: send gtensors (or ndarray in JSON), got {}",
                other.field_name()
            ))),
        }
    }
}

/// Outcome of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// HTTP status code of the outcome, 200 for success.
    pub code: i32,
    /// One line that says what happened.
    pub msg: Cow<'static, str>,
    /// Whether the call worked.
    pub outcome: Outcome,
}

impl Status {
    /// The status of every call that worked.
    pub fn ok() -> Self {
        Self { code: 200, msg: Cow::Borrowed("OK"), outcome: Outcome::SUCCESS }
    }

    /// The status of a call that failed.
    pub fn failure(code: i32, msg: impl Into<String>) -> Self {
        Self { code, msg: Cow::Owned(msg.into()), outcome: Outcome::FAILURE }
    }
}

/// Whether a call worked. An open enum: numbers that are not known here are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Outcome(pub i32);

impl Outcome {
    /// Not said.
    pub const UNKNOWN: Self = Self(0);
    /// It worked.
    pub const SUCCESS: Self = Self(1);
    /// It failed.
    pub const FAILURE: Self = Self(2);

    /// The name on the wire; `None` for numbers that have no name.
    pub fn wire_name(self) -> Option<&'static str> {
        match self {
            Self::UNKNOWN => Some("UNKNOWN"),
            Self::SUCCESS => Some("SUCCESS"),
            Self::FAILURE => Some("FAILURE"),
            _ => None,
        }
    }
}

/// The one data field that a message may carry.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Data {
    /// No data field is set.
    #[default]
    None,
    /// `bin_data`: bytes as they are.
    Binary(Bytes),
    /// `str_data`: text.
    Text(String),
    /// `gtensors`: typed tensors, not checked yet.
    Tensors(Vec<WireTensor>),
    /// `ndarray` of the protobuf message, which is always empty.
    NdArrayMarker,
    /// `gmap`: maps from names to simple values.
    Map(Box<MapData>),
}

impl Data {
    /// Name of the field on the wire; `nothing` when none is set.
    pub fn field_name(&self) -> &'static str {
        match self {
            Self::None => "nothing",
            Self::Binary(_) => "bin_data",
            Self::Text(_) => "str_data",
            Self::Tensors(_) => "gtensors",
            Self::NdArrayMarker => "ndarray",
            Self::Map(_) => "gmap",
        }
    }
}

/// Six maps from names to values, each an ordered list without duplicate keys.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MapData {
    /// Text values.
    pub s_s: Vec<(String, String)>,
    /// Byte values.
    pub s_b: Vec<(String, Bytes)>,
    /// 32-bit integer values.
    pub s_i32: Vec<(String, i32)>,
    /// 64-bit integer values.
    pub s_i64: Vec<(String, i64)>,
    /// Single precision values.
    pub s_f: Vec<(String, f32)>,
    /// Double precision values.
    pub s_d: Vec<(String, f64)>,
}

impl MapData {
    /// The number of entries of all six maps.
    pub fn len(&self) -> usize {
        self.s_s.len()
            + self.s_b.len()
            + self.s_i32.len()
            + self.s_i64.len()
            + self.s_f.len()
            + self.s_d.len()
    }

    /// Whether there is no entry at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops every entry whose key comes again later in its map: the last one wins.
    pub(super) fn drop_overwritten(&mut self) {
        keep_last(&mut self.s_s);
        keep_last(&mut self.s_b);
        keep_last(&mut self.s_i32);
        keep_last(&mut self.s_i64);
        keep_last(&mut self.s_f);
        keep_last(&mut self.s_d);
    }
}

/// Hashing keeps this linear in the number of entries, which the sender chooses.
fn keep_last<V>(entries: &mut Vec<(String, V)>) {
    if entries.len() < 2 {
        return;
    }
    let mut seen = HashSet::with_capacity(entries.len());
    let mut last: Vec<bool> = entries.iter().rev().map(|(key, _)| seen.insert(key)).collect();
    drop(seen);
    entries.retain(|_| last.pop().unwrap_or(true));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_of_success_and_failure() {
        let ok = Status { code: 200, msg: "OK".into(), outcome: Outcome(1) };
        assert_eq!(Status::ok(), ok);
        let failure = Status { code: 404, msg: "x".into(), outcome: Outcome(2) };
        assert_eq!(Status::failure(404, "x"), failure);
        assert_eq!(Outcome::FAILURE.wire_name(), Some("FAILURE"));
        assert_eq!(Outcome(7).wire_name(), None);
    }

    #[test]
    fn last_duplicate_key_wins() {
        let entry = |key: &str, value| (key.to_owned(), value);
        let s_i32 = vec![entry("a", 1), entry("b", 2), entry("a", 3), entry("c", 4), entry("a", 5)];
        let mut map = MapData { s_i32, ..MapData::default() };
        map.drop_overwritten();
        assert_eq!(map.s_i32, [entry("b", 2), entry("c", 4), entry("a", 5)]);
        assert_eq!((map.len(), map.is_empty()), (3, false));
        assert!(MapData::default().is_empty());
    }
}
