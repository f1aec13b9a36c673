//! Answers: whole bodies and streams of events, in the shape of each API.

mod blocks;
mod chat_stream;
mod chunks;
mod completions_stream;
mod finish;
mod head;
mod ids;
mod json_text;
mod lists;
mod logprobs;
mod messages_stream;
mod response_events;
mod response_items;
mod responses_stream;
mod stream;
mod transcripts;
mod whole;
mod whole_bodies;

pub use chat_stream::ChatStream;
pub use completions_stream::CompletionStream;
pub use finish::{Finish, FinishReason};
pub use head::AnswerHead;
pub use lists::{
    ListedModel, Ranked, detokenize_body, embeddings_body, input_tokens_body, model_body,
    models_body, rerank_body, tokenize_body,
};
pub use logprobs::{TokenLogprob, TopLogprob};
pub use messages_stream::MessageStream;
pub use responses_stream::ResponseStream;
pub use stream::{AnswerStream, StreamOptions};
pub use transcripts::{Transcript, TranscriptPart};
pub use whole::WholeAnswer;
