//! Copies of requests for a shadow version: it runs them after the reply, its output is compared with
//! that of the version that replied, and dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::compare::{Comparison, Verdict, compare_contents};
use crate::error::{Cause, Error};
use crate::models::executor::Call;
use crate::models::fit::fit;
use crate::models::model::Model;
use crate::request::content::{Content, ContentAdapter};
use crate::request::request::SchedulingOptions;
use crate::request::timeline::Timeline;
use crate::scheduling::byte_budget::{ByteBudget, ByteReservation};
use crate::text::quoted;
use crate::traffic::place::Draws;
use crate::traffic::spec::ShadowSpec;
use crate::traffic::totals::Copies;

/// More bytes are decoded and compared on threads that serve no sockets.
const LARGE_BYTES: usize = 64 << 10;

/// Why a copy was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shed {
    /// Requests wait for a place, or for an instance of the shadow version.
    Busy,
    /// `max_in_flight` copies run.
    InFlight,
    /// `max_bytes` are reached.
    Bytes,
    /// The shadow version has no instance that works.
    Down,
}

impl Shed {
    /// All reasons.
    pub const ALL: [Self; 4] = [Self::Busy, Self::InFlight, Self::Bytes, Self::Down];

    /// The name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::InFlight => "in_flight",
            Self::Bytes => "bytes",
            Self::Down => "down",
        }
    }
}

/// What became of copies since the start.
#[derive(Clone, Debug, Default)]
pub struct ShadowCounts {
    /// Copies that run.
    pub in_flight: usize,
    /// Bytes that are held for copies: inputs, also those of requests without a reply yet, and outputs.
    pub bytes: usize,
    /// Copies whose output was equal.
    pub equal: u64,
    /// Copies whose output was within the tolerance.
    pub within_tolerance: u64,
    /// Copies whose output was different.
    pub different: u64,
    /// Copies that failed, or took longer than the timeout.
    pub failed: u64,
    /// Copies that were not made, in the order of [`Shed::ALL`].
    pub shed: [u64; Shed::ALL.len()],
    /// The largest difference of two numbers so far.
    pub max_absolute: f64,
    /// The same as a part of the number.
    pub max_relative: f64,
    /// The latest difference or failure, as one line.
    pub latest: Option<String>,
}

/// A shadow version, whatever its model is replaced by.
#[derive(Debug)]
pub(crate) struct Shadow {
    spec: ShadowSpec,
    draws: Draws,
    in_flight: AtomicUsize,
    bytes: Arc<ByteBudget>,
    shed: [AtomicU64; Shed::ALL.len()],
    ended: Mutex<ShadowCounts>,
}

impl Shadow {
    pub(crate) fn new(spec: ShadowSpec) -> Self {
        let bytes = ByteBudget::new(spec.max_bytes);
        let (in_flight, shed, ended) = Default::default();
        Self { spec, draws: Draws::of_copies(), in_flight, bytes, shed, ended }
    }

    pub(crate) fn spec(&self) -> &ShadowSpec {
        &self.spec
    }

    pub(crate) fn counts(&self) -> ShadowCounts {
        ShadowCounts {
            in_flight: self.in_flight.load(Ordering::Relaxed),
            bytes: self.bytes.used(),
            shed: Shed::ALL.map(|reason| self.shed[reason as usize].load(Ordering::Relaxed)),
            ..self.ended.lock().clone()
        }
    }

    /// The copies that have ended.
    pub(crate) fn copies(&self) -> Copies {
        let counts = self.ended.lock();
        let different = counts.different + counts.failed;
        Copies { ended: counts.equal + counts.within_tolerance + different, different }
    }

    fn shed(&self, reason: Shed) {
        self.shed[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Reserves what a copy takes besides its input.
    fn enter(self: &Arc<Self>, reservation: ByteReservation, bytes: usize) -> Result<Held, Shed> {
        let limit = self.spec.max_in_flight;
        let one_more = |taken| (taken < limit).then_some(taken + 1);
        let (set, load) = (Ordering::AcqRel, Ordering::Acquire);
        self.in_flight.fetch_update(set, load, one_more).map_err(|_| Shed::InFlight)?;
        let held = Held { shadow: Arc::clone(self), reservation };
        held.grow(bytes)?;
        Ok(held)
    }

    fn note(&self, id: &str, outcome: Result<Comparison, String>) {
        let mut counts = self.ended.lock();
        let line = match &outcome {
            Ok(comparison) => {
                counts.max_absolute = counts.max_absolute.max(comparison.max_absolute);
                counts.max_relative = counts.max_relative.max(comparison.max_relative);
                match comparison.verdict() {
                    Verdict::Equal => counts.equal += 1,
                    Verdict::WithinTolerance => counts.within_tolerance += 1,
                    Verdict::Different => counts.different += 1,
                }
                (comparison.verdict() == Verdict::Different).then(|| describe(comparison))
            }
            Err(error) => {
                counts.failed += 1;
                Some(error.clone())
            }
        };
        if let Some(line) = line {
            counts.latest = Some(format!("request {id}: {line}"));
        }
    }
}

/// What a copy has reserved; dropping it releases that.
#[derive(Debug)]
struct Held {
    shadow: Arc<Shadow>,
    reservation: ByteReservation,
}

impl Held {
    /// Reserves more bytes.
    fn grow(&self, bytes: usize) -> Result<(), Shed> {
        self.reservation.grow(bytes).map_err(|_| Shed::Bytes)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shadow.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The input of a request that is copied once it has its reply, and the bytes reserved for it.
#[derive(Debug)]
pub(crate) struct Copied {
    content: Content,
    reservation: ByteReservation,
}

/// A shadow version with its model: where a route sends copies.
#[derive(Clone, Debug)]
pub(crate) struct Mirror {
    pub(crate) shadow: Arc<Shadow>,
    pub(crate) model: Arc<Model>,
}

impl Mirror {
    /// The input to copy, when this request is one of those that are and there is room.
    pub(crate) fn copy(&self, input: &Content, requests_wait: bool) -> Option<Copied> {
        if self.shadow.draws.next() * 100.0 >= self.shadow.spec.share_percent {
            return None;
        }
        let executor = self.model.executor();
        let full = self.shadow.in_flight.load(Ordering::Relaxed) >= self.shadow.spec.max_in_flight;
        let reason = if requests_wait || executor.queue_length() > 0 {
            Shed::Busy
        } else if full {
            Shed::InFlight
        } else if executor.is_closed() || executor.trouble().is_some() {
            Shed::Down
        } else {
            let reservation = self.shadow.bytes.new_reservation();
            if reservation.grow(input.held_bytes()).is_ok() {
                return Some(Copied { content: input.clone(), reservation });
            }
            Shed::Bytes
        };
        self.shadow.shed(reason);
        None
    }

    /// Runs the copy of a request that has its reply, beside what follows.
    pub(crate) fn start(
        &self,
        request: &Timeline,
        copied: Copied,
        replied: &Content,
        adapter: &Arc<dyn ContentAdapter>,
    ) {
        let Copied { content: copied, reservation } = copied;
        let held = match self.shadow.enter(reservation, replied.held_bytes()) {
            Ok(held) => held,
            Err(reason) => return self.shadow.shed(reason),
        };
        let replied = replied.clone();
        let (mirror, adapter) = (self.clone(), Arc::clone(adapter));
        let id = request.id().to_owned();
        tokio::spawn(async move {
            match mirror.run(&id, copied, replied, adapter, &held).await {
                Ok(comparison) => mirror.shadow.note(&id, Ok(comparison)),
                Err(Ended::Failed(error)) => mirror.shadow.note(&id, Err(error)),
                Err(Ended::Shed(reason)) => mirror.shadow.shed(reason),
            }
            drop(held);
        });
    }

    async fn run(
        &self,
        id: &str,
        copied: Content,
        replied: Content,
        adapter: Arc<dyn ContentAdapter>,
        held: &Held,
    ) -> Result<Comparison, Ended> {
        let timeout = self.shadow.spec.timeout;
        let deadline = tokio::time::Instant::now() + timeout;
        let options = SchedulingOptions { deadline: Some(deadline), ..Default::default() };
        let (model, fitting) = (Arc::clone(&self.model), Arc::clone(&adapter));
        let bytes = copied.held_bytes();
        let fitted = aside(bytes, move || fit(&*fitting, &model, copied, false)).await?;
        let content = fitted.map_err(|error| error.message().to_owned())?;
        // Another form of the input may be larger.
        held.grow(content.held_bytes().saturating_sub(bytes)).map_err(Ended::Shed)?;
        let timeline = Arc::new(Timeline::new(&format!("{id}-shadow"), None));
        let call = self.model.call(Call::new(timeline, content, &options), None);
        let output = match tokio::time::timeout_at(deadline, call).await {
            Ok(Ok(output)) => output,
            Ok(Err(error)) => return Err(Ended::of(&error)),
            Err(_) => {
                return Err(Ended::Failed(format!("no output within {} ms", timeout.as_millis())));
            }
        };
        let (bytes, tolerance) = (output.held_bytes(), self.shadow.spec.tolerance);
        held.grow(bytes).map_err(Ended::Shed)?;
        Ok(aside(bytes, move || compare_contents(&replied, &output, &*adapter, tolerance)).await?)
    }
}

/// Why a copy has no output.
enum Ended {
    /// The version failed.
    Failed(String),
    /// The version did not run it.
    Shed(Shed),
}

impl Ended {
    /// A version that is full, or reloaded meanwhile, says nothing of its outputs.
    fn of(error: &Error) -> Self {
        match error.cause() {
            Cause::QueueFull => Self::Shed(Shed::Busy),
            Cause::Unavailable => Self::Shed(Shed::Down),
            _ => Self::Failed(error.message().to_owned()),
        }
    }
}

impl From<String> for Ended {
    fn from(error: String) -> Self {
        Self::Failed(error)
    }
}

/// Runs what takes long for many bytes on a thread that serves no sockets.
async fn aside<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    if bytes <= LARGE_BYTES {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await.map_err(|_| "the service ends".to_owned())
}

/// What differs, as one line.
fn describe(comparison: &Comparison) -> String {
    if let Some(mismatch) = comparison.mismatches.first() {
        return mismatch.to_string();
    }
    let Comparison { differing, elements, max_absolute, max_relative, first, .. } = comparison;
    let mut line = format!("{differing} of {elements} values differ");
    if *max_absolute > 0.0 {
        line += &format!(", by up to {max_absolute:.3e} ({max_relative:.3e} of the value)");
    }
    if let Some(place) = first {
        let (actual, expected, index) = (&place.actual, &place.expected, &place.index);
        line += &format!("; the first is {actual} instead of {expected} at {index:?}");
        if !place.tensor.is_empty() {
            line += &format!(" of {}", quoted(&place.tensor));
        }
    }
    line
}

#[cfg(test)]
#[path = "shadow_tests.rs"]
mod tests;
