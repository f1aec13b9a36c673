//! A service: its table of endpoints, its models, and what is counted of it.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use grps_core::{Cause, Error};
use grps_server::{EndpointTable, ServiceState};
use parking_lot::{Mutex, RwLock};
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::service::address;
use crate::service::budget::Budget;
use crate::service::choice::{Kind, Tried, choose};
use crate::service::counters::Counters;
use crate::service::endpoint::Endpoint;
use crate::service::remote_model::RemoteModel;
use crate::service::upkeep::keep_up;
use crate::settings::{ServiceSettings, SourceKind};

/// Most models of one service: each is a bit of its endpoints.
const MAX_MODELS: usize = 64;
/// Most bytes of a file with a key.
const MAX_KEY_BYTES: u64 = 4096;
/// Endpoints that an error names.
const NAMED_ENDPOINTS: usize = 3;

/// The endpoints of a service.
type Table = Arc<[Arc<Endpoint>]>;

/// A service on other machines.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) settings: ServiceSettings,
    table: RwLock<Table>,
    /// The number of the latest table.
    generation: Mutex<u64>,
    /// What is wrong with the source of the endpoints.
    source_error: Mutex<Option<String>>,
    /// The models by their bits.
    models: Mutex<Vec<Option<Arc<RemoteModel>>>>,
    /// Changes with the models.
    models_changed: watch::Sender<()>,
    pub(crate) counters: Counters,
    pub(crate) budget: Budget,
    random: AtomicU64,
    /// Where the endpoints are kept up; not set before the service is started.
    runtime: OnceLock<Handle>,
}

impl Service {
    /// A service without endpoints.
    pub(crate) fn new(settings: ServiceSettings) -> Self {
        let (generation, source_error) = Default::default();
        let (counters, budget) = Default::default();
        Self {
            settings,
            table: RwLock::new(Arc::new([])),
            generation,
            source_error,
            models: Mutex::default(),
            models_changed: watch::Sender::default(),
            counters,
            budget,
            random: AtomicU64::new(u64::from(std::process::id())),
            runtime: OnceLock::new(),
        }
    }

    /// Keeps endpoints up from here on; false if it does already.
    pub(crate) fn start(&self, runtime: &Handle) -> bool {
        self.runtime.set(runtime.clone()).is_ok()
    }

    /// Replaces the endpoints. Those that stay keep their connections, those that leave finish their
    /// calls.
    pub(crate) fn set_addresses(self: &Arc<Self>, addresses: Vec<String>) {
        let Some(runtime) = self.runtime.get() else { return };
        let mut table = self.table.write();
        let mut endpoints: Vec<Arc<Endpoint>> = Vec::with_capacity(addresses.len());
        for address in addresses {
            if endpoints.iter().any(|one| one.address == address) {
                continue;
            }
            let before = table.iter().find(|one| one.address == address);
            endpoints.push(before.cloned().unwrap_or_else(|| {
                let endpoint = Arc::new(Endpoint::new(address));
                runtime.spawn(keep_up(Arc::clone(self), Arc::clone(&endpoint)));
                endpoint
            }));
        }
        for left in table.iter().filter(|old| !endpoints.iter().any(|one| Arc::ptr_eq(one, old))) {
            left.leave();
        }
        *table = endpoints.into();
    }

    /// Replaces the endpoints by a later table.
    ///
    /// # Errors
    /// See [`grps_server::OtherServices::replace_endpoints`].
    pub(crate) fn replace(self: &Arc<Self>, table: EndpointTable) -> Result<(), Error> {
        let name = &self.settings.name;
        let source = self.settings.endpoints.source;
        if source != SourceKind::Ray {
            let source = source.name();
            return Err(Error::invalid(format!(
                "the endpoints of service '{name}' come from its source '{source}'; only a service \
                 with source 'ray' takes a table"
            )));
        }
        for (index, endpoint) in table.endpoints.iter().enumerate() {
            let checked = address::check(&endpoint.address);
            checked.map_err(|error| Error::invalid(format!("endpoints[{index}]: {error}")))?;
        }
        let mut generation = self.generation.lock();
        if table.generation <= *generation {
            let (sent, known) = (table.generation, *generation);
            let text = format!(
                "generation {sent} is not later than {known}, which service '{name}' has already"
            );
            return Err(Error::refused(text, 409));
        }
        *generation = table.generation;
        self.set_addresses(table.endpoints.into_iter().map(|one| one.address).collect());
        Ok(())
    }

    /// Replaces the endpoints by what a source has found.
    pub(crate) fn set_found(self: &Arc<Self>, addresses: Vec<String>) {
        *self.source_error.lock() = None;
        let before = self.endpoints();
        let is_same = before.len() == addresses.len()
            && before.iter().all(|one| addresses.contains(&one.address));
        if !is_same {
            *self.generation.lock() += 1;
            self.set_addresses(addresses);
        }
    }

    /// Notes why the source has found nothing; the endpoints stay.
    pub(crate) fn set_source_error(&self, error: String) {
        let mut before = self.source_error.lock();
        if before.as_ref() != Some(&error) {
            let service = &self.settings.name;
            tracing::warn!(service, "the endpoints can't be found: {error}");
        }
        *before = Some(error);
    }

    /// Adds a model of this service.
    ///
    /// # Errors
    /// There are too many.
    pub(crate) fn add_model(&self, own_key: &str, key: &str) -> Result<Arc<RemoteModel>, String> {
        let mut models = self.models.lock();
        let free = models.iter().position(Option::is_none);
        let place = free.unwrap_or(models.len());
        if place >= MAX_MODELS {
            let name = &self.settings.name;
            return Err(format!("service '{name}' has {MAX_MODELS} models already"));
        }
        if free.is_none() {
            models.push(None);
        }
        let model = Arc::new(RemoteModel::new(own_key.to_owned(), key.to_owned(), 1 << place));
        if let Some(slot) = models.get_mut(place) {
            *slot = Some(Arc::clone(&model));
        }
        drop(models);
        // An earlier model may have had its place.
        for endpoint in self.endpoints().iter() {
            endpoint.forget_model(model.bit);
        }
        // Fails only while there are no endpoints, which ask by themselves.
        let _ = self.models_changed.send(());
        Ok(model)
    }

    /// Removes a model.
    pub(crate) fn remove_model(&self, model: &Arc<RemoteModel>) {
        for slot in self.models.lock().iter_mut() {
            if slot.as_ref().is_some_and(|one| Arc::ptr_eq(one, model)) {
                *slot = None;
            }
        }
    }

    /// The models.
    pub(crate) fn models(&self) -> Vec<Arc<RemoteModel>> {
        self.models.lock().iter().flatten().cloned().collect()
    }

    /// Tells when the models change.
    pub(crate) fn models_changed(&self) -> watch::Receiver<()> {
        self.models_changed.subscribe()
    }

    /// The endpoints.
    pub(crate) fn endpoints(&self) -> Table {
        Arc::clone(&self.table.read())
    }

    /// An endpoint for a model; `None` when no other one takes calls.
    pub(crate) fn choose(&self, kind: Kind, tried: &Tried) -> Option<Arc<Endpoint>> {
        choose(&self.endpoints(), kind, tried, self.random())
    }

    /// Whether another endpoint takes calls.
    pub(crate) fn has_other(&self, endpoint: &Arc<Endpoint>) -> bool {
        self.endpoints().iter().any(|one| !Arc::ptr_eq(one, endpoint) && one.is_up())
    }

    /// Why no endpoint takes calls of a model; `None` when one does.
    pub(crate) fn trouble(&self, model: &RemoteModel) -> Option<String> {
        let endpoints = self.endpoints();
        if endpoints.iter().any(|one| one.takes(model.bit)) {
            return None;
        }
        let name = &self.settings.name;
        if endpoints.is_empty() {
            let source = self.settings.endpoints.source.name();
            let why =
                self.source_error.lock().clone().map_or(String::new(), |why| format!(": {why}"));
            return Some(format!("service '{name}' has no endpoints (source {source}){why}"));
        }
        let mut described: Vec<String> = endpoints
            .iter()
            .take(NAMED_ENDPOINTS)
            .map(|one| {
                let state = one.state();
                let reason = state.reason.map_or(String::new(), |reason| format!(", {reason}"));
                format!("{} is {}{reason}", state.address, state.state)
            })
            .collect();
        if endpoints.len() > NAMED_ENDPOINTS {
            described.push(format!("and {} more", endpoints.len() - NAMED_ENDPOINTS));
        }
        Some(format!("no endpoint of service '{name}' takes calls: {}", described.join("; ")))
    }

    /// The error for a call that no endpoint takes.
    pub(crate) fn unavailable(&self, model: &RemoteModel) -> Error {
        let trouble = self.trouble(model);
        let text = trouble.unwrap_or_else(|| {
            format!("no endpoint of service '{}' took the call", self.settings.name)
        });
        Error::new(Cause::Unavailable, text)
    }

    /// The key that the endpoints ask for.
    ///
    /// # Errors
    /// The file can't be read.
    pub(crate) fn read_key(&self) -> Result<Option<String>, String> {
        let Some(path) = &self.settings.api_key_file else { return Ok(None) };
        let fault = |what: String| format!("api_key_file: {}: {what}", path.display());
        let length = fs::metadata(path).map_err(|error| fault(error.to_string()))?.len();
        if length > MAX_KEY_BYTES {
            return Err(fault(format!("larger than {MAX_KEY_BYTES} bytes")));
        }
        let text = fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
        Ok(Some(text.trim().to_owned()))
    }

    /// A pause, or up to a fifth less: endpoints are not tried all at once.
    pub(crate) fn jittered(&self, pause: Duration) -> Duration {
        pause.mul_f64(1.0 - 0.2 * (self.random() >> 11) as f64 / (1u64 << 53) as f64)
    }

    /// Any number.
    fn random(&self) -> u64 {
        // splitmix64.
        let mut mixed = self.random.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Its state, as operators see it.
    pub(crate) fn state(&self) -> ServiceState {
        let count = |number: &AtomicU64| number.load(Ordering::Relaxed);
        ServiceState {
            name: self.settings.name.clone(),
            source: self.settings.endpoints.source.name(),
            source_error: self.source_error.lock().clone(),
            generation: *self.generation.lock(),
            requests: count(&self.counters.requests),
            retries: count(&self.counters.retries),
            retries_refused: count(&self.counters.refused_retries),
            endpoints: self.endpoints().iter().map(|one| one.state()).collect(),
            ejections: self.counters.ejections(),
        }
    }
}
