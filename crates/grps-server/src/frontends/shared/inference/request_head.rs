//! What the head of an inference request says.

use grps_core::{Error, SchedulingOptions};
use http::HeaderMap;

use crate::call::call::Call;
use crate::frontends::shared::grpc::timeout;
use crate::frontends::shared::{optional_headers, scheduling_headers, timeout_header};

/// What the head of a request says: its HTTP headers or gRPC metadata.
#[derive(Clone, Debug)]
pub(crate) struct RequestHead {
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// What they ask of the scheduling: deadline, priority and the like.
    pub(crate) options: SchedulingOptions,
}

impl RequestHead {
    /// Reads the headers of an HTTP request.
    ///
    /// # Errors
    /// `InvalidArgument` when one is malformed.
    pub(crate) fn of_http(call: &Call, headers: HeaderMap) -> Result<Self, Error> {
        let optional = optional_headers::find(&headers);
        let deadline = timeout_header::read_deadline(optional)?;
        let options = scheduling_headers::read_options(optional, deadline, call)?;
        Ok(Self { headers, options })
    }

    /// Reads the metadata of a gRPC request.
    ///
    /// # Errors
    /// `InvalidArgument` when some of it is malformed.
    pub(crate) fn of_grpc(call: &Call, headers: HeaderMap) -> Result<Self, Error> {
        let optional = optional_headers::find(&headers);
        let deadline = timeout::read_deadline(optional)?;
        let options = scheduling_headers::read_options(optional, deadline, call)?;
        Ok(Self { headers, options })
    }
}
