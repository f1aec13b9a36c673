//! Makes the steps of an instance with a step model of a plugin.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use grps_core::{
    BegunSequence, Cause, Content, Error, Failure, NativeStepModel, NestedCalls, Session, Step,
    StepOutcome, StepSource, Tensor,
};

use crate::plugins::abi::{OK, Sequences, StepResult};
use crate::plugins::batch_run::RequestRun;
use crate::plugins::copy::CreatedCopy;
use crate::plugins::failure::ErrorSlot;
use crate::plugins::http::Http;
use crate::plugins::library::StepFunctions;
use crate::plugins::outputs::OutputList;
use crate::plugins::steps::sequence::SequenceRun;
use crate::plugins::steps::slot_table::{SlotTable, State};

/// `UINT64_MAX`: the bytes of a state did not change.
const UNCHANGED: u64 = u64::MAX;

/// Rows that failed, each with what its client gets.
type FailedRows = Vec<(usize, Error)>;

/// A created step model with the sequences that it holds.
pub(crate) struct PluginSteps {
    functions: StepFunctions,
    slots: SlotTable,
    /// The numbers of all rows: 0, 1, 2, …
    numbers: Vec<u64>,
    /// Which rows have finished, as the plugin says.
    finished: Vec<u8>,
    /// The bytes of the states, as the plugin says.
    state_bytes: Vec<u64>,
    /// Whether inputs are read in parts.
    reads_in_parts: bool,
    /// Where failures and wrong calls are noted.
    errors: Arc<ErrorSlot>,
    /// What it calls other models by.
    calls: Arc<NestedCalls>,
    copy: CreatedCopy,
}

/// What `begin` and `prefill` get of some rows.
#[derive(Default)]
struct Parts {
    rows: Vec<u64>,
    requests: Vec<*const RequestRun>,
    states: Vec<State>,
    starts: Vec<u64>,
    stops: Vec<u64>,
}

impl PluginSteps {
    pub(crate) fn new(
        functions: StepFunctions,
        (slots, reads_in_parts): (SlotTable, bool),
        copy: CreatedCopy,
        calls: &Arc<NestedCalls>,
    ) -> Self {
        let rows = slots.states().len();
        Self {
            functions,
            slots,
            numbers: (0..rows as u64).collect(),
            finished: vec![0; rows],
            state_bytes: vec![UNCHANGED; rows],
            reads_in_parts,
            errors: Arc::default(),
            calls: Arc::clone(calls),
            copy,
        }
    }

    /// Begins sequences; returns those that failed.
    ///
    /// # Errors
    /// Why the copy is unusable.
    fn begin(&mut self, rows: &[usize], source: &mut dyn StepSource) -> Result<FailedRows, String> {
        let (mut ready, mut failed) = (Vec::with_capacity(rows.len()), FailedRows::new());
        for row in rows {
            match self.prepare(*row, source) {
                Ok(()) => ready.push(*row),
                Err(error) => failed.push((*row, error)),
            }
        }
        if !ready.is_empty() {
            self.begin_all(&ready, &mut failed)?;
        }
        for row in ready {
            if let Some(sequence) = self.sequence_mut(row) {
                sequence.forget_inputs();
            }
        }
        Ok(failed)
    }

    /// Takes the request of a row, with its inputs.
    fn prepare(&mut self, row: usize, source: &mut dyn StepSource) -> Result<(), Error> {
        let BegunSequence { request, inputs, outputs } = source.begin(row)?;
        let request = RequestRun {
            message: None,
            request,
            rows: None,
            outputs: OutputList::of_request(&self.errors),
            has_chunks: AtomicBool::new(false),
            http: Http::default(),
            session: Session::default(),
            calls: Arc::clone(&self.calls),
            errors: Arc::clone(&self.errors),
            sequence: Some(SequenceRun::new(inputs, outputs)),
        };
        self.slots.prepare(row, Some(Box::new(request)));
        Ok(())
    }

    fn begin_all(&mut self, rows: &[usize], failed: &mut FailedRows) -> Result<(), String> {
        match self.begin_once(rows, failed) {
            Ok(()) => Ok(()),
            Err(Failure::Instance(reason)) => Err(reason),
            Err(Failure::Run(error)) if rows.len() > 1 => {
                // One bad request must not fail the others: each is tried again by itself.
                tracing::warn!(instance = instance(), requests = rows.len(), %error, "begin failed");
                for row in rows {
                    self.slots.clear(*row);
                    match self.failure(*row) {
                        Some(error) => failed.push((*row, error)),
                        None => self.begin_all(&[*row], failed)?,
                    }
                }
                Ok(())
            }
            Err(Failure::Run(error)) => {
                log(&error, "begin", rows.len());
                failed.extend(rows.iter().map(|row| (*row, error.clone())));
                Ok(())
            }
        }
    }

    /// Calls `begin`; fails when none of the sequences has begun.
    fn begin_once(&mut self, rows: &[usize], failed: &mut FailedRows) -> Result<(), Failure> {
        let parts = self.parts(rows.iter().map(|row| (*row, 0..0)));
        let mut states: Vec<State> = vec![std::ptr::null_mut(); rows.len()];
        let given = Sequences {
            states: std::ptr::null(),
            starts: std::ptr::null(),
            stops: std::ptr::null(),
            ..self.sequences(&parts)
        };
        let (begin, inferer, errors) = (self.functions.begin, self.copy.inferer(), &*self.errors);
        // SAFETY: the plugin's function takes its own inferer, and what lives until it returns.
        let status = unsafe { begin(inferer, &raw const given, states.as_mut_ptr(), errors) };
        let outcome = self.outcome(status, "begin");
        if status != OK {
            return outcome;
        }
        for (row, state) in rows.iter().zip(states) {
            let own = self.failure(*row);
            if own.is_none() || !state.is_null() {
                self.slots.set_begun(*row, state);
            }
            match &outcome {
                // They have begun all the same, so they are ended and not tried again.
                Err(Failure::Run(error)) => failed.push((*row, error.clone())),
                Ok(()) => failed.extend(own.map(|error| (*row, error))),
                Err(Failure::Instance(_)) => {}
            }
        }
        match outcome {
            Err(Failure::Run(error)) => {
                log(&error, "begin", rows.len());
                Ok(())
            }
            other => other,
        }
    }

    /// Reads parts of inputs; adds the rows that failed.
    ///
    /// # Errors
    /// Why the copy is unusable.
    fn prefill(
        &mut self,
        parts: &[(usize, Range<usize>)],
        failed: &mut FailedRows,
    ) -> Result<(), String> {
        let left = |row: usize| !failed.iter().any(|(failed, _)| *failed == row);
        let parts: Vec<_> = parts.iter().filter(|(row, _)| left(*row)).cloned().collect();
        let Some(prefill) = self.functions.prefill.filter(|_| !parts.is_empty()) else {
            return Ok(());
        };
        let rows: Vec<usize> = parts.iter().map(|(row, _)| *row).collect();
        let parts = self.parts(parts.into_iter());
        let given = self.sequences(&parts);
        // SAFETY: the plugin's function takes its own inferer, and what lives until it returns.
        let status = unsafe { prefill(self.copy.inferer(), &raw const given, &*self.errors) };
        match self.outcome(status, "prefill") {
            Ok(()) => {
                failed.extend(self.failed_of(rows));
                Ok(())
            }
            Err(Failure::Run(error)) => {
                log(&error, "prefill", rows.len());
                failed.extend(rows.into_iter().map(|row| (row, error.clone())));
                Ok(())
            }
            Err(Failure::Instance(reason)) => Err(reason),
        }
    }

    /// Makes a step of the first rows.
    ///
    /// # Errors
    /// Why the copy is unusable.
    fn step(&mut self, rows: usize, source: &mut dyn StepSource) -> Result<(), String> {
        match self.step_once(rows) {
            Ok(outcome) => {
                if let Err(error) = source.finish(outcome) {
                    log(&error, "step", rows);
                }
                Ok(())
            }
            Err(Failure::Run(error)) => {
                log(&error, "step", rows);
                source.fail_rows((0..rows).map(|row| (row, error.clone())).collect());
                Ok(())
            }
            Err(Failure::Instance(reason)) => Err(reason),
        }
    }

    fn step_once(&mut self, rows: usize) -> Result<StepOutcome, Failure> {
        let outputs = OutputList::new(&self.errors);
        self.finished.fill(0);
        self.state_bytes.fill(UNCHANGED);
        let given = Sequences {
            struct_size: size_of::<Sequences>() as u32,
            reserved: 0,
            count: rows as u64,
            requests: self.slots.requests(),
            states: self.slots.states().as_ptr(),
            rows: self.numbers.as_ptr(),
            slots: self.slots.addresses(),
            starts: std::ptr::null(),
            stops: std::ptr::null(),
        };
        let result = StepResult {
            struct_size: size_of::<StepResult>() as u32,
            reserved: 0,
            outputs: &raw const outputs,
            finished: self.finished.as_mut_ptr(),
            state_bytes: self.state_bytes.as_mut_ptr(),
        };
        let (step, inferer, errors) = (self.functions.step, self.copy.inferer(), &*self.errors);
        // SAFETY: the plugin's function takes its own inferer, and what lives until it returns; the
        // lists have as many elements as there are rows, which are at least those of the step.
        let status = unsafe { step(inferer, &raw const given, &raw const result, errors) };
        self.outcome(status, "step")?;
        let outputs = match outputs.take()? {
            Some(Content::Tensors(outputs)) => outputs,
            _ => Vec::new(),
        };
        Ok(self.taken_over(rows, outputs))
    }

    /// What a step has returned.
    fn taken_over(&self, rows: usize, outputs: Vec<Tensor>) -> StepOutcome {
        let sizes = || self.state_bytes.iter().take(rows);
        let size =
            |size: &u64| (*size != UNCHANGED).then(|| usize::try_from(*size).unwrap_or(usize::MAX));
        let is_changed = sizes().any(|size| *size != UNCHANGED);
        StepOutcome {
            lengths: Vec::new(),
            cache_usage: None,
            outputs,
            finished: self.finished.iter().take(rows).map(|finished| *finished != 0).collect(),
            failed: self.failed_of(0..rows),
            state_bytes: if is_changed { sizes().map(size).collect() } else { Vec::new() },
        }
    }

    /// What became of a call of the plugin; a wrong call was before what the plugin made of it.
    fn outcome(&self, status: i32, function: &str) -> Result<(), Failure> {
        match self.errors.take() {
            Some(failure) => Err(failure),
            None if status == OK => Ok(()),
            None => {
                let message = format!("{function} returned {status} without a reason");
                Err(Error::new(Cause::ModelFailed, message).into())
            }
        }
    }

    fn end(&self, states: &[State]) {
        if !states.is_empty() {
            // SAFETY: the plugin's function takes its own inferer and its own states, each once.
            unsafe {
                (self.functions.end)(self.copy.inferer(), states.as_ptr(), states.len() as u64);
            }
        }
    }

    /// What the plugin has failed the request of a row with.
    fn failure(&self, row: usize) -> Option<Error> {
        self.slots.request(row)?.sequence.as_ref()?.failure()
    }

    /// Those of the rows whose requests the plugin has failed.
    fn failed_of(&self, rows: impl IntoIterator<Item = usize>) -> FailedRows {
        rows.into_iter().filter_map(|row| Some((row, self.failure(row)?))).collect()
    }

    fn sequence_mut(&mut self, row: usize) -> Option<&mut SequenceRun> {
        self.slots.request_mut(row)?.sequence.as_mut()
    }

    fn parts(&self, rows: impl Iterator<Item = (usize, Range<usize>)>) -> Parts {
        let mut parts = Parts::default();
        for (row, positions) in rows {
            let request = self.slots.request(row);
            parts.requests.push(request.map_or(std::ptr::null(), std::ptr::from_ref));
            parts.states.push(self.slots.states()[row]);
            parts.rows.push(row as u64);
            parts.starts.push(positions.start as u64);
            parts.stops.push(positions.end as u64);
        }
        parts
    }

    fn sequences(&self, parts: &Parts) -> Sequences {
        Sequences {
            struct_size: size_of::<Sequences>() as u32,
            reserved: 0,
            count: parts.rows.len() as u64,
            requests: parts.requests.as_ptr(),
            states: parts.states.as_ptr(),
            rows: parts.rows.as_ptr(),
            slots: self.slots.addresses(),
            starts: parts.starts.as_ptr(),
            stops: parts.stops.as_ptr(),
        }
    }
}

impl NativeStepModel for PluginSteps {
    fn run(&mut self, step: &Step, source: &mut dyn StepSource) -> Result<(), String> {
        let ended = self.slots.apply(step);
        self.end(&ended);
        let mut failed = self.begin(&step.begun, source)?;
        if self.reads_in_parts {
            self.prefill(&step.prefill, &mut failed)?;
        }
        if failed.is_empty() && step.running > 0 {
            return self.step(step.running, source);
        }
        // Those that failed leave before the next step, which is made with the others.
        if !failed.is_empty() {
            source.fail_rows(failed);
        }
        Ok(())
    }
}

impl Drop for PluginSteps {
    fn drop(&mut self) {
        let left = self.slots.release();
        self.end(&left);
    }
}

fn log(error: &Error, function: &str, requests: usize) {
    if error.cause() != Cause::InvalidArgument {
        tracing::error!(instance = instance(), requests, %error, "{function} failed");
    }
}

/// The name of the instance, which is that of its thread.
fn instance() -> String {
    std::thread::current().name().unwrap_or("plugin").to_owned()
}
