//! The head of a WAV file, and how its samples are written.

/// Most channels of a recording.
const MAX_CHANNELS: u16 = 8;
/// Samples per second that are supported: multiples of the step, and two usual ones that are none, so
/// that few filters are needed.
const MIN_RATE_HZ: u32 = 8_000;
const MAX_RATE_HZ: u32 = 192_000;
const RATE_STEP_HZ: u32 = 100;
const OTHER_RATES_HZ: [u32; 2] = [11_025, 22_050];

const PCM: u16 = 1;
const FLOAT: u16 = 3;
const EXTENSIBLE: u16 = 0xFFFE;

/// How samples are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SampleType {
    Unsigned8,
    Signed16,
    Signed24,
    Signed32,
    Float32,
    Float64,
}

/// How the data of a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) sample: SampleType,
    pub(super) channels: usize,
    pub(super) rate: u32,
}

impl SampleType {
    fn of(tag: u16, bits: u16) -> Result<Self, String> {
        match (tag, bits) {
            (PCM, 8) => Ok(Self::Unsigned8),
            (PCM, 16) => Ok(Self::Signed16),
            (PCM, 24) => Ok(Self::Signed24),
            (PCM, 32) => Ok(Self::Signed32),
            (FLOAT, 32) => Ok(Self::Float32),
            (FLOAT, 64) => Ok(Self::Float64),
            (PCM | FLOAT, _) => Err(format!("it has {bits} bits per sample")),
            _ => Err(format!("it is compressed (format {tag})")),
        }
    }

    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Unsigned8 => 1,
            Self::Signed16 => 2,
            Self::Signed24 => 3,
            Self::Signed32 | Self::Float32 => 4,
            Self::Float64 => 8,
        }
    }

    /// A sample, from -1 to 1; 0 for one that is no number.
    pub(super) fn read(self, bytes: &[u8]) -> f32 {
        let value = match (self, bytes) {
            (Self::Unsigned8, [one]) => (f32::from(*one) - 128.0) / 128.0,
            (Self::Signed16, [a, b]) => f32::from(i16::from_le_bytes([*a, *b])) / 32_768.0,
            (Self::Signed24, [a, b, c]) => {
                i32::from_le_bytes([0, *a, *b, *c]) as f32 / 2_147_483_648.0
            }
            (Self::Signed32, [a, b, c, d]) => {
                i32::from_le_bytes([*a, *b, *c, *d]) as f32 / 2_147_483_648.0
            }
            (Self::Float32, [a, b, c, d]) => f32::from_le_bytes([*a, *b, *c, *d]),
            (Self::Float64, [a, b, c, d, e, f, g, h]) => {
                f64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h]) as f32
            }
            _ => 0.0,
        };
        if value.is_finite() { value.clamp(-1.0, 1.0) } else { 0.0 }
    }
}

impl Format {
    /// Bytes of the samples of all channels at one time.
    pub(super) fn frame_bytes(&self) -> usize {
        self.sample.bytes() * self.channels
    }

    /// Reads the chunk `fmt `.
    fn read(chunk: &[u8]) -> Result<Self, String> {
        let short = |at: usize| {
            let bytes = chunk.get(at..at + 2).and_then(|bytes| bytes.try_into().ok());
            bytes.map(u16::from_le_bytes).ok_or_else(|| "its head is cut short".to_owned())
        };
        let rate = u32::from(short(4)?) | u32::from(short(6)?) << 16;
        let (channels, bits) = (short(2)?, short(14)?);
        let tag = match short(0)? {
            EXTENSIBLE => short(24)?,
            tag => tag,
        };
        let sample = SampleType::of(tag, bits)?;
        if channels == 0 || channels > MAX_CHANNELS {
            return Err(format!(
                "it has {channels} channels, from 1 to {MAX_CHANNELS} are allowed"
            ));
        }
        let is_step = rate.is_multiple_of(RATE_STEP_HZ) || OTHER_RATES_HZ.contains(&rate);
        if !(MIN_RATE_HZ..=MAX_RATE_HZ).contains(&rate) || !is_step {
            return Err(format!(
                "it has {rate} samples per second; a multiple of {RATE_STEP_HZ} from {MIN_RATE_HZ} \
                 to {MAX_RATE_HZ} is supported, and {} and {}",
                OTHER_RATES_HZ[0], OTHER_RATES_HZ[1]
            ));
        }
        Ok(Self { sample, channels: usize::from(channels), rate })
    }
}

/// The format of a file, and where its samples are. A program that can't go back in what it writes
/// leaves a wrong length; then the samples end with the file.
///
/// # Errors
/// It is no WAV file, or of a kind that is not supported.
pub(super) fn read_head(file: &[u8]) -> Result<(Format, std::ops::Range<usize>), String> {
    let is_wav = file.get(..4).is_some_and(|kind| kind == b"RIFF" || kind == b"RF64")
        && file.get(8..12) == Some(b"WAVE");
    if !is_wav {
        return Err(format!("it is {}; send a WAV file", kind_of(file)));
    }
    let (mut at, mut format) = (12, None);
    loop {
        let head = file.get(at..at + 8).ok_or("it has no samples, or is cut short")?;
        let (name, length) = head.split_at(4);
        let length = length.iter().rev().fold(0usize, |sum, byte| sum << 8 | usize::from(*byte));
        let start = at + 8;
        let end = start.saturating_add(length).min(file.len());
        match name {
            b"fmt " => format = Some(Format::read(file.get(start..end).unwrap_or_default())?),
            b"data" => {
                let format = format.ok_or("its samples come before their format")?;
                let whole = (end - start) / format.frame_bytes() * format.frame_bytes();
                return Ok((format, start..start + whole));
            }
            _ => {}
        }
        at = start.saturating_add(length).saturating_add(length % 2);
    }
}

/// What a file is that is no WAV file, in words.
fn kind_of(file: &[u8]) -> &'static str {
    let known: [(usize, &[u8], &str); 7] = [
        (0, b"ID3", "an MP3 file"),
        (0, b"\xff\xfb", "an MP3 file"),
        (0, b"\xff\xf3", "an MP3 file"),
        (0, b"fLaC", "a FLAC file"),
        (0, b"OggS", "an Ogg file"),
        (0, b"\x1a\x45\xdf\xa3", "a WebM file"),
        (4, b"ftyp", "an MP4 file"),
    ];
    let found = known.iter().find(|(at, head, _)| file.get(*at..*at + head.len()) == Some(*head));
    match found {
        Some((_, _, kind)) => kind,
        None if file.is_empty() => "empty",
        None => "something else",
    }
}
