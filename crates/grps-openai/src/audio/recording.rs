//! A recording, of which parts are read when they are needed.

use std::ops::Range;

use super::format::{Format, read_head};
use super::resampler::Resampler;
use crate::error::ApiError;

/// Samples per second that models take.
const MODEL_RATE_HZ: u32 = 16_000;

/// Where a part may end: within this share of its length, from the end.
const CUT_SHARE: usize = 6;
/// Cuts are looked for in steps of a second's fraction.
const CUTS_PER_SECOND: usize = 20;

/// A WAV file. Its samples stay as they are; parts of them are converted.
#[derive(Debug)]
pub struct Recording<'a> {
    data: &'a [u8],
    format: Format,
    resampler: Resampler,
}

impl<'a> Recording<'a> {
    /// Reads the head of a file.
    ///
    /// # Errors
    /// It is no WAV file of a kind that is supported, or has no samples. `param` is the field of the
    /// file.
    pub fn read(file: &'a [u8], param: &str) -> Result<Self, ApiError> {
        let wrong = |problem: String| {
            let message = format!("The file can't be read: {problem}.");
            ApiError::invalid(param, message)
        };
        let (format, range) = read_head(file).map_err(wrong)?;
        let data = file.get(range).unwrap_or_default();
        if data.is_empty() {
            return Err(wrong("it has no samples".to_owned()));
        }
        let resampler = Resampler::new(format.rate, MODEL_RATE_HZ);
        Ok(Self { data, format, resampler })
    }

    /// Its length in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.seconds_of(self.frames())
    }

    fn seconds_of(&self, frames: usize) -> f64 {
        frames as f64 / f64::from(self.format.rate)
    }

    /// Samples of each channel.
    fn frames(&self) -> usize {
        self.data.len() / self.format.frame_bytes()
    }

    /// Parts of at most so many seconds, which end where it is quiet.
    #[must_use]
    pub fn parts(&self, most_seconds: f64) -> Vec<RecordingPart> {
        let most = ((most_seconds * f64::from(self.format.rate)) as usize).max(1);
        let (mut parts, mut start) = (Vec::new(), 0);
        while self.frames() - start > most {
            let end = self.quietest(start + most - most / CUT_SHARE..start + most);
            parts.push(self.part(start..end));
            start = end;
        }
        parts.push(self.part(start..self.frames()));
        parts
    }

    fn part(&self, frames: Range<usize>) -> RecordingPart {
        let (start, end) = (self.seconds_of(frames.start), self.seconds_of(frames.end));
        RecordingPart { frames, start, end }
    }

    /// Where it is quietest in a range.
    fn quietest(&self, range: Range<usize>) -> usize {
        let width = (self.format.rate as usize / CUTS_PER_SECOND).max(1);
        let starts = range.clone().step_by(width).filter(|start| start + width <= range.end);
        let loudness = |start: usize| -> f32 {
            self.mono(start..start + width).iter().map(|sample| sample * sample).sum()
        };
        let energies = starts.map(|start| (loudness(start), start));
        let quietest = energies.min_by(|(one, _), (other, _)| one.total_cmp(other));
        quietest.map_or(range.end, |(_, start)| start + width / 2)
    }

    /// The samples of a part at the rate of models, of one channel.
    #[must_use]
    pub fn samples(&self, part: &RecordingPart) -> Vec<f32> {
        let reach = self.resampler.reach();
        let start = part.frames.start.saturating_sub(reach);
        let source = self.mono(start..(part.frames.end + reach).min(self.frames()));
        let (first, last) =
            (self.resampler.count(part.frames.start), self.resampler.count(part.frames.end));
        // A recording of less than one sample has one.
        let last = last.max(first + 1);
        (first..last).map(|index| self.resampler.sample(index, &source, start)).collect()
    }

    /// The mean of the channels.
    fn mono(&self, frames: Range<usize>) -> Vec<f32> {
        let (size, width) = (self.format.frame_bytes(), self.format.sample.bytes());
        let bytes = self.data.get(frames.start * size..frames.end * size).unwrap_or_default();
        let mean = |frame: &[u8]| {
            let samples = frame.chunks_exact(width).map(|sample| self.format.sample.read(sample));
            samples.sum::<f32>() / self.format.channels as f32
        };
        bytes.chunks_exact(size).map(mean).collect()
    }
}

/// A part of a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordingPart {
    frames: Range<usize>,
    /// Seconds from the start of the recording.
    pub start: f64,
    /// The same for its end.
    pub end: f64,
}

#[cfg(test)]
#[path = "recording_tests.rs"]
mod tests;
