//! Chats with language models: prompts from messages, and parts of answers from generated text.

mod part;

pub use part::AnswerPart;
