//! The regions that clients have registered with a service.

use std::collections::BTreeMap;
use std::sync::Arc;

use grps_core::{Cause, Error, quoted};
use parking_lot::RwLock;

use crate::frontends::oip::shared_memory::region::{Part, Region};

/// Most regions of a service; each keeps a file open.
const MAX_REGIONS: usize = 256;
/// Longest name of a region.
const MAX_NAME_BYTES: usize = 256;

/// All regions by name.
#[derive(Debug, Default)]
pub(crate) struct Regions(RwLock<BTreeMap<Arc<str>, Arc<Region>>>);

/// What is registered under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RegionStatus {
    /// The name of the region.
    pub(crate) name: Arc<str>,
    /// The key of its file.
    pub(crate) key: String,
    /// Where it begins in the file.
    pub(crate) offset: u64,
    /// Its size.
    pub(crate) byte_size: u64,
}

impl Regions {
    /// Registers a region.
    ///
    /// # Errors
    /// `InvalidArgument` when the name is taken or malformed, there are too many, or the file does not
    /// have the bytes; `NotFound` and `PermissionDenied` as the file says.
    pub(crate) fn register(
        &self,
        name: &str,
        key: &str,
        offset: u64,
        byte_size: u64,
    ) -> Result<(), Error> {
        if !(1..=MAX_NAME_BYTES).contains(&name.len()) {
            return Err(Error::invalid(format!(
                "the name of a shared memory region has 1 to {MAX_NAME_BYTES} bytes"
            )));
        }
        let name: Arc<str> = name.into();
        let region = Arc::new(Region::open(&name, key, offset, byte_size)?);
        let mut regions = self.0.write();
        if regions.contains_key(&name) {
            let name = quoted(&name);
            return Err(Error::invalid(format!(
                "the shared memory region {name} is registered already; unregister it first"
            )));
        }
        if regions.len() >= MAX_REGIONS {
            return Err(Error::invalid(format!(
                "{MAX_REGIONS} shared memory regions are registered; unregister some"
            )));
        }
        regions.insert(name, region);
        Ok(())
    }

    /// Whether no region is registered.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.read().is_empty()
    }

    /// Removes a region, if there is one of this name. Requests that use it go on.
    pub(crate) fn unregister(&self, name: &str) {
        // Its file is closed outside the lock.
        let removed = self.0.write().remove(name);
        drop(removed);
    }

    /// Removes all regions.
    pub(crate) fn unregister_all(&self) {
        let removed = std::mem::take(&mut *self.0.write());
        drop(removed);
    }

    /// The region of a name, or all of them in the order of their names.
    ///
    /// # Errors
    /// `NotFound` when there is none of this name.
    pub(crate) fn statuses(&self, name: Option<&str>) -> Result<Vec<RegionStatus>, Error> {
        let regions = self.0.read();
        match name {
            Some(name) => {
                regions.get(name).map(|region| vec![status(region)]).ok_or_else(|| unknown(name))
            }
            None => Ok(regions.values().map(|region| status(region)).collect()),
        }
    }

    /// The part of a region that a tensor uses.
    ///
    /// # Errors
    /// `NotFound` when there is no region of this name; `InvalidArgument` when it does not have the part.
    pub(crate) fn part(&self, name: &str, offset: u64, byte_size: u64) -> Result<Part, Error> {
        let region = self.0.read().get(name).map(Arc::clone);
        region.ok_or_else(|| unknown(name))?.part(offset, byte_size)
    }
}

fn status(region: &Region) -> RegionStatus {
    let Region { name, key, offset, byte_size, .. } = region;
    let (name, key) = (Arc::clone(name), key.clone());
    RegionStatus { name, key, offset: *offset, byte_size: *byte_size }
}

fn unknown(name: &str) -> Error {
    let name = quoted(name);
    Error::new(Cause::NotFound, format!("no shared memory region {name} is registered"))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
