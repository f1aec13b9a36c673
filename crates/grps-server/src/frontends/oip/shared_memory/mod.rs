//! System shared memory: files of clients below `/dev/shm` that hold inputs and take outputs.
//!
//! Nothing is mapped. A client can change or shorten its file at any time, so inputs are copied out
//! before they are checked, and each access checks that the file still has the bytes.

mod file;
mod region;
mod regions;
#[cfg(test)]
pub(crate) mod test_memory;

use std::sync::Arc;

use grps_core::{Cause, Error};

use crate::app::App;

pub(crate) use region::Part;
pub(crate) use regions::{RegionStatus, Regions};

/// The regions of a service that uses shared memory.
///
/// # Errors
/// `Unsupported` when it does not.
pub(crate) fn regions(app: &App) -> Result<Arc<Regions>, Error> {
    if app.settings.front_ends.oip_shared_memory {
        return Ok(app.front_end_states.get());
    }
    Err(Error::new(
        Cause::Unsupported,
        "shared memory is not supported by this service; send tensors in the request, or set \
         oip.shared_memory: true in server.yml",
    ))
}

/// The region of a name, or all regions; none for a service that does not use shared memory.
///
/// # Errors
/// `NotFound` when there is no region of this name.
pub(crate) fn statuses(app: &App, name: Option<&str>) -> Result<Vec<RegionStatus>, Error> {
    regions(app).unwrap_or_default().statuses(name)
}

/// Removes the region of a name, or all regions.
///
/// # Errors
/// That of `may_change` if there are regions.
pub(crate) fn unregister(
    app: &App,
    name: Option<&str>,
    may_change: Result<(), Error>,
) -> Result<(), Error> {
    // Clients call it before they register the first region, also at a service that refuses one.
    let Some(regions) = regions(app).ok().filter(|regions| !regions.is_empty()) else {
        return Ok(());
    };
    may_change?;
    match name {
        Some(name) => regions.unregister(name),
        None => regions.unregister_all(),
    }
    Ok(())
}

/// The error for a region of CUDA.
pub(crate) fn cuda_unsupported() -> Error {
    Error::new(
        Cause::Unsupported,
        "shared memory of CUDA is not supported; use system shared memory, or send the tensors in \
         the request",
    )
}
