//! What a request or an answer carries through the engine.

use bytes::Bytes;

use crate::error::Error;
use crate::tensor::tensor::Tensor;
use crate::tensor::values::Elements;

/// The form in which a model takes its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputForm {
    /// Decoded tensors, checked against the model's signature.
    Tensors,
    /// A protobuf-encoded `GrpsMessage`, for user code that works on messages.
    Message,
}

/// The data of a request or a response; cloning it copies no elements and no bytes.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Decoded tensors.
    Tensors(Vec<Tensor>),
    /// A protobuf-encoded `GrpsMessage`.
    Message(Bytes),
    /// Bytes for the client as they are, from user code that writes the answer itself.
    Raw(Bytes),
}

impl Content {
    /// Bytes that the data takes, texts in tensors aside.
    pub fn byte_len(&self) -> usize {
        match self {
            Self::Tensors(tensors) => tensors.iter().map(|t| t.elements().byte_len()).sum(),
            Self::Message(bytes) | Self::Raw(bytes) => bytes.len(),
        }
    }

    /// Bytes that the data takes, texts in tensors included.
    pub fn held_bytes(&self) -> usize {
        let Self::Tensors(tensors) = self else { return self.byte_len() };
        let texts = tensors.iter().map(|tensor| match tensor.elements() {
            Elements::String(texts) => texts.iter().map(Bytes::len).sum(),
            _ => 0usize,
        });
        self.byte_len().saturating_add(texts.sum())
    }

    /// The elements of a tensor; 0 if there is none of this name.
    pub fn element_count(&self, name: &str) -> usize {
        let Self::Tensors(tensors) = self else { return 0 };
        let named = tensors.iter().find(|tensor| tensor.name() == name);
        named.map_or(0, |tensor| tensor.shape().iter().product())
    }
}

/// Translates content between its two forms; the codec implements it.
pub trait ContentAdapter: Send + Sync {
    /// Decodes the tensors of an encoded message.
    ///
    /// # Errors
    /// `InvalidArgument` when the message holds no tensors or malformed ones.
    fn to_tensors(&self, message: Bytes) -> Result<Vec<Tensor>, Error>;

    /// Encodes tensors as a message.
    ///
    /// # Errors
    /// `InvalidArgument` when a tensor has a type that messages lack.
    fn to_message(&self, tensors: &[Tensor]) -> Result<Bytes, Error>;

    /// Brings content into the form a model wants; free when it already has it.
    ///
    /// # Errors
    /// As [`ContentAdapter::to_tensors`] and [`ContentAdapter::to_message`].
    fn adapt(&self, content: Content, form: InputForm) -> Result<Content, Error> {
        match (content, form) {
            (Content::Message(message), InputForm::Tensors) => {
                self.to_tensors(message).map(Content::Tensors)
            }
            (Content::Tensors(tensors), InputForm::Message) => {
                self.to_message(&tensors).map(Content::Message)
            }
            (content, _) => Ok(content),
        }
    }
}
