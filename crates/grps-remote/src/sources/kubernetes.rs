//! placeholder
use crate::service::service::Service;
use std::sync::Arc;
pub(super) async fn follow(_: Arc<Service>) {}
