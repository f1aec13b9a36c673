//! Methods that run no model; their errors are statuses in the message.

use bytes::Bytes;
use grps_core::{Cause, Error, Naming, Route, RouteQuery, Signature};

use crate::admin::model_metadata::model_metadata;
use crate::admin::readiness::{set_online, unready_reason};
use crate::admin::route_signature;
use crate::call::access::Policy;
use crate::call::call::Call;
use crate::call::status::grps_status;
use crate::codec::proto::ModelFacts;
use crate::codec::{Data, GrpsMessage, Status, proto};

/// A method that runs no model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    /// Sets the service online.
    Online,
    /// Sets the service offline.
    Offline,
    /// Success while the process runs.
    CheckLiveness,
    /// Success when the service is ready.
    CheckReadiness,
    /// The configuration files of the service.
    ServerMetadata,
    /// The description of the model in `str_data`.
    ModelMetadata,
}

impl Control {
    /// Who may call the method.
    pub(crate) fn policy(self) -> Policy {
        match self {
            Self::Online | Self::Offline => Policy::Admin,
            Self::CheckLiveness | Self::CheckReadiness => Policy::Public,
            Self::ServerMetadata | Self::ModelMetadata => Policy::Read,
        }
    }

    /// Whether the method is served when there are too many connections.
    pub(crate) fn is_vital(self) -> bool {
        matches!(self, Self::CheckLiveness | Self::CheckReadiness)
    }

    /// The response to an encoded message.
    pub(crate) fn respond(self, call: &Call, sent: &Bytes) -> Bytes {
        let decode = || match self {
            Self::ModelMetadata => {
                call.scope.within_room(sent.len(), |room| proto::decode_within(sent, room))
            }
            // The message has nothing to read.
            _ => Ok(GrpsMessage::default()),
        };
        proto::encode(&outcome_message(decode().and_then(|sent| self.run(call, sent))))
    }

    /// As [`Control::respond`], with the facts of a model for a service that calls it.
    pub(crate) fn respond_to_service(self, call: &Call, sent: &Bytes) -> Bytes {
        let response = self.respond(call, sent);
        let facts = (self == Self::ModelMetadata).then(|| facts_of(call, sent)).flatten();
        let Some(facts) = facts else { return response };
        let mut with_facts = response.to_vec();
        proto::append_facts(&mut with_facts, &facts);
        with_facts.into()
    }

    /// Runs the method.
    ///
    /// # Errors
    /// `Unavailable` when the service is not ready; those of [`model_metadata`].
    pub(crate) fn run(self, call: &Call, sent: GrpsMessage) -> Result<Data, Error> {
        match self {
            Self::Online => set_online(call, true),
            Self::Offline => set_online(call, false),
            Self::CheckLiveness => {}
            Self::CheckReadiness => {
                if let Some(reason) = unready_reason(&call.app.engine) {
                    return Err(Error::new(Cause::Unavailable, reason));
                }
            }
            Self::ServerMetadata => {
                return Ok(Data::Text(call.app.settings.server_metadata.clone()));
            }
            Self::ModelMetadata => {
                let Data::Text(name) = sent.data else {
                    return Err(Error::invalid("No model name."));
                };
                return model_metadata(&call.app, &name).map(Data::Text);
            }
        }
        Ok(Data::None)
    }
}

/// What a service that calls a model knows of it; `None` for an unknown model.
fn facts_of(call: &Call, sent: &Bytes) -> Option<ModelFacts> {
    let Data::Text(name) = proto::decode(sent).ok()?.data else { return None };
    let route = call.app.engine.registry().resolve(&RouteQuery::named(&name)).ok()?;
    let (inputs, outputs) = (route_signature::inputs(&route), route_signature::outputs(&route));
    let is_known = !inputs.is_empty() || !outputs.is_empty();
    let naming = if has_names(&route) { Naming::Strict } else { Naming::Advisory };
    let signature = is_known.then_some(Signature { inputs, outputs, naming });
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Some(ModelFacts { version, form: route.form(), signature })
}

/// Whether clients must call the inputs of a route by their names.
fn has_names(route: &Route) -> bool {
    let first = route.models().first().filter(|_| route.graph().is_none());
    first.is_some_and(|model| model.spec().signature.as_ref().is_some_and(Signature::has_names))
}

/// The message of an outcome.
pub(crate) fn outcome_message(outcome: Result<Data, Error>) -> GrpsMessage {
    match outcome {
        Ok(data) => GrpsMessage { data, ..GrpsMessage::of_status(Status::ok()) },
        Err(error) => GrpsMessage::of_status(grps_status(&error)),
    }
}
