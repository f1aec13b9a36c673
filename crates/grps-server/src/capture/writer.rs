//! The thread that writes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender};

use super::counts::LeftOut;
use super::format::append_frame;
use super::job::Job;
use super::session::SessionState;

/// What the thread is told.
pub(super) enum Message {
    /// Write a request.
    Record(Box<Job>),
    /// Say when all before it is written.
    Flush(SyncSender<()>),
}

/// Writes until nothing more can come.
pub(super) fn run(state: &Arc<SessionState>, messages: &Receiver<Message>) {
    let mut frame = Vec::new();
    while let Ok(first) = messages.recv() {
        handle(state, first, &mut frame);
        // What is buffered goes to the file when nothing waits.
        while let Ok(next) = messages.try_recv() {
            handle(state, next, &mut frame);
        }
        if let Err(error) = state.ring.lock().flush() {
            state.fail(&error.to_string());
        }
    }
}

fn handle(state: &SessionState, message: Message, frame: &mut Vec<u8>) {
    match message {
        Message::Record(job) => {
            let bytes = job.bytes;
            write(state, *job, frame);
            state.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        Message::Flush(done) => {
            // A failed send means that nobody waits any more.
            let _ = done.send(());
        }
    }
}

fn write(state: &SessionState, job: Job, frame: &mut Vec<u8>) {
    if state.has_failed() {
        return state.counts.add_left_out(LeftOut::WriteFailed);
    }
    let record = match job.into_record() {
        Ok(record) => record.encode(),
        Err(error) => {
            tracing::warn!(%error, "a captured request can't be encoded");
            return state.counts.add_left_out(LeftOut::WriteFailed);
        }
    };
    frame.clear();
    append_frame(frame, &record);
    if frame.len() as u64 > state.settings.max_bytes / 2 {
        return state.counts.add_left_out(LeftOut::TooLarge);
    }
    match state.ring.lock().append(frame) {
        Ok(()) => state.counts.add_recorded(),
        Err(error) => {
            state.counts.add_left_out(LeftOut::WriteFailed);
            state.fail(&error.to_string());
        }
    }
}
