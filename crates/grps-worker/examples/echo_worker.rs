//! A worker process in native code: it returns tensors as they came and messages in upper case.
//!
//! The server hands over the socket as the standard input and the page for notes as the standard
//! output. The message `abort` ends the process, `panic` is a panic of the model, `bad` is refused;
//! a client that takes chunks gets a hundred.

use std::os::fd::AsFd;
use std::process::ExitCode;

use grps_core::{Content, Error, Failure, NativeBatch, NativeInferer, Outputs, run_batches};
use grps_worker::{WorkerChannel, WorkerEnd};

struct Echo;

impl NativeInferer for Echo {
    fn infer(&mut self, batch: &mut dyn NativeBatch) -> Result<Outputs, Failure> {
        if let Some(tensors) = batch.take_tensors() {
            return Ok(Outputs::Tensors(tensors));
        }
        for request in batch.requests() {
            let message = request.message().unwrap_or_default();
            match &*message {
                b"abort" => std::process::abort(),
                b"panic" => return Err(Failure::Instance("the device is lost".to_owned())),
                b"bad" => return Err(Error::invalid("it is bad").into()),
                _ if request.is_streaming() => {
                    for number in 0..100 {
                        request.send_chunk(Content::Message(format!("{number}").into()));
                    }
                    request.finish();
                }
                _ => {
                    request.reply(Ok(Content::Message(message.to_ascii_uppercase().into())));
                }
            }
        }
        Ok(Outputs::Replied)
    }
}

fn main() -> ExitCode {
    let (stdin, stdout) = (std::io::stdin(), std::io::stdout());
    let socket = stdin.as_fd().try_clone_to_owned();
    let note = stdout.as_fd().try_clone_to_owned();
    let (Ok(socket), Ok(note)) = (socket, note) else { return ExitCode::FAILURE };
    let mut channel = WorkerChannel::new(WorkerEnd { socket, note });
    match run_batches(&mut channel, &mut Echo, "echo#0") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
