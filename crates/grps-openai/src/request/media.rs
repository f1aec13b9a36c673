//! Images and sounds of messages.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::ApiError;
use crate::reading::Fields;

/// What a part of a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaKind {
    /// An image.
    Image,
    /// A sound.
    Audio,
}

/// Where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaSource {
    /// In the request.
    Data {
        /// Its type, such as `image/png`, as the client says.
        mime: String,
        /// Its bytes, which nobody has looked at.
        bytes: Vec<u8>,
    },
    /// Behind a URL that begins with `https://`. Whoever opens it must know first that this host
    /// may be asked.
    Url(String),
}

/// An image or a sound of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// What it is.
    pub kind: MediaKind,
    /// Where it is.
    pub source: MediaSource,
}

impl Media {
    /// An image by its URL, which may contain it. Files of the server are never opened.
    pub(crate) fn image(url: &str, param: &str) -> Result<Self, ApiError> {
        let kind = MediaKind::Image;
        if let Some(rest) = url.strip_prefix("data:") {
            let Some((mime, data)) = rest.split_once(";base64,") else {
                let message = "A 'data:' URL must be 'data:TYPE;base64,DATA'.";
                return Err(ApiError::invalid(param, message));
            };
            return Self::data(kind, mime, data, param);
        }
        if url.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
            && url.len() > 8
            && !url.contains(|c: char| c.is_whitespace() || c.is_control())
        {
            return Ok(Self { kind, source: MediaSource::Url(url.to_owned()) });
        }
        Err(ApiError::invalid(param, "The URL must begin with 'https://' or 'data:'."))
    }

    /// Something in the request.
    pub(crate) fn data(
        kind: MediaKind,
        mime: &str,
        data: &str,
        param: &str,
    ) -> Result<Self, ApiError> {
        match STANDARD.decode(data) {
            Ok(bytes) if !bytes.is_empty() => {
                let mime = mime.to_owned();
                Ok(Self { kind, source: MediaSource::Data { mime, bytes } })
            }
            Ok(_) => Err(ApiError::invalid(param, "The data is empty.")),
            Err(error) => {
                Err(ApiError::invalid(param, format!("The data is not valid base64: {error}.")))
            }
        }
    }

    /// `{"type": "input_audio", "input_audio": {"data": …, "format": "wav"}}`.
    pub(crate) fn read_audio(part: &mut Fields) -> Result<Self, ApiError> {
        let audio = part.fields("input_audio")?;
        let mut audio = audio.ok_or_else(|| part.missing("input_audio"))?;
        let format = audio.required_string("format")?;
        let data = audio.required_string("data")?;
        if !format.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(audio.invalid("format", "The format must be a word, such as 'wav'."));
        }
        Self::data(MediaKind::Audio, &format!("audio/{format}"), &data, &audio.param("data"))
    }
}
