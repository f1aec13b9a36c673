//! The fields of a form with a recording.

use grps_openai::{ApiError, TranscriptFormat, TranscriptionFields, read_transcription};

fn read(fields: &[(&str, &str)]) -> Result<TranscriptionFields, ApiError> {
    let owned = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    read_transcription(&owned.collect::<Vec<_>>())
}

#[test]
fn fields_have_defaults() {
    let found = read(&[("model", "m"), ("language", ""), ("user", "u")]).expect("accepted");
    let expected = TranscriptionFields {
        model: "m".to_owned(),
        language: None,
        prompt: None,
        format: TranscriptFormat::Json,
        temperature: 0.0,
    };
    assert_eq!(found, expected);
}

#[test]
fn fields_are_read() {
    let fields = [
        ("model", "m"),
        ("language", "de"),
        ("prompt", "Godot"),
        ("response_format", "vtt"),
        ("temperature", "1"),
        ("stream", "False"),
        ("timestamp_granularities[]", "segment"),
    ];
    let found = read(&fields).expect("accepted");
    assert_eq!((found.language.as_deref(), found.prompt.as_deref()), (Some("de"), Some("Godot")));
    assert_eq!((found.format, found.temperature), (TranscriptFormat::Vtt, 1.0));
}

#[test]
fn wrong_fields_are_named() {
    for (name, value) in [
        ("temperature", "1.01"),
        ("temperature", "-0.1"),
        ("temperature", "NaN"),
        ("temperature", "warm"),
        ("response_format", "diarized_json"),
        ("stream", "true"),
        ("timestamp_granularities[]", "word"),
        ("include[]", "logprobs"),
    ] {
        let error = read(&[("model", "m"), (name, value)]).expect_err("refused");
        assert_eq!((error.param(), error.status()), (Some(name), 400), "{value}");
    }
    assert_eq!(read(&[("prompt", "a")]).expect_err("refused").param(), Some("model"));
}
