//! A caller that has been recognised.

use std::sync::Arc;

use grps_core::Error;

use crate::auth::caller_stats::CallerStats;
use crate::auth::limiter::{Limiter, MinuteState, Permit};
use crate::auth::scopes::Scopes;
use crate::auth::settings::CallerSettings;

/// A caller: its name, its scopes and its limits.
#[derive(Debug)]
pub(crate) struct Identity {
    /// The name in logs and errors.
    pub(crate) name: Arc<str>,
    /// What it may do.
    pub(crate) scopes: Scopes,
    /// `None` for callers without limits.
    limiter: Option<Limiter>,
}

impl Identity {
    /// A caller with its limits, counted here.
    pub(super) fn new(settings: &CallerSettings, stats: Arc<CallerStats>) -> Self {
        let name: Arc<str> = settings.name.as_str().into();
        let limiter = Some(Limiter::new(Arc::clone(&name), &settings.limits, stats));
        Self { name, scopes: settings.scopes, limiter }
    }

    /// A caller without limits.
    pub(super) fn unlimited(name: impl Into<Arc<str>>, scopes: Scopes) -> Self {
        Self { name: name.into(), scopes, limiter: None }
    }

    /// Counts a request of this caller until the permit is dropped; `None` for one without limits.
    ///
    /// # Errors
    /// `RateLimited` when the caller has reached one of its limits.
    pub(crate) fn count(&self) -> Result<Option<Permit>, Error> {
        self.limiter.as_ref().map(Limiter::admit).transpose()
    }

    /// Uses the tokens of a prompt.
    ///
    /// # Errors
    /// `RateLimited` if so many are not left, `InvalidArgument` if they never are.
    pub(crate) fn take_prompt(&self, tokens: u64) -> Result<(), Error> {
        self.limiter.as_ref().map_or(Ok(()), |limiter| limiter.take_prompt(tokens))
    }

    /// Uses tokens that were generated.
    pub(crate) fn charge_generated(&self, tokens: u64) {
        if let Some(limiter) = &self.limiter {
            limiter.charge_generated(tokens);
        }
    }

    /// How its limits in a minute stand.
    pub(crate) fn minute(&self) -> MinuteState {
        self.limiter.as_ref().map(Limiter::minute).unwrap_or_default()
    }
}
