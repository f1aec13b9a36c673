//! The service that exchanges encoded GRPS messages, over any protocol of remote procedure calls.

pub(crate) mod control;
pub(crate) mod predict;
