//! Tensors in shared memory: what a request says of them.

use bytes::Bytes;
use grps_core::{Cause, Error};

use crate::app::App;
use crate::frontends::oip::inference::parameters::Parameters;

/// Parameters of an input or output in shared memory.
pub(crate) const REGION: &str = "shared_memory_region";
pub(crate) const OFFSET: &str = "shared_memory_offset";
pub(crate) const BYTE_SIZE: &str = "shared_memory_byte_size";

/// Bytes of a region of shared memory, as a request names them. Nothing of it is checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RegionSlice {
    /// The name of the region.
    pub(crate) region: String,
    /// Where the bytes begin in it.
    pub(crate) offset: u64,
    /// How many bytes they are.
    pub(crate) byte_size: u64,
}

impl RegionSlice {
    /// What the parameters of an input or output say; `None` for one that is in the request.
    ///
    /// # Errors
    /// `InvalidArgument` for malformed parameters.
    pub(crate) fn read(parameters: &Parameters) -> Result<Option<Self>, Error> {
        let Some(region) = parameters.text(REGION)? else { return Ok(None) };
        let offset = parameters.whole_number(OFFSET)?.unwrap_or_default();
        let byte_size = parameters
            .whole_number(BYTE_SIZE)?
            .ok_or_else(|| Error::invalid(format!("{BYTE_SIZE} is missing beside {REGION}")))?;
        Ok(Some(Self { region: region.to_owned(), offset, byte_size }))
    }
}

/// The bytes of an input in shared memory.
///
/// # Errors
/// `Unsupported` when the service uses no shared memory.
pub(crate) fn read_input(_app: &App, _slice: &RegionSlice) -> Result<Bytes, Error> {
    Err(unsupported())
}

/// Writes an output into shared memory.
///
/// # Errors
/// `Unsupported` when the service uses no shared memory.
pub(crate) fn write_output(
    _app: &App,
    _slice: &RegionSlice,
    _parts: &[Bytes],
) -> Result<(), Error> {
    Err(unsupported())
}

/// The error for a service that uses no shared memory.
pub(crate) fn unsupported() -> Error {
    Error::new(
        Cause::Unsupported,
        "shared memory is not supported by this service; send tensors in the request, or set \
         oip.shared_memory: true in server.yml",
    )
}
