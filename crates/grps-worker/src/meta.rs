//! What the packets between server and worker say, apart from the elements of tensors.
//!
//! Each structure is an array of its fields in `MessagePack`; `grps/server/worker/packets.py` has the
//! same ones.

use std::time::{Duration, Instant};

use bytes::Bytes;
use grps_core::{Buffer, Elements, Values};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_bytes::ByteBuf;

/// Packets of the server.
pub(crate) mod to_worker {
    /// Requests to run at once: [`super::BatchMeta`].
    pub(crate) const BATCH: u8 = 1;
    /// Clients that have left: [`super::CancelMeta`].
    pub(crate) const CANCEL: u8 = 2;
    /// What a step model does in one step: [`crate::step_meta::StepMeta`].
    pub(crate) const STEP: u8 = 3;
    /// Clients of sequences that have left: [`crate::step_meta::SequencesMeta`].
    pub(crate) const CANCEL_SEQUENCES: u8 = 4;
}

/// Packets of the worker.
pub(crate) mod from_worker {
    /// The answer to one request: [`super::ReplyMeta`].
    pub(crate) const REPLY: u8 = 1;
    /// The outputs of a whole batch: [`super::OutputsMeta`].
    pub(crate) const OUTPUTS: u8 = 2;
    /// One request's failure: [`super::FailureMeta`].
    pub(crate) const FAILURE: u8 = 3;
    /// A part of a streamed answer: [`super::ReplyMeta`].
    pub(crate) const CHUNK: u8 = 4;
    /// The end of a streamed answer: [`super::EntryRef`].
    pub(crate) const END_STREAM: u8 = 5;
    /// The answer to customized HTTP: [`super::HttpReplyMeta`].
    pub(crate) const HTTP_REPLY: u8 = 6;
    /// The requests that are not answered are wanted one by one: [`super::BatchRef`].
    pub(crate) const SINGLES: u8 = 7;
    /// The batch is done, or a step that had no rows: [`super::BatchRef`].
    pub(crate) const DONE: u8 = 8;
    /// What the rows of a step returned: [`crate::step_meta::SteppedMeta`].
    pub(crate) const STEPPED: u8 = 9;
    /// Rows of a step that failed, which made no step: [`crate::step_meta::RowsFailedMeta`].
    pub(crate) const ROWS_FAILED: u8 = 10;
}

/// Where bytes lie in the data of a body: offset and length.
pub(crate) type Blob = (u64, u64);

/// A tensor without its elements.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct TensorMeta {
    pub(crate) name: String,
    /// Its type by its lower-case name.
    pub(crate) dtype: String,
    pub(crate) shape: Vec<usize>,
    /// Its elements as they lie in memory; empty for strings.
    pub(crate) blob: Blob,
    /// Its elements when they are strings.
    pub(crate) texts: Option<Texts>,
}

/// Elements of a tensor of strings, in the tensor's memory: text if all are UTF-8, else bytes.
#[derive(Debug, PartialEq)]
pub(crate) struct Texts(Buffer);

impl From<Buffer> for Texts {
    fn from(strings: Buffer) -> Self {
        Self(strings)
    }
}

impl From<Texts> for Buffer {
    fn from(texts: Texts) -> Self {
        texts.0
    }
}

impl Texts {
    fn strings(&self) -> &[Bytes] {
        match self.0.elements() {
            Elements::String(strings) => strings,
            _ => &[],
        }
    }
}

impl Serialize for Texts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let strings = self.strings();
        if strings.iter().all(|string| std::str::from_utf8(string).is_ok()) {
            let text = |string| std::str::from_utf8(string).unwrap_or_default();
            return serializer.collect_seq(strings.iter().map(|string| text(string)));
        }
        serializer.collect_seq(strings.iter().map(|string| serde_bytes::Bytes::new(string)))
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let strings = Vec::<ByteBuf>::deserialize(deserializer)?.into_iter();
        let strings = strings.map(|string| string.into_vec().into()).collect();
        Ok(Self(Values::String(strings).into()))
    }
}

/// Content in one of its forms.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ContentMeta {
    /// [`TENSORS`], [`MESSAGE`] or [`RAW`].
    pub(crate) form: u8,
    pub(crate) tensors: Vec<TensorMeta>,
    /// A message or raw bytes.
    pub(crate) blob: Blob,
}

/// Decoded tensors.
pub(crate) const TENSORS: u8 = 0;
/// An encoded `GrpsMessage`.
pub(crate) const MESSAGE: u8 = 1;
/// Bytes as they are.
pub(crate) const RAW: u8 = 2;

/// Requests to run at once.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct BatchMeta<'a> {
    /// Names the batch in all packets about it.
    pub(crate) number: u64,
    /// Rows that each output must have.
    pub(crate) rows: Option<usize>,
    #[serde(borrow)]
    pub(crate) entries: Vec<EntryMeta<'a>>,
    /// The joined input; `None` for messages, and for requests that do not fit together.
    pub(crate) tensors: Option<Vec<TensorMeta>>,
}

/// One request.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EntryMeta<'a> {
    pub(crate) id: &'a str,
    pub(crate) streaming: bool,
    /// Whether an earlier model left user data that is not here.
    pub(crate) left_elsewhere: bool,
    /// Its encoded message.
    pub(crate) message: Option<Blob>,
    #[serde(borrow)]
    pub(crate) exchange: Option<ExchangeMeta<'a>>,
    /// What user code passes on to whatever it calls.
    pub(crate) traceparent: Option<String>,
    pub(crate) tracestate: Option<&'a str>,
    /// Its rows in the joined input: the first, and the one behind the last.
    pub(crate) rows: Option<(usize, usize)>,
    /// How long the client still waits; `None` for no limit.
    pub(crate) remaining_us: Option<u64>,
}

/// The time so many microseconds from here on; `None` when no clock reaches it.
pub(crate) fn after_us(remaining_us: u64) -> Option<Instant> {
    Instant::now().checked_add(Duration::from_micros(remaining_us))
}

/// A request of customized HTTP.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ExchangeMeta<'a> {
    /// Whether the client requested a stream.
    pub(crate) streaming: bool,
    /// Whether one model answers the request.
    pub(crate) alone: bool,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    #[serde(borrow)]
    pub(crate) headers: Vec<(&'a str, &'a serde_bytes::Bytes)>,
    pub(crate) peer: (String, u16),
    pub(crate) body: Blob,
}

/// Requests of a batch whose clients have left.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CancelMeta {
    pub(crate) number: u64,
    pub(crate) entries: Vec<usize>,
}

/// A batch.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct BatchRef {
    pub(crate) number: u64,
}

/// One request of a batch.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EntryRef {
    pub(crate) number: u64,
    pub(crate) entry: usize,
}

/// The answer to one request, or a part of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ReplyMeta {
    pub(crate) number: u64,
    pub(crate) entry: usize,
    pub(crate) content: ContentMeta,
    /// Whether user code left something in the worker for the next model.
    pub(crate) left: bool,
    /// How long the converter worked before the model, and the model.
    pub(crate) spent_ns: (u64, u64),
}

/// The outputs of a whole batch.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OutputsMeta {
    pub(crate) number: u64,
    pub(crate) tensors: Vec<TensorMeta>,
    /// The requests for whose next model user code left something in the worker.
    #[serde(default)]
    pub(crate) left: Vec<usize>,
}

/// One request's failure.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FailureMeta {
    pub(crate) number: u64,
    pub(crate) entry: usize,
    /// Whether the request is to blame.
    pub(crate) invalid: bool,
    pub(crate) message: String,
    /// The HTTP status that user code chose for a request that is to blame; 400 when it chose none.
    #[serde(default = "invalid_argument")]
    pub(crate) status: u16,
}

/// The HTTP status of a request that is to blame.
pub(crate) fn invalid_argument() -> u16 {
    400
}

/// The answer to customized HTTP.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HttpReplyMeta {
    pub(crate) number: u64,
    pub(crate) entry: usize,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Blob,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_travel_as_text_or_as_bytes() {
        let texts_of = |strings| Texts(Values::String(strings).into());
        for strings in [vec![], vec!["a", "\u{e9}"]] {
            let texts = texts_of(strings.iter().map(|text| Bytes::from(*text)).collect());
            let packed = rmp_serde::to_vec(&texts).unwrap();
            assert_eq!(rmp_serde::from_slice::<Vec<String>>(&packed).unwrap(), strings);
            assert_eq!(rmp_serde::from_slice::<Texts>(&packed).unwrap(), texts);
        }
        let binary = texts_of(vec![Bytes::from("a"), Bytes::from_static(&[0xff])]);
        let packed = rmp_serde::to_vec(&binary).unwrap();
        assert!(rmp_serde::from_slice::<Vec<String>>(&packed).is_err());
        assert_eq!(rmp_serde::from_slice::<Texts>(&packed).unwrap(), binary);
    }
}
