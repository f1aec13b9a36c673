//! A request that is to be written.

use bytes::Bytes;
use grps_core::{Content, Error};

use super::format::CaptureRecord;
use crate::codec::{GrpsMessage, proto};

/// A request that is to be written. Its contents are encoded by the thread that writes.
pub(super) struct Job {
    /// All but the contents.
    pub(super) head: CaptureRecord,
    /// The input.
    pub(super) request: Content,
    /// The output.
    pub(super) reply: Option<Content>,
    /// Bytes of both.
    pub(super) bytes: usize,
}

impl Job {
    /// Makes the record.
    ///
    /// # Errors
    /// A tensor has a type that messages lack; there is none.
    pub(super) fn into_record(self) -> Result<CaptureRecord, Error> {
        let Self { head, request, reply, .. } = self;
        Ok(CaptureRecord {
            request: to_message(request)?,
            reply: reply.map(to_message).transpose()?,
            ..head
        })
    }
}

fn to_message(content: Content) -> Result<Bytes, Error> {
    match content {
        Content::Tensors(tensors) => {
            proto::encode_raw(None, "", &tensors).map(|pieces| pieces.concat().into())
        }
        Content::Message(message) => Ok(message),
        Content::Raw(bytes) => Ok(proto::encode(&GrpsMessage::of_binary(bytes))),
    }
}
