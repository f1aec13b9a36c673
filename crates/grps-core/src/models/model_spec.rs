//! What is known of a model when it is registered.

use std::time::Duration;

use crate::models::language_spec::LanguageSpec;
use crate::models::text_spec::TextSpec;
use crate::models::transcriber_spec::TranscriberSpec;
use crate::request::content::InputForm;
use crate::scheduling::batching::BatchPolicy;
use crate::tensor::signature::Signature;

/// What a model takes as the whole body of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawBody {
    /// A file, such as an image.
    Bytes,
    /// Text in UTF-8.
    Text,
    /// JSON of the model's own form, as text.
    Json,
    /// The whole HTTP request, which user code reads and answers where the front end passes it on;
    /// elsewhere a file.
    Http,
}

/// What a model is registered with.
#[derive(Clone, Debug)]
pub struct ModelSpec {
    /// Name without the version.
    pub name: String,
    /// Version.
    pub version: String,
    /// The form its instances take their input in.
    pub form: InputForm,
    /// Inputs and outputs; `None` when user code decides.
    pub signature: Option<Signature>,
    /// YAML text that `metadata/model` returns.
    pub metadata: String,
    /// The same as JSON text; empty when there is none.
    pub description: String,
    /// What a body is whose content type is not set; `None` when the content type must be set.
    pub raw_body: Option<RawBody>,
    /// How its requests are gathered into batches.
    pub batching: BatchPolicy,
    /// Longest time a request waits for an instance; `None` for no limit.
    pub queue_timeout: Option<Duration>,
    /// Time without a heartbeat after which a working instance hangs; `None` for no limit.
    pub hang_timeout: Option<Duration>,
    /// What front ends for language models know of it; `None` for another model.
    pub language: Option<Box<LanguageSpec>>,
    /// What they know of a model that makes numbers of text; `None` for another model.
    pub text: Option<Box<TextSpec>>,
    /// What they know of a model that writes down what is said; `None` for another model.
    pub transcriber: Option<Box<TranscriberSpec>>,
}

impl ModelSpec {
    /// A model without a signature that runs one request at a time.
    pub fn new(name: impl Into<String>, version: impl Into<String>, form: InputForm) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            form,
            signature: None,
            metadata: String::new(),
            description: String::new(),
            raw_body: None,
            batching: BatchPolicy::default(),
            queue_timeout: None,
            hang_timeout: None,
            language: None,
            text: None,
            transcriber: None,
        }
    }

    /// `name-version`.
    pub fn key(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }
}
