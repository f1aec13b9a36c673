//! Rules that tie several keys together.

mod inference;
mod interface;
mod server;
mod services;
mod traffic;

pub(crate) use inference::check_inference;
pub(crate) use server::{check_keys, check_server};

use crate::error::ConfigError;

/// What a check finds.
pub(crate) type Checked = Result<(), ConfigError>;
