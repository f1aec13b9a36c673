//! Answers on their way to the client.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use grps_core::Error;
use grps_openai::{AnswerHead, AnswerStream, WholeAnswer};

use crate::call::call::Call;
use crate::frontends::openai::errors;
use crate::frontends::openai::generating::{Event, Generating};
use crate::net::http::reply_body::ChunkSource;

/// Most bytes that are gathered for one write.
const MAX_BYTES: usize = 16 * 1024;

/// Waits for the whole of an answer, which begins with these events.
///
/// # Errors
/// The first failure of a choice.
pub(super) async fn collect(
    mut generating: Generating,
    first: Vec<Event>,
    head: AnswerHead,
    choices: usize,
) -> Result<WholeAnswer, Error> {
    let mut answer = WholeAnswer::new(head, choices);
    let mut first = first.into_iter();
    loop {
        let event = match first.next() {
            Some(event) => event,
            None => match poll_fn(|context| generating.poll_next(context)).await {
                Some(event) => event?,
                None => return Ok(answer),
            },
        };
        let Event { choice, parts, logprobs, finish } = event;
        answer.logprobs(choice, logprobs);
        parts.iter().for_each(|part| answer.part(choice, part));
        if let Some(finish) = finish {
            answer.finish(choice, finish);
        }
    }
}

/// The events of an answer that is streamed.
pub(super) struct EventStream {
    generating: Generating,
    stream: Box<dyn AnswerStream>,
    /// Written, not sent.
    written: Vec<u8>,
    has_ended: bool,
    /// Shutdown waits until it is dropped.
    call: Call,
}

impl EventStream {
    /// A stream that begins with what is written and with these events.
    pub(super) fn new(
        generating: Generating,
        stream: Box<dyn AnswerStream>,
        written: Vec<u8>,
        first: &[Event],
        call: Call,
    ) -> Self {
        let mut made = Self { generating, stream, written, has_ended: false, call };
        first.iter().for_each(|event| made.write(event));
        made
    }

    fn write(&mut self, event: &Event) {
        let Self { stream, written, .. } = self;
        if !event.logprobs.is_empty() {
            stream.logprobs(event.choice, event.logprobs.clone());
        }
        event.parts.iter().for_each(|part| stream.part(event.choice, part, written));
        if let Some(finish) = &event.finish {
            stream.finish(event.choice, finish, written);
        }
    }

    fn take(&mut self) -> Poll<Option<Bytes>> {
        let written = Bytes::from(std::mem::take(&mut self.written));
        self.call.scope.count_sent_chunk(written.len());
        Poll::Ready(Some(written))
    }
}

impl ChunkSource for EventStream {
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        while !self.has_ended && self.written.len() < MAX_BYTES {
            let next = match self.generating.poll_next(context) {
                Poll::Pending if self.written.is_empty() => return Poll::Pending,
                Poll::Pending => return self.take(),
                ready => ready!(ready),
            };
            match next {
                Some(Ok(event)) => self.write(&event),
                Some(Err(error)) => {
                    self.has_ended = true;
                    self.call.report_failure(&error);
                    self.stream.fail(&errors::of_engine(&error), &mut self.written);
                }
                None => {
                    self.has_ended = true;
                    self.call.scope.record_outcome(None);
                    self.stream.end(&mut self.written);
                }
            }
        }
        if self.written.is_empty() { Poll::Ready(None) } else { self.take() }
    }
}
