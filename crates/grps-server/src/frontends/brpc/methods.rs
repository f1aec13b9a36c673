//! The methods of `GrpsBrpcService`.

use grps_core::{Cause, Error, shown};

use crate::call::access::Policy;
use crate::frontends::brpc::errors::{NO_SERVICE, RpcError};
use crate::frontends::shared::messages::control::Control;

/// The names of the service; clients use either.
pub(super) const SERVICES: [&str; 2] = ["grps.protos.v1.GrpsBrpcService", "GrpsBrpcService"];

/// A method of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// Runs a model.
    Predict,
    /// Runs a model on the body of an HTTP request; only over HTTP.
    PredictByHttp,
    /// Runs no model.
    Control(Control),
}

/// All methods by name.
pub(super) const METHODS: [(&str, Method); 8] = [
    ("Predict", Method::Predict),
    ("PredictByHttp", Method::PredictByHttp),
    ("Online", Method::Control(Control::Online)),
    ("Offline", Method::Control(Control::Offline)),
    ("CheckLiveness", Method::Control(Control::CheckLiveness)),
    ("CheckReadiness", Method::Control(Control::CheckReadiness)),
    ("ServerMetadata", Method::Control(Control::ServerMetadata)),
    ("ModelMetadata", Method::Control(Control::ModelMetadata)),
];

impl Method {
    /// Who may call the method.
    pub(super) fn policy(self) -> Policy {
        match self {
            Self::Predict | Self::PredictByHttp => Policy::Infer,
            Self::Control(control) => control.policy(),
        }
    }

    /// What the method does, in one line.
    pub(super) fn summary(self) -> &'static str {
        match self {
            Self::Predict => "Runs a model",
            Self::PredictByHttp => "Runs a model on a body of HTTP",
            Self::Control(Control::Online) => "Sets the service online",
            Self::Control(Control::Offline) => "Sets the service offline",
            Self::Control(Control::CheckLiveness) => "Whether the process runs",
            Self::Control(Control::CheckReadiness) => "Whether the service is ready",
            Self::Control(Control::ServerMetadata) => "The configuration of the service",
            Self::Control(Control::ModelMetadata) => "The configuration of a model",
        }
    }

    /// Whether the method is served when there are too many connections.
    pub(super) fn is_vital(self) -> bool {
        matches!(self, Self::Control(control) if control.is_vital())
    }
}

/// Finds a method by the names on the wire.
///
/// # Errors
/// 1001 for another service, 1002 for an unknown method.
pub(super) fn find(service: &[u8], method: &[u8]) -> Result<Method, RpcError> {
    if !SERVICES.iter().any(|name| name.as_bytes() == service) {
        let text = format!(
            "there is no service {}; call {}",
            shown(&String::from_utf8_lossy(service)),
            SERVICES[0]
        );
        return Err(RpcError { code: NO_SERVICE, error: Error::new(Cause::NotFound, text) });
    }
    let known = METHODS.iter().find(|(name, _)| name.as_bytes() == method);
    known
        .map(|(_, method)| *method)
        .ok_or_else(|| unknown_method(&String::from_utf8_lossy(method)).into())
}

/// The error for an unknown method.
pub(super) fn unknown_method(name: &str) -> Error {
    let known = METHODS.map(|(name, _)| name).join(", ");
    let text = format!("there is no method {}; call one of {known}", shown(name));
    Error::new(Cause::NotFound, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_names_of_the_service_lead_to_all_methods() {
        for service in SERVICES {
            for (name, method) in METHODS {
                let found = find(service.as_bytes(), name.as_bytes()).unwrap();
                assert_eq!(found, method);
                assert_eq!(found.policy() == Policy::Admin, name.ends_with("line"));
            }
        }
    }

    /// What clients generate their code from.
    const PROTO: &str = include_str!("../../../../../proto/grps_brpc.proto");

    #[test]
    fn the_methods_are_those_of_the_proto_file() {
        let declared = PROTO.lines().filter(|line| line.trim_start().starts_with("rpc ")).count();
        assert_eq!(declared, METHODS.len());
        for (name, _) in METHODS {
            assert!(PROTO.contains(&format!("  rpc {name}(")), "{name}");
        }
        assert!(
            PROTO.contains("package grps.protos.v1;")
                && PROTO.contains("service GrpsBrpcService {")
        );
    }

    #[test]
    fn unknown_names_have_codes_of_their_own() {
        let code = |service: &str, method: &str| {
            find(service.as_bytes(), method.as_bytes()).unwrap_err().code
        };
        assert_eq!(code("GrpsService", "Predict"), 1001);
        assert_eq!(code("", ""), 1001);
        assert_eq!(code("GrpsBrpcService", "predict"), 1002);
        let error = find(b"GrpsBrpcService", b"\xff\n").unwrap_err().error;
        assert!(error.message().starts_with("there is no method"), "{error}");
        assert!(!error.message().contains('\n'));
    }
}
