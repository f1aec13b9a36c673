//! Why a file with recorded requests can't be read.

/// Why a file with recorded requests can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaptureError {
    /// It begins with other bytes.
    #[error("the file is no capture; fetch one with 'grpst capture fetch SERVICE FILE'")]
    NoCapture,
    /// It has another version of the format.
    #[error("the capture has version {0} of the format, and this program reads version 1")]
    OtherVersion(char),
    /// It ends within a record.
    #[error("the capture ends within the record at byte {0}; what comes before is whole")]
    Truncated(usize),
    /// A record is damaged.
    #[error("the record at byte {offset} of the capture is damaged: {why}")]
    Damaged {
        /// Where the record begins.
        offset: usize,
        /// What is wrong with it.
        why: String,
    },
}
