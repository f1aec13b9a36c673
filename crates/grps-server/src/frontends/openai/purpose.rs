//! What models are for, and the model that a request names.

use std::sync::Arc;

use grps_core::{Cause, Model, ModelSpec, Route, RouteQuery, TextNumbers};
use grps_openai::ApiError;
use http::HeaderMap;

use crate::call::call::Call;
use crate::frontends::openai::errors::Fault;
use crate::frontends::openai::language::adapters;

/// What a route needs a model for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Generated text.
    Generate,
    /// Embeddings of texts.
    Embed,
    /// Scores of documents; a model that makes embeddings can do that too.
    Rank,
    /// Transcripts of recordings.
    Transcribe,
}

impl Purpose {
    fn is_of(self, spec: &ModelSpec) -> bool {
        let numbers = spec.text.as_ref().map(|text| text.numbers);
        match self {
            Self::Generate => spec.language.is_some(),
            Self::Embed => matches!(numbers, Some(TextNumbers::Embedding { .. })),
            Self::Rank => numbers.is_some(),
            Self::Transcribe => spec.transcriber.is_some(),
        }
    }

    /// Finds the model that a request names, which is counted for it.
    ///
    /// # Errors
    /// There is none, or it is not for this.
    pub(super) fn find(
        self,
        call: &Call,
        name: &str,
        headers: &HeaderMap,
    ) -> Result<(Route, Arc<Model>), Fault> {
        let attributes = &|name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let query = RouteQuery { attributes, ..RouteQuery::named(name) };
        let route = match call.resolve(&query) {
            Ok(route) => route,
            Err(error) if error.cause() == Cause::NotFound => {
                return Err(ApiError::model_not_found(name, &self.names(call)).into());
            }
            Err(error) => return Err(error.into()),
        };
        let alone = route.models().first().filter(|_| route.models().len() == 1);
        match alone.filter(|model| self.is_of(model.spec())).map(Arc::clone) {
            Some(model) => Ok((route, model)),
            None => Err(self.wrong_model(call, name).into()),
        }
    }

    /// The refusal of a model that is not for this.
    fn wrong_model(self, call: &Call, name: &str) -> ApiError {
        let names = self.names(call);
        let cannot = match self {
            Self::Generate => return ApiError::no_language_model(name, &names),
            Self::Embed => "makes no embeddings",
            Self::Rank => "can't rank documents",
            Self::Transcribe => "makes no transcripts",
        };
        let able = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        ApiError::invalid("model", format!("The model '{name}' {cannot}. Models that can: {able}."))
    }

    /// The names by which requests find the models that are for this.
    pub(super) fn names(self, call: &Call) -> Vec<String> {
        let mut names = self.model_names(call);
        if self == Self::Generate {
            let models = call.app.engine.registry().models();
            names.extend(models.iter().flat_map(|model| adapters(model).to_vec()));
            names.sort_unstable();
            names.dedup();
        }
        names
    }

    /// The names of the models that are for this.
    pub(super) fn model_names(self, call: &Call) -> Vec<String> {
        let models = call.app.engine.registry().models();
        let able = models.iter().filter(|model| self.is_of(model.spec()));
        let mut names: Vec<String> = able.map(|model| model.spec().name.clone()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}
