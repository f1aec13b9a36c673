//! The route that writes down what is said.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use grps_core::metrics::RequestStage;
use grps_core::{
    Cause, Content, Elements, Error, Request, Route, SchedulingOptions, TEXT_OUTPUT, Tensor,
    TranscriberSpec, Values,
};
use grps_openai::{
    ApiError, Recording, RecordingPart, Transcript, TranscriptFormat, TranscriptPart,
    TranscriptionFields, read_transcription,
};
use http::{HeaderValue, Response};

use crate::call::call::Call;
use crate::frontends::openai::api::Api;
use crate::frontends::openai::errors::Fault;
use crate::frontends::openai::purpose::Purpose;
use crate::frontends::openai::received::{Received, receive, respond};
use crate::frontends::openai::upload;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::response::{JSON, with_content_type};
use crate::net::http::reply_body::ReplyBody;

const FILE: &str = "file";
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const VTT: HeaderValue = HeaderValue::from_static("text/vtt; charset=utf-8");

/// Most parts of a recording that run or wait at once.
const MAX_PARTS: usize = 4;

/// Converting a second of sound takes as long as decoding so many bytes of JSON.
const BYTES_PER_SECOND: f64 = 400_000.0;

/// What is said in a recording.
pub(super) async fn transcribe(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    respond(&call, Api::Chat, serve(&call, request).await)
}

/// A model, and how it is called.
struct Transcriber {
    route: Route,
    spec: TranscriberSpec,
    options: SchedulingOptions,
}

async fn serve(call: &Call, request: HttpRequest) -> Result<Response<ReplyBody>, Fault> {
    let Received { headers, body, options, .. } = receive(call, request).await?;
    let bytes = body.len();
    let upload = call.app.blocking.run(bytes, || upload::read(&headers, body, FILE)).await?;
    let fields = read_transcription(&upload.fields)?;
    let (route, model) = Purpose::Transcribe.find(call, &fields.model, &headers)?;
    let missing = || Error::new(Cause::Internal, "the model makes no transcripts");
    let spec = model.spec().transcriber.as_deref().cloned().ok_or_else(missing)?;
    check(&fields, &spec)?;
    let transcriber = Transcriber { route, spec, options };
    let recording = Recording::read(&upload.file, FILE)?;
    call.timeline.note_stage_end(RequestStage::Decode);
    let transcript = transcriber.run(call, &fields, &recording).await?;
    let write = || transcript.body(fields.format);
    let body = Bytes::from(call.timeline.measure(RequestStage::Encode, write));
    let content_type = match fields.format {
        TranscriptFormat::Json | TranscriptFormat::VerboseJson => JSON,
        TranscriptFormat::Text | TranscriptFormat::Srt => TEXT,
        TranscriptFormat::Vtt => VTT,
    };
    Ok(with_content_type(ReplyBody::from(body), content_type))
}

/// Refuses what the model does not take.
fn check(fields: &TranscriptionFields, spec: &TranscriberSpec) -> Result<(), ApiError> {
    if let Some(language) = &fields.language
        && !spec.languages.contains(language)
    {
        let known = spec.languages.join(", ");
        let message = format!("'language' must be one of the model's: {known}.");
        return Err(ApiError::invalid("language", message));
    }
    if fields.prompt.is_some() && !spec.takes_prompt {
        return Err(ApiError::invalid("prompt", "The model takes no 'prompt'."));
    }
    if fields.temperature > 0.0 && !spec.takes_temperature {
        return Err(ApiError::invalid("temperature", "The model takes no 'temperature' but 0."));
    }
    Ok(())
}

impl Transcriber {
    /// What is said in the parts of a recording.
    async fn run(
        &self,
        call: &Call,
        fields: &TranscriptionFields,
        recording: &Recording<'_>,
    ) -> Result<Transcript, Error> {
        let cost = (recording.seconds() * BYTES_PER_SECOND) as usize;
        let divide = || recording.parts(self.spec.max_seconds);
        let parts = call.app.blocking.run(cost, divide).await;
        let running = parts.into_iter().map(|part| async move {
            let cost = ((part.end - part.start) * BYTES_PER_SECOND) as usize;
            let samples = call.app.blocking.run(cost, || recording.samples(&part)).await;
            let text = self.run_part(call, fields, samples).await?;
            let RecordingPart { start, end, .. } = part;
            Ok::<_, Error>(TranscriptPart { start, end, text })
        });
        let parts = stream::iter(running).buffered(MAX_PARTS).try_collect().await?;
        let only = self.spec.languages.first().filter(|_| self.spec.languages.len() == 1);
        Ok(Transcript {
            parts,
            seconds: recording.seconds(),
            language: fields.language.as_ref().or(only).cloned(),
            temperature: fields.temperature,
        })
    }

    async fn run_part(
        &self,
        call: &Call,
        fields: &TranscriptionFields,
        samples: Vec<f32>,
    ) -> Result<String, Error> {
        let request = Request {
            timeline: Arc::clone(&call.timeline),
            content: Content::Tensors(self.inputs(fields, samples)?),
            options: self.options.clone(),
            attachment: None,
        };
        match call.app.engine.infer(&self.route, request).await? {
            Content::Tensors(tensors) => text_of(&tensors),
            Content::Message(_) | Content::Raw(_) => Err(no_text()),
        }
    }

    fn inputs(
        &self,
        fields: &TranscriptionFields,
        samples: Vec<f32>,
    ) -> Result<Vec<Tensor>, Error> {
        let count = samples.len();
        let mut inputs =
            vec![Tensor::new("audio".into(), [count].as_slice(), Values::Float32(samples))?];
        let language = fields.language.as_ref().filter(|_| self.spec.languages.len() > 1);
        for (name, text) in [("language", language), ("prompt", fields.prompt.as_ref())] {
            if let Some(text) = text {
                let values = Values::String(vec![Bytes::from(text.clone())]);
                inputs.push(Tensor::new(name.into(), [1].as_slice(), values)?);
            }
        }
        if self.spec.takes_temperature {
            let values = Values::Float32(vec![fields.temperature]);
            inputs.push(Tensor::new("temperature".into(), [1].as_slice(), values)?);
        }
        Ok(inputs)
    }
}

fn text_of(tensors: &[Tensor]) -> Result<String, Error> {
    let output = tensors.iter().find(|tensor| tensor.name() == TEXT_OUTPUT).ok_or_else(no_text)?;
    let Elements::String(texts) = output.elements() else { return Err(no_text()) };
    let texts: Option<Vec<&str>> =
        texts.iter().map(|text| std::str::from_utf8(text).ok()).collect();
    texts.map(|texts| texts.concat()).ok_or_else(no_text)
}

fn no_text() -> Error {
    Error::new(Cause::ModelFailed, "the model returned no text")
}
