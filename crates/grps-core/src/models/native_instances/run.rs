//! The loop of a native instance: pull a batch, run the model, reply.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{Cause, Error};
use crate::models::native_instances::inferer::{
    BatchSource, Failure, NativeBatch, NativeInferer, Outputs,
};

/// Runs the batches of a source until the service or the instance stops.
///
/// Requests that arrive while the instance is busy form its next batch. `name` is the instance in
/// the log, for example `vad-1.0.0#0`.
///
/// # Errors
/// Why the instance must be started again. Every request that it had has its reply.
pub fn run_batches(
    source: &mut dyn BatchSource,
    inferer: &mut dyn NativeInferer,
    name: &str,
) -> Result<(), String> {
    while let Some(mut batch) = source.next() {
        match run_once(inferer, &mut *batch) {
            Ok(()) => {}
            Err(Failure::Run(error)) if batch.len() > 1 => {
                // One bad request must not fail the others: each is run again by itself.
                tracing::warn!(instance = name, requests = batch.len(), %error, "a batch failed");
                run_one_by_one(inferer, &mut *batch, name)?;
            }
            Err(failure) => fail(&mut *batch, failure, name)?,
        }
    }
    Ok(())
}

fn run_one_by_one(
    inferer: &mut dyn NativeInferer,
    batch: &mut dyn NativeBatch,
    name: &str,
) -> Result<(), String> {
    let mut singles = match batch.singles() {
        Ok(singles) => singles.into_iter(),
        Err(error) => return fail(batch, Failure::Run(error), name),
    };
    while let Some(mut single) = singles.next() {
        let Err(failure) = run_once(inferer, &mut *single) else { continue };
        if let Err(reason) = fail(&mut *single, failure, name) {
            // Nothing runs those behind it any more.
            for mut left in singles {
                // The reason is the same.
                let _ = fail(&mut *left, Failure::Instance(reason.clone()), name);
            }
            return Err(reason);
        }
    }
    Ok(())
}

/// Runs a batch and sends its outputs.
fn run_once(inferer: &mut dyn NativeInferer, batch: &mut dyn NativeBatch) -> Result<(), Failure> {
    let run = catch_unwind(AssertUnwindSafe(|| inferer.infer(batch)));
    let outputs = run
        .unwrap_or_else(|panic| Err(Failure::Instance(format!("it panicked: {}", text(&*panic)))));
    match outputs? {
        Outputs::Tensors(outputs) => Ok(batch.reply_tensors(outputs)?),
        Outputs::Replied => {
            for request in batch.requests() {
                if request.is_open() && !request.is_cancelled() {
                    let message = "the model replied to other requests of the batch only";
                    return Err(Error::new(Cause::ModelFailed, message).into());
                }
            }
            Ok(())
        }
    }
}

/// Fails the open requests of a batch.
///
/// # Errors
/// The reason, when the instance has failed.
fn fail(batch: &mut dyn NativeBatch, failure: Failure, name: &str) -> Result<(), String> {
    let (error, ended) = match failure {
        Failure::Run(error) => (error, None),
        Failure::Instance(reason) => (Error::new(Cause::ModelFailed, reason.clone()), Some(reason)),
    };
    for request in batch.requests().iter().filter(|request| request.is_open()) {
        let (id, cause) = (request.id(), error.cause());
        if cause == Cause::InvalidArgument {
            request.reply(Err(error.clone()));
            continue;
        }
        tracing::error!(instance = name, request = id, %error, "a request failed");
        let message = format!("{error} (request id {id})");
        request.reply(Err(Error::new(cause, message)));
    }
    ended.map_or(Ok(()), Err)
}

/// What a panic says.
pub(crate) fn text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
