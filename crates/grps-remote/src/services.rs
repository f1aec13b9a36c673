//! All services that models of this one run on.

use std::sync::Arc;

use grps_core::{Cause, Error, quoted};
use grps_server::{EndpointTable, OtherServices, ServiceState};
use tokio::runtime::Handle;

use crate::executor::RemoteExecutor;
use crate::service::address;
use crate::service::service::Service;
use crate::settings::ServiceSettings;
use crate::sources;

/// The services of a configuration.
#[derive(Debug)]
pub struct Services {
    services: Vec<Arc<Service>>,
}

impl Services {
    /// The services of a configuration, not connected to yet.
    ///
    /// # Errors
    /// An address is malformed.
    pub fn new(settings: Vec<ServiceSettings>) -> Result<Self, String> {
        for one in &settings {
            for address in &one.endpoints.addresses {
                let name = &one.name;
                address::check(address).map_err(|error| format!("service '{name}': {error}"))?;
            }
        }
        let services = settings.into_iter().map(|one| Arc::new(Service::new(one))).collect();
        Ok(Self { services })
    }

    /// What runs a model of this service as `model` of another one. `own_key` is the name and version
    /// of the model here.
    ///
    /// # Errors
    /// The service is not known, or has too many models.
    pub fn executor(
        &self,
        service: &str,
        model: &str,
        own_key: &str,
    ) -> Result<RemoteExecutor, String> {
        let found = self.find(service).ok_or_else(|| {
            let known: Vec<_> = self.services.iter().map(|one| &*one.settings.name).collect();
            format!("no service {}; services: {}", quoted(service), known.join(", "))
        })?;
        Ok(RemoteExecutor::new(Arc::clone(found), found.add_model(own_key, model)?))
    }

    fn find(&self, name: &str) -> Option<&Arc<Service>> {
        self.services.iter().find(|one| one.settings.name == name)
    }
}

impl OtherServices for Services {
    fn start(&self, runtime: &Handle) {
        for service in &self.services {
            if service.start(runtime) {
                sources::start(service, runtime);
            }
        }
    }

    fn replace_endpoints(&self, service: &str, table: EndpointTable) -> Result<(), Error> {
        let found = self.find(service).ok_or_else(|| {
            let text = format!("inference.yml names no service {}", quoted(service));
            Error::new(Cause::NotFound, text)
        })?;
        found.replace(table)
    }

    fn states(&self) -> Vec<ServiceState> {
        self.services.iter().map(|one| one.state()).collect()
    }
}
