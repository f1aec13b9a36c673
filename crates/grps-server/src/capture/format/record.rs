//! One recorded request, as a protobuf message.

use bytes::Bytes;

use crate::codec::Fault;
use crate::codec::proto::{Reader, Wire, write_bytes, write_number};

const TIME_US: u32 = 1;
const LATENCY_US: u32 = 2;
const ROUTE: u32 = 3;
const PROTOCOL: u32 = 4;
const STATUS: u32 = 5;
const ERROR: u32 = 6;
const HEADER: u32 = 7;
const REQUEST_ID: u32 = 8;
const REQUEST: u32 = 9;
const REPLY: u32 = 10;
const VERSION: u32 = 11;
const NAME: u32 = 1;
const VALUE: u32 = 2;

/// One recorded request with its reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaptureRecord {
    /// When the request came, in microseconds since 1970.
    pub time_us: u64,
    /// Microseconds from then until the model had replied.
    pub latency_us: u64,
    /// The `name-version` of the model that ran it, or the name of the graph; empty for the default
    /// graph.
    pub route: String,
    /// The version of the model; empty for a graph.
    pub version: String,
    /// `http`, `grpc` or `brpc`.
    pub protocol: String,
    /// The HTTP status of the outcome, for every protocol.
    pub status: u16,
    /// Why it failed; empty if it did not.
    pub error: String,
    /// The headers that are recorded, by their lower-case names.
    pub headers: Vec<(String, String)>,
    /// The identifier of the request.
    pub request_id: String,
    /// The input, as an encoded `GrpsMessage`.
    pub request: Bytes,
    /// The output, as an encoded `GrpsMessage` without a status; `None` if the request failed.
    pub reply: Option<Bytes>,
}

impl CaptureRecord {
    /// Encodes the record.
    pub fn encode(&self) -> Vec<u8> {
        let contents = self.request.len() + self.reply.as_ref().map_or(0, Bytes::len);
        let mut out = Vec::with_capacity(contents + 256);
        write_number(&mut out, TIME_US, self.time_us);
        write_number(&mut out, LATENCY_US, self.latency_us);
        write_bytes(&mut out, ROUTE, self.route.as_bytes());
        write_bytes(&mut out, PROTOCOL, self.protocol.as_bytes());
        write_number(&mut out, STATUS, self.status.into());
        if !self.error.is_empty() {
            write_bytes(&mut out, ERROR, self.error.as_bytes());
        }
        for (name, value) in &self.headers {
            let mut header = Vec::with_capacity(name.len() + value.len() + 8);
            write_bytes(&mut header, NAME, name.as_bytes());
            write_bytes(&mut header, VALUE, value.as_bytes());
            write_bytes(&mut out, HEADER, &header);
        }
        write_bytes(&mut out, REQUEST_ID, self.request_id.as_bytes());
        write_bytes(&mut out, REQUEST, &self.request);
        if let Some(reply) = &self.reply {
            write_bytes(&mut out, REPLY, reply);
        }
        write_bytes(&mut out, VERSION, self.version.as_bytes());
        out
    }

    /// Decodes a record; fields that are not known are skipped.
    pub(super) fn decode(bytes: &Bytes) -> Result<Self, Fault> {
        let mut record = Self::default();
        let mut reader = Reader::new(bytes);
        while let Some((field, wire)) = reader.tag()? {
            match (field, wire) {
                (TIME_US, Wire::Varint) => record.time_us = reader.varint()?,
                (LATENCY_US, Wire::Varint) => record.latency_us = reader.varint()?,
                (ROUTE, Wire::Len) => record.route = reader.text()?.to_owned(),
                (PROTOCOL, Wire::Len) => record.protocol = reader.text()?.to_owned(),
                (STATUS, Wire::Varint) => {
                    let status = u16::try_from(reader.varint()?);
                    record.status = status.map_err(|_| Fault::new("the status is too large"))?;
                }
                (ERROR, Wire::Len) => record.error = reader.text()?.to_owned(),
                (HEADER, Wire::Len) => record.headers.push(decode_header(reader.bytes()?)?),
                (REQUEST_ID, Wire::Len) => record.request_id = reader.text()?.to_owned(),
                (REQUEST, Wire::Len) => record.request = bytes.slice_ref(reader.bytes()?),
                (REPLY, Wire::Len) => record.reply = Some(bytes.slice_ref(reader.bytes()?)),
                (VERSION, Wire::Len) => record.version = reader.text()?.to_owned(),
                _ => reader.skip(field, wire)?,
            }
        }
        Ok(record)
    }
}

fn decode_header(bytes: &[u8]) -> Result<(String, String), Fault> {
    let (mut header, mut reader) = ((String::new(), String::new()), Reader::new(bytes));
    while let Some((field, wire)) = reader.tag()? {
        match (field, wire) {
            (NAME, Wire::Len) => header.0 = reader.text()?.to_owned(),
            (VALUE, Wire::Len) => header.1 = reader.text()?.to_owned(),
            _ => reader.skip(field, wire)?,
        }
    }
    Ok(header)
}
