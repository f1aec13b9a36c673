//! A caller that has been recognised.

use std::sync::Arc;

use grps_core::Error;

use crate::auth::limiter::{Limiter, Permit};
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
    /// A caller with its limits.
    pub(super) fn new(settings: &CallerSettings) -> Self {
        let limiter = Some(Limiter::new(settings));
        Self { name: settings.name.as_str().into(), scopes: settings.scopes, limiter }
    }

    /// A caller without limits.
    pub(super) fn unlimited(name: impl Into<Arc<str>>, scopes: Scopes) -> Self {
        Self { name: name.into(), scopes, limiter: None }
    }

    /// Counts a request of this caller.
    fn count(&self) -> Result<Option<Permit>, Error> {
        self.limiter.as_ref().map(|limiter| limiter.admit(&self.name)).transpose()
    }
}

/// A caller whose request is admitted; it counts until this is dropped.
#[derive(Debug)]
pub(crate) struct Admitted {
    /// Who calls.
    pub(crate) identity: Arc<Identity>,
    /// Counts the request.
    _permit: Option<Permit>,
}

impl Admitted {
    /// Admits a request of a caller; `is_counted` is false for one that only opens a stream of
    /// requests, each of which counts.
    ///
    /// # Errors
    /// `RateLimited` when the caller has reached one of its limits.
    pub(crate) fn new(identity: Arc<Identity>, is_counted: bool) -> Result<Self, Error> {
        let permit = if is_counted { identity.count()? } else { None };
        Ok(Self { identity, _permit: permit })
    }
}
