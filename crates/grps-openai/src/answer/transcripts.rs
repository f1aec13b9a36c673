//! The bodies of transcripts.

use serde_json::{Value, json};

use crate::request::TranscriptFormat;

/// What is said in a part of a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct TranscriptPart {
    /// Seconds from the start of the recording.
    pub start: f64,
    /// The same for its end.
    pub end: f64,
    /// What is said.
    pub text: String,
}

/// What is said in a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Transcript {
    /// Its parts in their order.
    pub parts: Vec<TranscriptPart>,
    /// Seconds of the recording.
    pub seconds: f64,
    /// The language, if it is known.
    pub language: Option<String>,
    /// Of sampling.
    pub temperature: f32,
}

impl Transcript {
    /// The whole text.
    fn text(&self) -> String {
        let texts = self.parts.iter().map(|part| part.text.trim()).filter(|text| !text.is_empty());
        texts.collect::<Vec<_>>().join(" ")
    }

    /// The body in a format.
    #[must_use]
    pub fn body(&self, format: TranscriptFormat) -> Vec<u8> {
        match format {
            TranscriptFormat::Json => self.object().to_string(),
            TranscriptFormat::Text => self.text() + "\n",
            TranscriptFormat::VerboseJson => self.verbose().to_string(),
            TranscriptFormat::Srt => self.subtitles(format, ","),
            TranscriptFormat::Vtt => self.subtitles(format, "."),
        }
        .into_bytes()
    }

    fn object(&self) -> Value {
        let usage = json!({"type": "duration", "seconds": self.seconds.ceil() as u64});
        json!({"text": self.text(), "usage": usage})
    }

    fn verbose(&self) -> Value {
        let segments = self.parts.iter().enumerate().map(|(id, part)| {
            json!({
                "id": id,
                "seek": (part.start * 100.0).round() as u64,
                "start": round_ms(part.start),
                "end": round_ms(part.end),
                "text": part.text,
                "temperature": self.temperature,
            })
        });
        let mut object = self.object();
        object["task"] = "transcribe".into();
        object["duration"] = round_ms(self.seconds).into();
        object["segments"] = segments.collect();
        if let Some(language) = &self.language {
            object["language"] = language.as_str().into();
        }
        object
    }

    /// Subtitles. An empty line would end one, so there is none in its text.
    fn subtitles(&self, format: TranscriptFormat, point: &str) -> String {
        let is_vtt = format == TranscriptFormat::Vtt;
        let mut out = if is_vtt { "WEBVTT\n\n".to_owned() } else { String::new() };
        let spoken = self.parts.iter().filter(|part| !part.text.trim().is_empty());
        for (index, part) in spoken.enumerate() {
            if !is_vtt {
                out.push_str(&format!("{}\n", index + 1));
            }
            let (start, end) = (clock(part.start, point), clock(part.end, point));
            let text = part.text.split_whitespace().collect::<Vec<_>>().join(" ");
            // An arrow is what divides two times.
            let text = if is_vtt {
                text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
            } else {
                text.replace("-->", "-- >")
            };
            out.push_str(&format!("{start} --> {end}\n{text}\n\n"));
        }
        out
    }
}

fn round_ms(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

/// Hours, minutes, seconds and milliseconds.
fn clock(seconds: f64, point: &str) -> String {
    let ms = (seconds * 1000.0).round() as u64;
    let (s, m, h) = (ms / 1000 % 60, ms / 60_000 % 60, ms / 3_600_000);
    format!("{h:02}:{m:02}:{s:02}{point}{:03}", ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transcript() -> Transcript {
        let part = |start, end, text: &str| TranscriptPart { start, end, text: text.to_owned() };
        Transcript {
            parts: vec![
                part(0.0, 28.5, " Hello\n\n ---> there."),
                part(28.5, 30.0, " "),
                part(30.0, 3_661.001_4, " Bye & <go>."),
            ],
            seconds: 3_661.001_4,
            language: Some("en".to_owned()),
            temperature: 0.0,
        }
    }

    fn text(format: TranscriptFormat) -> String {
        String::from_utf8(transcript().body(format)).unwrap()
    }

    #[test]
    fn subtitles_have_times_and_no_empty_lines() {
        assert_eq!(
            text(TranscriptFormat::Srt),
            "1\n00:00:00,000 --> 00:00:28,500\nHello --- > there.\n\n\
             2\n00:00:30,000 --> 01:01:01,001\nBye & <go>.\n\n"
        );
        assert_eq!(
            text(TranscriptFormat::Vtt),
            "WEBVTT\n\n00:00:00.000 --> 00:00:28.500\nHello ---&gt; there.\n\n\
             00:00:30.000 --> 01:01:01.001\nBye &amp; &lt;go&gt;.\n\n"
        );
    }

    #[test]
    fn objects_have_the_text_and_its_parts() {
        let whole: Value = serde_json::from_str(&text(TranscriptFormat::VerboseJson)).unwrap();
        assert_eq!(whole["text"], "Hello\n\n ---> there. Bye & <go>.");
        assert_eq!(whole["segments"][2]["start"], 30.0);
        assert_eq!(whole["segments"][2]["id"], 2);
        assert_eq!((&whole["duration"], &whole["language"]), (&json!(3661.001), &json!("en")));
        assert_eq!(whole["usage"]["seconds"], 3662);
        let short: Value = serde_json::from_str(&text(TranscriptFormat::Json)).unwrap();
        assert!(short.get("segments").is_none() && short["text"] == whole["text"]);
        assert!(text(TranscriptFormat::Text).ends_with("<go>.\n"));
    }
}
