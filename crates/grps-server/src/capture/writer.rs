//! The thread that writes.

use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

use super::counts::LeftOut;
use super::format::append_frame;
use super::job::Job;
use super::progress::Progress;
use super::ring::{Ring, Written};
use super::session::SessionState;

/// Writes until nothing more can come. No lock is held while the disk is used.
pub(super) fn run(state: &SessionState, mut ring: Ring, jobs: &Receiver<Box<Job>>) {
    // Also when it panics.
    let _ending = Ending(&state.progress);
    let mut frame = Vec::new();
    while let Ok(first) = jobs.recv() {
        let mut taken = 1;
        write(state, &mut ring, *first, &mut frame);
        // What is pending goes to the file when nothing waits.
        while let Ok(next) = jobs.try_recv() {
            write(state, &mut ring, *next, &mut frame);
            taken += 1;
        }
        let written = ring.flush();
        note(state, written);
        state.progress.add(taken);
    }
}

/// Notes the end of the thread.
struct Ending<'a>(&'a Progress);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

fn write(state: &SessionState, ring: &mut Ring, job: Job, frame: &mut Vec<u8>) {
    let bytes = job.bytes;
    match encode(state, job, frame) {
        Ok(()) => note(state, ring.append(frame)),
        Err(why) => state.counts.add_left_out(why, 1),
    }
    state.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
}

fn encode(state: &SessionState, job: Job, frame: &mut Vec<u8>) -> Result<(), LeftOut> {
    if state.has_failed() {
        return Err(LeftOut::WriteFailed);
    }
    let record = job.into_record().map_err(|error| {
        tracing::warn!(%error, "a captured request can't be encoded");
        LeftOut::WriteFailed
    })?;
    frame.clear();
    append_frame(frame, &record.encode());
    let fits = frame.len() as u64 <= state.settings.max_bytes / 2;
    if fits { Ok(()) } else { Err(LeftOut::TooLarge) }
}

fn note(state: &SessionState, written: Written) {
    state.counts.add_recorded(written.records);
    state.counts.add_left_out(LeftOut::WriteFailed, written.lost);
    if let Some(error) = written.failure {
        state.fail(&error.to_string());
    }
}
