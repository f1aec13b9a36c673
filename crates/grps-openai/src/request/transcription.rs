//! `/v1/audio/transcriptions`, whose fields come in a form.

use crate::error::ApiError;

/// How a transcript is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TranscriptFormat {
    /// An object with the text.
    Json,
    /// The text alone.
    Text,
    /// An object with the text and the parts of the recording.
    VerboseJson,
    /// Subtitles of SubRip.
    Srt,
    /// Subtitles of the web.
    Vtt,
}

/// The fields of a checked request, without the file.
#[derive(Clone, Debug, PartialEq)]
pub struct TranscriptionFields {
    /// The model as the client named it.
    pub model: String,
    /// The language of the recording, such as `en`.
    pub language: Option<String>,
    /// Text that the recording follows.
    pub prompt: Option<String>,
    /// How the transcript is written.
    pub format: TranscriptFormat,
    /// Of sampling, from 0 to 1.
    pub temperature: f32,
}

/// Reads the fields of a form, by name; those that nobody knows are ignored.
///
/// # Errors
/// A field is missing or has a wrong value, which the error names.
pub fn read_transcription(fields: &[(String, String)]) -> Result<TranscriptionFields, ApiError> {
    let find = |name: &str| {
        let found = fields.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    };
    let model = find("model").ok_or_else(|| ApiError::invalid("model", "'model' is missing."))?;
    refuse_unsupported(fields)?;
    Ok(TranscriptionFields {
        model: model.to_owned(),
        language: find("language").map(str::to_owned),
        prompt: find("prompt").map(str::to_owned),
        format: read_format(find("response_format"))?,
        temperature: read_temperature(find("temperature"))?,
    })
}

fn read_format(value: Option<&str>) -> Result<TranscriptFormat, ApiError> {
    match value {
        None | Some("json") => Ok(TranscriptFormat::Json),
        Some("text") => Ok(TranscriptFormat::Text),
        Some("verbose_json") => Ok(TranscriptFormat::VerboseJson),
        Some("srt") => Ok(TranscriptFormat::Srt),
        Some("vtt") => Ok(TranscriptFormat::Vtt),
        Some(other) => {
            let other: String = other.chars().take(40).collect();
            let message = format!("'{other}' is none of json, text, verbose_json, srt and vtt.");
            Err(ApiError::invalid("response_format", message))
        }
    }
}

fn read_temperature(value: Option<&str>) -> Result<f32, ApiError> {
    let Some(value) = value else { return Ok(0.0) };
    let number = value.trim().parse().ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| {
        ApiError::invalid("temperature", "'temperature' must be a number from 0 to 1.")
    })
}

fn refuse_unsupported(fields: &[(String, String)]) -> Result<(), ApiError> {
    for (name, value) in fields {
        let is_refused = match name.as_str() {
            "stream" => !matches!(&*value.to_ascii_lowercase(), "" | "false" | "0"),
            "timestamp_granularities[]" | "timestamp_granularities" => value != "segment",
            "include[]" | "include" => true,
            _ => false,
        };
        if is_refused {
            let value: String = value.chars().take(40).collect();
            let message = format!("'{name}' can't be '{value}': that is not supported.");
            return Err(ApiError::invalid(name.as_str(), message));
        }
    }
    Ok(())
}
