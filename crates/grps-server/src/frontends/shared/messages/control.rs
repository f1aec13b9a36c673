//! Methods that run no model; their errors are statuses in the message.

use bytes::Bytes;
use grps_core::{Cause, Error};

use crate::admin::model_metadata::model_metadata;
use crate::admin::readiness::{set_online, unready_reason};
use crate::call::access::Policy;
use crate::call::call::Call;
use crate::call::status::grps_status;
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

/// The message of an outcome.
pub(crate) fn outcome_message(outcome: Result<Data, Error>) -> GrpsMessage {
    match outcome {
        Ok(data) => GrpsMessage { data, ..GrpsMessage::of_status(Status::ok()) },
        Err(error) => GrpsMessage::of_status(grps_status(&error)),
    }
}
