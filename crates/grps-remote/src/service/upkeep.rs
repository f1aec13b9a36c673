//! Keeps an endpoint up: connects, asks, ejects, and tries again after a pause that grows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::service::contact::{check_models, check_ready};
use crate::service::counters::Reason;
use crate::service::endpoint::{Ejection, Endpoint};
use crate::service::service::Service;
use crate::transport::connection::{Connection, Ended, HasOther};
use crate::transport::headers::EndpointHead;

/// The first pause after an ejection; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// An endpoint that was up for so long is tried again at once.
const STABLE: Duration = Duration::from_secs(10);
/// Longest time for the calls of an endpoint that is in no table any more.
const LEAVING_LIMIT: Duration = Duration::from_secs(3600);

/// Keeps an endpoint up until it is in no table any more.
pub(crate) async fn keep_up(service: Arc<Service>, endpoint: Arc<Endpoint>) {
    let mut pause = FIRST_PAUSE;
    // Whether the endpoint has to say that it is ready, as it has refused calls.
    let mut needs_ready = false;
    let known = (Arc::downgrade(&service), Arc::downgrade(&endpoint));
    let has_other: HasOther = Arc::new(move || {
        let (service, endpoint) = (known.0.upgrade(), known.1.upgrade());
        service.zip(endpoint).is_some_and(|(service, endpoint)| service.has_other(&endpoint))
    });
    let mut models_changed = service.models_changed();
    while !endpoint.is_leaving() {
        let began = Instant::now();
        // A model that is added while the endpoint is asked for the others is not missed.
        models_changed.mark_unchanged();
        let ejection = match connect(&service, &endpoint, needs_ready, &has_other).await {
            Err(ejection) => ejection,
            Ok(()) => match watch(&service, &endpoint, &has_other, &mut models_changed).await {
                None => break,
                Some(ejection) => ejection,
            },
        };
        if began.elapsed() >= STABLE {
            pause = FIRST_PAUSE;
        }
        needs_ready = ejection.reason == Reason::Unavailable;
        eject(&service, &endpoint, ejection);
        let waited = service.jittered(pause);
        let _ = timeout(waited, until_leaving(&endpoint)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    leave(&endpoint).await;
}

fn eject(service: &Service, endpoint: &Endpoint, ejection: Ejection) {
    let is_news = endpoint.ejection().is_none_or(|before| before != ejection);
    if is_news {
        service.counters.count_ejection(ejection.reason);
        tracing::warn!(
            service = service.settings.name,
            endpoint = endpoint.address,
            reason = ejection.reason.name(),
            "endpoint ejected: {}",
            ejection.text
        );
    }
    endpoint.set_ejected(ejection);
    // Exchanges in progress keep their connections.
    endpoint.set_connections(Vec::new());
}

async fn until_leaving(endpoint: &Endpoint) {
    while !endpoint.is_leaving() {
        endpoint.changed.notified().await;
    }
}

/// Connects to an endpoint and checks what it has.
async fn connect(
    service: &Service,
    endpoint: &Endpoint,
    needs_ready: bool,
    has_other: &HasOther,
) -> Result<(), Ejection> {
    let failed = |text: String| Ejection::new(Reason::Connect, text);
    let settings = &service.settings;
    let key = service.read_key().map_err(failed)?;
    let is_encrypted = settings.tls.is_some();
    endpoint.set_head(EndpointHead::new(&endpoint.address, is_encrypted, key.as_deref()));
    let open = || {
        let changed = Arc::clone(&endpoint.changed);
        Connection::open(&endpoint.address, settings, changed, Arc::clone(has_other))
    };
    let first = Arc::new(open().await.map_err(failed)?);
    if needs_ready {
        check_ready(endpoint, &first).await?;
    }
    check_models(endpoint, &first, &service.models()).await?;
    let mut connections = vec![first];
    // It takes calls while the others are opened.
    endpoint.set_connections(connections.clone());
    endpoint.set_up(Instant::now());
    tracing::info!(service = settings.name, endpoint = endpoint.address, "endpoint is up");
    for _ in 1..settings.connections {
        connections.push(Arc::new(open().await.map_err(failed)?));
        endpoint.set_connections(connections.clone());
    }
    Ok(())
}

/// Watches an endpoint that is up. Returns why it is ejected; `None` when it is in no table any more.
async fn watch(
    service: &Service,
    endpoint: &Endpoint,
    has_other: &HasOther,
    models_changed: &mut watch::Receiver<()>,
) -> Option<Ejection> {
    loop {
        tokio::select! {
            () = endpoint.changed.notified() => {}
            _ = models_changed.changed() => {}
        }
        if endpoint.is_leaving() {
            return None;
        }
        if let Some(ejection) = endpoint.take_wanted() {
            return Some(ejection);
        }
        if let Err(ejection) = renew(service, endpoint, has_other).await {
            return Some(ejection);
        }
        let models = service.models();
        if let Some(connection) = endpoint.connection(false)
            && !models.iter().all(|model| endpoint.takes(model.bit))
            && let Err(ejection) = check_models(endpoint, &connection, &models).await
        {
            return Some(ejection);
        }
    }
}

/// Replaces connections that take no more requests.
async fn renew(
    service: &Service,
    endpoint: &Endpoint,
    has_other: &HasOther,
) -> Result<(), Ejection> {
    let mut connections = endpoint.connections();
    let is_silent = |one: &Arc<Connection>| one.ended() == Some(Ended::Silent);
    if connections.iter().any(is_silent) {
        return Err(Ejection::new(Reason::Keepalive, "it answers no ping"));
    }
    for slot in &mut connections {
        if slot.is_open() {
            continue;
        }
        let why = match slot.ended() {
            Some(Ended::Broken(error)) => error,
            _ => "the connection was closed".to_owned(),
        };
        let changed = Arc::clone(&endpoint.changed);
        let (address, settings) = (&endpoint.address, &service.settings);
        let opened = Connection::open(address, settings, changed, Arc::clone(has_other)).await;
        let opened = opened
            .map_err(|error| Ejection::new(Reason::Connection, format!("{why}; then: {error}")))?;
        *slot = Arc::new(opened);
    }
    endpoint.set_connections(connections);
    Ok(())
}

/// Lets an endpoint finish its calls.
async fn leave(endpoint: &Endpoint) {
    let finished = async {
        while endpoint.in_flight() > 0 {
            // An end of a call between the check and the wait is not missed for long.
            let _ = timeout(Duration::from_secs(1), endpoint.changed.notified()).await;
        }
    };
    let _ = timeout(LEAVING_LIMIT, finished).await;
    endpoint.set_connections(Vec::new());
    sleep(Duration::ZERO).await;
}
