//! The server's loop of an instance of a step model that runs in another process.

use std::sync::Arc;
use std::time::{Duration, Instant};

use grps_core::{
    Cause, Content, Error, LostSequences, Plan, Preemption, RunningRequest, StepItem, StepOutcome,
    StepPuller, Tensor,
};

use crate::body::{Blobs, Packet, PacketError, Received, malformed};
use crate::contents::{describe, read_tensors};
use crate::link::Link;
use crate::meta::{BatchRef, from_worker, to_worker};
use crate::running::{describe_request, unusable};
use crate::serve::CANCEL_TICK;
use crate::step_meta::{
    BegunMeta, FailedRow, RowsFailedMeta, SequencesMeta, StepMeta, SteppedMeta,
};

/// Sequences whose worker has ended. Those that it had not begun wait for another one, and are not
/// among them.
pub struct LostSteps {
    /// The sequences.
    pub sequences: LostSequences,
    /// Why the worker makes no more steps, seen from the socket.
    pub cause: String,
}

impl Link {
    /// Lets the worker make steps until the queue closes, or the worker ends or breaks the protocol:
    /// returns what is lost then. A worker that has sent nothing for `hang_timeout` while it makes a
    /// step has failed.
    pub fn serve_steps(
        &self,
        puller: &mut StepPuller,
        hang_timeout: Option<Duration>,
    ) -> Option<LostSteps> {
        let mut number = 0;
        while let Some(plan) = puller.next_plan() {
            number += 1;
            if let Err(error) = self.step(puller, &plan, number, hang_timeout) {
                let has_begun = self.begun() >= number;
                tracing::debug!(%error, has_begun, "a worker of a step model is lost");
                let not_begun = if has_begun { &[] } else { plan.begun.as_slice() };
                let sequences = puller.lose(not_begun);
                return Some(LostSteps { sequences, cause: error.to_string() });
            }
        }
        if puller.is_idle() {
            return None;
        }
        // It was abandoned, as the process has ended.
        Some(LostSteps { sequences: puller.lose(&[]), cause: "it does not respond".to_owned() })
    }

    fn step(
        &self,
        puller: &mut StepPuller,
        plan: &Plan<StepItem>,
        number: u64,
        hang_timeout: Option<Duration>,
    ) -> Result<(), PacketError> {
        self.send(&step_packet(puller, plan, number)?)?;
        let sent = Instant::now();
        let mut known = Vec::new();
        let answer = loop {
            if let Some(packet) = self.receive(CANCEL_TICK)? {
                break packet;
            }
            if let Some(limit) = hang_timeout.filter(|limit| sent.elapsed() >= *limit) {
                return Err(PacketError::Hangs(limit));
            }
            if let Some(packet) = cancel_packet(puller, &mut known)? {
                self.send(&packet)?;
            }
        };
        forget_inputs(puller, plan);
        apply(puller, number, &answer)
    }
}

/// The packet of a step. If the inputs of those that begin can't be handed over, their requests fail,
/// and what is left of the step is the packet: the worker's rows must stay those of the server.
fn step_packet(
    puller: &mut StepPuller,
    plan: &Plan<StepItem>,
    number: u64,
) -> Result<Packet, PacketError> {
    match packet_of(puller, plan, number, &plan.begun, plan.running) {
        Err(error) if !plan.begun.is_empty() => {
            let text = format!("the input can't be handed to the worker: {error}");
            let error = Error::new(Cause::ModelFailed, text);
            puller.fail_rows(plan.begun.iter().copied(), &error);
            packet_of(puller, plan, number, &[], 0)
        }
        packet => packet,
    }
}

fn packet_of(
    puller: &StepPuller,
    plan: &Plan<StepItem>,
    number: u64,
    begun: &[usize],
    running: usize,
) -> Result<Packet, PacketError> {
    let begun = begun.iter().map(|row| Begun::of(puller, *row)).collect::<Result<Vec<_>, _>>()?;
    let mut blobs = Blobs::default();
    let ended = plan.ended.iter();
    let ended = ended.map(|one| (one.row, one.sequence.number, one.reason.name())).collect();
    let is_whole = begun.len() == plan.begun.len();
    let prefilled = plan.prefill.iter();
    let prefilled = prefilled.filter(|(row, _)| is_whole || !plan.begun.contains(row));
    let meta = StepMeta {
        number,
        ended,
        saved: &plan.saved,
        dropped: &plan.dropped,
        moves: plan.moves.iter().copied().unzip(),
        begun: begun.iter().map(|one| one.describe(&mut blobs)).collect(),
        restored: &plan.restored,
        prefill: prefilled.map(|(row, at)| (*row, at.start, at.end)).collect(),
        running,
    };
    Packet::new(to_worker::STEP, &meta, &blobs)
}

/// A sequence that begins.
struct Begun {
    row: usize,
    sequence: u64,
    request: Arc<RunningRequest>,
    inputs: Vec<Tensor>,
    outputs: Vec<Tensor>,
}

impl Begun {
    fn of(puller: &StepPuller, row: usize) -> Result<Self, PacketError> {
        let begun = puller.rows().get(row).and_then(|sequence| {
            let running = sequence.item.running()?;
            let Some(Content::Tensors(inputs)) = running.request.content() else { return None };
            let is_again = sequence.preempted > 0;
            let outputs = is_again.then(|| running.outputs().ok()).flatten().unwrap_or_default();
            let request = Arc::clone(&running.request);
            Some(Self { row, sequence: sequence.number, request, inputs, outputs })
        });
        begun.ok_or_else(|| malformed("a sequence that begins has no input"))
    }

    fn describe<'a>(&'a self, blobs: &mut Blobs<'a>) -> BegunMeta<'a> {
        BegunMeta {
            row: self.row,
            sequence: self.sequence,
            entry: describe_request(&self.request, None, blobs),
            inputs: self.inputs.iter().map(|tensor| describe(tensor, blobs)).collect(),
            outputs: self.outputs.iter().map(|tensor| describe(tensor, blobs)).collect(),
        }
    }
}

/// Releases the inputs of those that have begun, unless they may begin again.
fn forget_inputs(puller: &StepPuller, plan: &Plan<StepItem>) {
    if puller.policy().preemption == Preemption::Recompute {
        return;
    }
    let begun = plan.begun.iter().filter_map(|row| puller.rows().get(*row)?.item.running());
    begun.for_each(|running| drop(running.request.take_content()));
}

/// The packet that names the sequences whose clients have left and that are not `known` yet.
fn cancel_packet(puller: &StepPuller, known: &mut Vec<u64>) -> Result<Option<Packet>, PacketError> {
    let rows = puller.rows().iter();
    let cancelled = rows.filter(|sequence| {
        let running = sequence.item.running();
        running.is_some_and(|running| running.request.is_cancelled())
            && !known.contains(&sequence.number)
    });
    let sequences: Vec<u64> = cancelled.map(|sequence| sequence.number).collect();
    if sequences.is_empty() {
        return Ok(None);
    }
    known.extend_from_slice(&sequences);
    let meta = SequencesMeta { sequences };
    Packet::new(to_worker::CANCEL_SEQUENCES, &meta, &Blobs::default()).map(Some)
}

/// Does what the worker's answer to a step says. An output that can't be used fails its requests, not
/// the worker.
fn apply(puller: &mut StepPuller, number: u64, packet: &Received) -> Result<(), PacketError> {
    match packet.kind {
        from_worker::STEPPED => {
            let meta: SteppedMeta = packet.meta()?;
            check(meta.number, number)?;
            match read_tensors(packet, meta.outputs) {
                Ok(outputs) => {
                    let failed = meta.failed.into_iter().map(FailedRow::into_error).collect();
                    let SteppedMeta { finished, state_bytes, lengths, cache_usage, .. } = meta;
                    let outcome = StepOutcome {
                        outputs,
                        lengths,
                        finished,
                        failed,
                        state_bytes,
                        cache_usage,
                    };
                    if let Err(error) = puller.finish_step(outcome) {
                        tracing::error!(%error, "what a step returned can't be used");
                    }
                }
                Err(error) => puller.fail_rows(0..puller.running(), &unusable(&error)),
            }
        }
        from_worker::ROWS_FAILED => {
            let meta: RowsFailedMeta = packet.meta()?;
            check(meta.number, number)?;
            for (row, error) in meta.failed.into_iter().map(FailedRow::into_error) {
                puller.fail_rows([row], &error);
            }
        }
        from_worker::DONE => {
            let meta: BatchRef = packet.meta()?;
            check(meta.number, number)?;
        }
        kind => return Err(malformed(format!("no step is answered by a packet of kind {kind}"))),
    }
    Ok(())
}

fn check(answered: u64, number: u64) -> Result<(), PacketError> {
    if answered == number {
        return Ok(());
    }
    Err(malformed(format!("step {answered} is answered, not step {number}")))
}
