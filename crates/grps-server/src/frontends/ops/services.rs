//! `admin/services`: the services that models run on, and the endpoints of those that are told them.

use grps_core::{Cause, Error, quoted};
use http::Response;
use serde::Serialize;

use crate::admin::services::{
    EndpointTable, MAX_ADDRESS_BYTES, MAX_ENDPOINTS, OtherServices, ServiceState,
};
use crate::call::call::Call;
use crate::frontends::grps_http::encode::failure;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::response;
use crate::net::http::content_coding::collect;
use crate::net::http::reply_body::ReplyBody;

/// Most bytes of a table of endpoints.
const MAX_TABLE_BYTES: usize = 128 << 10;

/// All services, as they are returned.
#[derive(Serialize)]
struct States {
    services: Vec<ServiceState>,
}

/// Lists the services with their endpoints.
pub(super) async fn list(call: Call, _: HttpRequest) -> Response<ReplyBody> {
    let services = call.app.services().map_or_else(Vec::new, |services| services.states());
    respond(serde_json::to_vec(&States { services }))
}

/// Replaces the endpoints of the service of the path by those of the body.
pub(super) async fn replace(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    match run(&call, request).await {
        Ok(body) => respond(serde_json::to_vec(&body)),
        Err(error) => failure(&error),
    }
}

/// What a replaced table is answered with.
#[derive(Serialize)]
struct Replaced {
    generation: u64,
    endpoints: usize,
}

async fn run(call: &Call, request: HttpRequest) -> Result<Replaced, Error> {
    let name = request.parameters.first().cloned().unwrap_or_default();
    let body = collect(&request.parts.headers, request.body, call).await?;
    let table = read_table(&body)?;
    let (generation, endpoints) = (table.generation, table.endpoints.len());
    let no_service = || Error::new(Cause::NotFound, "inference.yml names no services");
    let services: &dyn OtherServices = &**call.app.services().ok_or_else(no_service)?;
    services.replace_endpoints(&name, table)?;
    tracing::info!(peer = %call.peer, service = name, generation, endpoints, "endpoints replaced");
    Ok(Replaced { generation, endpoints })
}

fn read_table(body: &[u8]) -> Result<EndpointTable, Error> {
    if body.len() > MAX_TABLE_BYTES {
        let text = format!("a table of endpoints has at most {MAX_TABLE_BYTES} bytes");
        return Err(Error::new(Cause::TooLarge, text));
    }
    let table: EndpointTable = serde_json::from_slice(body).map_err(|error| {
        Error::invalid(format!(
            "the body is no table such as {{\"generation\": 1, \"endpoints\": [{{\"address\": \
             \"10.0.0.5:7080\"}}]}}: {error}"
        ))
    })?;
    let count = table.endpoints.len();
    if count > MAX_ENDPOINTS {
        return Err(Error::invalid(format!(
            "{count} endpoints are too many, {MAX_ENDPOINTS} are allowed"
        )));
    }
    for (index, endpoint) in table.endpoints.iter().enumerate() {
        if endpoint.address.len() > MAX_ADDRESS_BYTES {
            return Err(Error::invalid(format!(
                "endpoints[{index}].address is longer than {MAX_ADDRESS_BYTES} bytes"
            )));
        }
        if table.endpoints.iter().take(index).any(|earlier| earlier == endpoint) {
            let address = quoted(&endpoint.address);
            return Err(Error::invalid(format!("endpoints[{index}]: {address} is listed twice")));
        }
    }
    Ok(table)
}

fn respond(body: serde_json::Result<Vec<u8>>) -> Response<ReplyBody> {
    match body {
        Ok(body) => response::json(body),
        Err(error) => failure(&Error::new(Cause::Internal, error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(addresses: &[String]) -> Result<EndpointTable, String> {
        let endpoints: Vec<_> =
            addresses.iter().map(|address| serde_json::json!({"address": address})).collect();
        let body = serde_json::json!({"generation": 7, "endpoints": endpoints});
        read_table(&serde_json::to_vec(&body).unwrap()).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn tables_are_bounded() {
        let addresses: Vec<_> = (0..=MAX_ENDPOINTS).map(|host| format!("h{host}:1")).collect();
        assert_eq!(table(&addresses[1..]).unwrap().endpoints.len(), MAX_ENDPOINTS);
        assert!(table(&addresses).unwrap_err().contains("257 endpoints are too many"));
        assert!(table(&["a".repeat(MAX_ADDRESS_BYTES)]).is_ok());
        assert!(table(&["a".repeat(MAX_ADDRESS_BYTES + 1)]).unwrap_err().contains("longer than"));
        let twice = ["a:1".to_owned(), "b:1".to_owned(), "a:1".to_owned()];
        assert_eq!(table(&twice).unwrap_err(), "endpoints[2]: 'a:1' is listed twice");
        assert_eq!(
            read_table(&vec![b' '; MAX_TABLE_BYTES + 1]).unwrap_err().cause(),
            Cause::TooLarge
        );
    }

    #[test]
    fn malformed_tables_are_refused() {
        for body in [
            "",
            "[]",
            "{}",
            r#"{"generation": -1, "endpoints": []}"#,
            r#"{"generation": 1, "endpoints": [], "more": 1}"#,
            r#"{"generation": 1, "endpoints": [{"address": "a:1", "zone": "b"}]}"#,
            r#"{"generation": 1, "endpoints": ["a:1"]}"#,
        ] {
            let error = read_table(body.as_bytes()).unwrap_err();
            assert!(error.message().contains("the body is no table such as"), "{body}");
        }
    }
}
