//! Records requests and replies in files of bounded size, so that they can be sent again.
//!
//! [`capture::Capture`] is started and stopped by operators. A sampled request is cloned on its way
//! through `call`; a thread of its own encodes and writes it.

pub(crate) mod capture;
pub(crate) mod captured;
mod counts;
mod format;
mod job;
mod pending;
mod progress;
mod published;
pub mod replay;
mod ring;
mod session;
mod settings;
mod writer;

pub(crate) use counts::LeftOut;
pub(crate) use format::MAGIC;
pub use format::{CaptureError, CaptureRecord, Records, read_records};
pub use settings::CaptureSettings;
pub(crate) use settings::StartOptions;
