//! The format of files with recorded requests; `docs/reference/capture-format.md` describes it.

mod error;
mod frame;
mod reader;
mod record;

pub use error::CaptureError;
pub(crate) use frame::MAGIC;
pub(super) use frame::append_frame;
pub use reader::{Records, read_records};
pub use record::CaptureRecord;
