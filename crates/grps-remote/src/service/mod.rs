//! A service on other machines: its endpoints, which of them gets a call, and how they are kept up.

pub(crate) mod address;
pub(crate) mod budget;
pub(crate) mod choice;
pub(crate) mod contact;
pub(crate) mod counters;
pub(crate) mod endpoint;
pub(crate) mod latency;
pub(crate) mod remote_model;
pub(crate) mod service;
pub(crate) mod upkeep;
