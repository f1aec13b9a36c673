//! Endpoints from the EndpointSlices of a service in Kubernetes: listed, then followed by a watch.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use crate::service::service::Service;
use crate::settings::TlsSettings;
use crate::sources::http::{Origin, Responding};
use crate::sources::slices::{Slice, addresses, read_event, read_list};

/// What Kubernetes puts into each pod.
const CREDENTIALS: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// Pause after a failure, and between two lists at least.
const PAUSE: Duration = Duration::from_secs(1);
/// How long one watch is asked for.
const WATCH_S: u32 = 300;
/// Most bytes of a list and of an event.
const MAX_LIST_BYTES: usize = 16 << 20;
const MAX_EVENT_BYTES: usize = 1 << 20;

/// Follows a service as long as this one runs. When that fails, the endpoints stay as they are.
pub(super) async fn follow(service: Arc<Service>) {
    loop {
        if let Err(error) = list_and_watch(&service).await {
            service.set_source_error(error);
        }
        sleep(PAUSE).await;
    }
}

/// Returns when the watch has ended, as it does from time to time.
async fn list_and_watch(service: &Arc<Service>) -> Result<(), String> {
    let settings = &service.settings.endpoints;
    let port = settings.port.unwrap_or_default();
    let api = Api::of(settings.api_server.as_deref(), settings.namespace.as_deref())?;
    let name = settings.service.as_deref().unwrap_or_default();
    let list = api.get(&api.path(name, None)).await?.whole(MAX_LIST_BYTES).await?;
    let (version, mut slices) = read_list(&parsed(&list)?);
    service.set_found(addresses(&slices, port));
    let mut watch = api.get(&api.path(name, Some(&version))).await?;
    while let Some(line) = watch.line(MAX_EVENT_BYTES).await? {
        apply(&mut slices, &parsed(&line)?)?;
        service.set_found(addresses(&slices, port));
    }
    Ok(())
}

fn parsed(text: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(text).map_err(|error| format!("the API server sends no JSON: {error}"))
}

fn apply(slices: &mut BTreeMap<String, Slice>, event: &Value) -> Result<(), String> {
    let Some((name, slice)) = read_event(event)? else { return Ok(()) };
    match slice {
        Some(slice) => drop(slices.insert(name, slice)),
        None => drop(slices.remove(&name)),
    }
    Ok(())
}

/// An API server and what it is called with.
struct Api {
    origin: Origin,
    token: Option<String>,
    namespace: String,
}

impl Api {
    /// The API server of the configuration, else that of this pod.
    fn of(server: Option<&str>, namespace: Option<&str>) -> Result<Self, String> {
        let credentials = Path::new(CREDENTIALS);
        let read = |name: &str| {
            let text = std::fs::read_to_string(credentials.join(name));
            text.map(|text| text.trim().to_owned()).ok()
        };
        let server = match server {
            Some(server) => server.to_owned(),
            None => own_server().ok_or_else(|| {
                "this is no pod of Kubernetes: KUBERNETES_SERVICE_HOST is not set; set api_server"
                    .to_owned()
            })?,
        };
        let tls = server.starts_with("https://").then(|| TlsSettings {
            ca: PathBuf::from(credentials).join("ca.crt"),
            certificate: None,
            key: None,
            server_name: None,
        });
        let origin = Origin::parse(&server, tls)?;
        // A proxy on this machine has credentials of its own.
        let token = read("token").filter(|_| origin.is_encrypted());
        let namespace = namespace.map(str::to_owned).or_else(|| read("namespace"));
        Ok(Self { origin, token, namespace: namespace.unwrap_or_else(|| "default".to_owned()) })
    }

    /// The path of the slices of a service; a watch goes on from a version.
    fn path(&self, service: &str, version: Option<&str>) -> String {
        let namespace = &self.namespace;
        let watch = version.map_or(String::new(), |version| {
            format!(
                "&watch=true&allowWatchBookmarks=true&timeoutSeconds={WATCH_S}\
                 &resourceVersion={version}"
            )
        });
        format!(
            "/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices?labelSelector=\
             kubernetes.io%2Fservice-name%3D{service}{watch}"
        )
    }

    async fn get(&self, path: &str) -> Result<Responding, String> {
        self.origin.get(path, self.token.as_deref()).await
    }
}

fn own_server() -> Option<String> {
    let host = std::env::var("KUBERNETES_SERVICE_HOST").ok().filter(|host| !host.is_empty())?;
    let port = std::env::var("KUBERNETES_SERVICE_PORT").unwrap_or_else(|_| "443".to_owned());
    Some(match host.contains(':') {
        true => format!("https://[{host}]:{port}"),
        false => format!("https://{host}:{port}"),
    })
}
