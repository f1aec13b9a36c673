//! Shared memory.

use std::collections::BTreeMap;

/// A region: the request for its status, and the request to unregister it. Empty for all.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RegionRequest {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
}

/// `SystemSharedMemoryStatusResponse`; that of CUDA has no regions.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct StatusResponse {
    #[prost(btree_map = "string, message", tag = "1")]
    pub(crate) regions: BTreeMap<String, Region>,
}

/// `SystemSharedMemoryStatusResponse.RegionStatus` and `SystemSharedMemoryRegisterRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Region {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) key: String,
    #[prost(uint64, tag = "3")]
    pub(crate) offset: u64,
    #[prost(uint64, tag = "4")]
    pub(crate) byte_size: u64,
}
