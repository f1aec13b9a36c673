//! Endpoints from all addresses of a name, which is looked up again and again.

use std::sync::Arc;
use std::time::Duration;

use grps_server::MAX_ENDPOINTS;
use tokio::net::lookup_host;
use tokio::time::{sleep, timeout};

use crate::service::service::Service;

/// Longest time for one lookup.
const LIMIT: Duration = Duration::from_secs(5);

/// Looks a name up as long as the service runs. When that fails, the endpoints stay as they are.
pub(super) async fn follow(service: Arc<Service>) {
    let settings = &service.settings.endpoints;
    let (host, port) = (settings.host.clone().unwrap_or_default(), settings.port.unwrap_or(0));
    let pause = Duration::from_secs(settings.refresh_seconds);
    loop {
        match find(&host, port).await {
            Ok(addresses) => service.set_found(addresses),
            Err(error) => service.set_source_error(error),
        }
        sleep(pause).await;
    }
}

async fn find(host: &str, port: u16) -> Result<Vec<String>, String> {
    let found = timeout(LIMIT, lookup_host((host, port))).await;
    let found = found.map_err(|_| format!("{host}: no answer within {} s", LIMIT.as_secs()))?;
    let found = found.map_err(|error| format!("{host}: {error}"))?;
    let mut addresses: Vec<String> = found.map(|address| address.to_string()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    if addresses.is_empty() {
        return Err(format!("{host} has no address"));
    }
    addresses.truncate(MAX_ENDPOINTS);
    Ok(addresses)
}
