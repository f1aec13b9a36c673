//! The language model of a request.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use grps_chat::{AnswerFormat, SpecialTokens, TemplateThread};
use grps_core::{Cause, Error, LanguageSpec, Model, Route, RouteQuery, StepText};
use grps_openai::ApiError;
use http::HeaderMap;
use parking_lot::Mutex;

use crate::call::call::Call;
use crate::frontends::openai::errors::Fault;
use crate::frontends::openai::purpose::Purpose;

/// Longest time that a template takes for one prompt. Those of models take less than a millisecond
/// for most, and tens of them for the longest.
const TEMPLATE_LIMIT: Duration = Duration::from_secs(5);

/// A language model.
pub(super) struct Language {
    /// The route with the model alone.
    pub(super) route: Route,
    /// The change of its weights that the request asks for.
    pub(super) adapter: Option<String>,
    model: Arc<Model>,
    text: Arc<dyn StepText>,
}

/// A template, and the form in which the model answers.
#[derive(Debug)]
pub(super) struct Chat {
    pub(super) template: TemplateThread,
    pub(super) format: AnswerFormat,
}

/// Templates that were parsed, by the keys of their models.
#[derive(Debug, Default)]
struct Chats(Mutex<HashMap<String, Known>>);

/// The template of a model that may have been replaced since.
#[derive(Debug)]
struct Known {
    model: Weak<Model>,
    chat: Arc<Chat>,
}

/// The model that has an adapter with a name which is no model's.
fn base_of(call: &Call, name: &str) -> Option<String> {
    let models = call.app.engine.registry().models();
    let bases = models.iter().filter(|model| has_adapter(model, name));
    let base = bases.map(|model| model.spec().name.clone()).min()?;
    call.find_route(&RouteQuery::named(name)).is_err().then_some(base)
}

fn has_adapter(model: &Model, name: &str) -> bool {
    adapters(model).iter().any(|adapter| adapter == name)
}

/// The names of the adapters of a model, under which it is served as well.
pub(super) fn adapters(model: &Model) -> &[String] {
    model.spec().language.as_ref().map_or(&[], |language| &language.adapters)
}

impl Language {
    /// Finds the model that a request names, itself or by one of its adapters. It is counted for
    /// the request.
    ///
    /// # Errors
    /// There is none, or it is no language model.
    pub(super) fn find(call: &Call, name: &str, headers: &HeaderMap) -> Result<Self, Fault> {
        let base = base_of(call, name);
        let (route, model) =
            Purpose::Generate.find(call, base.as_deref().unwrap_or(name), headers)?;
        let adapter = base.map(|_| name.to_owned());
        if adapter.is_some() && !has_adapter(&model, name) {
            // Another version of the model has it.
            return Err(ApiError::model_not_found(name, &Purpose::Generate.names(call)).into());
        }
        let missing = || Error::new(Cause::Internal, "the language model has no tokenizer");
        let text = Arc::clone(model.executor().text().ok_or_else(missing)?);
        Ok(Self { route, adapter, model, text })
    }

    /// The only language model, for a request that names none.
    pub(super) fn find_only(
        call: &Call,
        name: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<Self, Fault> {
        let names = Purpose::Generate.model_names(call);
        let name = name.or_else(|| names.first().map(String::as_str).filter(|_| names.len() == 1));
        match name {
            Some(name) => Self::find(call, name, headers),
            None => Err(ApiError::model_not_found("", &Purpose::Generate.names(call)).into()),
        }
    }

    /// Makes tokens of text, and text of tokens.
    pub(super) fn text(&self) -> &Arc<dyn StepText> {
        &self.text
    }

    /// Most tokens of a prompt and its answer.
    pub(super) fn context_length(&self) -> usize {
        self.spec().map_or(0, |spec| spec.context_length)
    }

    /// Whether its engine takes an input that not every engine takes.
    pub(super) fn takes(&self, input: &str) -> bool {
        self.spec().is_some_and(|spec| spec.optional_inputs.iter().any(|name| name == input))
    }

    /// How it chats.
    ///
    /// # Errors
    /// It is not made for chats, or there is no thread for its template.
    pub(super) fn chat(&self, call: &Call) -> Result<Arc<Chat>, Fault> {
        let chats = call.app.front_end_states.get::<Chats>();
        let mut chats = chats.0.lock();
        let known = chats.get(self.model.key());
        if let Some(known) = known.filter(|known| known.model.as_ptr() == Arc::as_ptr(&self.model))
        {
            return Ok(Arc::clone(&known.chat));
        }
        let spec = self.spec();
        let Some(source) = spec.and_then(|spec| spec.chat_template.as_ref()) else {
            let name = &self.model.spec().name;
            let text =
                format!("model {name} has no chat template; use /v1/completions, or give it one");
            return Err(Error::new(Cause::Unsupported, text).into());
        };
        let tokens = spec.map_or(&[][..], |spec| &spec.special_tokens);
        let tokens = SpecialTokens::new(tokens.iter().map(|(name, text)| (&**name, &**text)));
        let template = TemplateThread::start(source.to_string(), tokens, TEMPLATE_LIMIT)
            .map_err(|error| Error::new(Cause::ModelFailed, error.to_string()))?;
        let chat = Arc::new(Chat { template, format: AnswerFormat::of_template(source) });
        chats.retain(|_, known| known.model.strong_count() > 0);
        let known = Known { model: Arc::downgrade(&self.model), chat: Arc::clone(&chat) };
        chats.insert(self.model.key().to_owned(), known);
        Ok(chat)
    }

    fn spec(&self) -> Option<&LanguageSpec> {
        self.model.spec().language.as_deref()
    }
}
