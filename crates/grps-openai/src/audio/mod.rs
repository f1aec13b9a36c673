//! Recordings: WAV files, divided into parts that a model takes, at the rate that it takes.

mod format;
mod recording;
mod resampler;

pub use recording::{Recording, RecordingPart};
