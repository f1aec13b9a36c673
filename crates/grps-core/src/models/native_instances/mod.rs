//! Instances in native code: the native twin of the loop in `grps/inference/runner.py`.

pub(crate) mod back_off;
pub(crate) mod inferer;
pub(crate) mod instance;
pub(crate) mod nested_calls;
pub(crate) mod queue_source;
pub(crate) mod run;
pub(crate) mod step_model;
pub(crate) mod work;
