//! Limits how often the same warning or error is logged: clients that fail all the time must not fill
//! the disk. What is left out is counted, and the count is logged.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use grps_core::excerpt;
use parking_lot::Mutex;
use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// How many records of one place in the code are logged at once.
const BURST: f64 = 200.0;
/// How many follow each second.
const RATE_PER_S: f64 = 20.0;
/// How often the counts are logged.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// Characters of the message in the count.
const MESSAGE_CHARS: usize = 60;

/// The state of the limit; the log holds it as long as it is open.
#[derive(Debug, Default)]
pub(super) struct LogRate {
    /// By the place in the code that logs.
    places: Mutex<HashMap<Identifier, Place>>,
}

/// One place in the code.
#[derive(Debug)]
struct Place {
    /// Records that may still be logged at once.
    tokens: f64,
    refilled: Instant,
    /// Records that were not logged since the last report.
    left_out: u64,
    /// The start of the message of the first of them.
    message: String,
}

impl Place {
    fn new(now: Instant) -> Self {
        Self { tokens: BURST, refilled: now, left_out: 0, message: String::new() }
    }

    /// Whether another record may be logged; otherwise it is counted.
    fn admit(&mut self, now: Instant, message: impl FnOnce() -> String) -> bool {
        let elapsed = now.saturating_duration_since(self.refilled).as_secs_f64();
        self.tokens = (self.tokens + elapsed * RATE_PER_S).min(BURST);
        self.refilled = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return true;
        }
        if self.left_out == 0 {
            self.message = message();
        }
        self.left_out += 1;
        false
    }
}

impl LogRate {
    /// Starts the thread that logs the counts; it ends when the log is closed.
    pub(super) fn start() -> std::io::Result<Arc<Self>> {
        let rate = Arc::new(Self::default());
        let reported = Arc::downgrade(&rate);
        thread::Builder::new().name("grps-log-rate".to_owned()).spawn(move || report(&reported))?;
        Ok(rate)
    }

    fn admits(&self, event: &Event<'_>) -> bool {
        let metadata = event.metadata();
        // The lines about what was left out are few.
        if *metadata.level() > Level::WARN || metadata.target() == module_path!() {
            return true;
        }
        let now = Instant::now();
        let mut places = self.places.lock();
        let place = places.entry(metadata.callsite()).or_insert_with(|| Place::new(now));
        place.admit(now, || message_of(event))
    }

    /// Logs what was left out since the last call.
    pub(super) fn report(&self) {
        let mut left_out = Vec::new();
        for place in self.places.lock().values_mut() {
            if place.left_out > 0 {
                left_out.push((
                    std::mem::take(&mut place.left_out),
                    std::mem::take(&mut place.message),
                ));
            }
        }
        for (count, like) in left_out {
            tracing::warn!(count, like, "log records were left out: too many of their kind");
        }
    }
}

fn report(rate: &Weak<LogRate>) {
    loop {
        thread::sleep(REPORT_INTERVAL);
        match rate.upgrade() {
            Some(rate) => rate.report(),
            None => return,
        }
    }
}

/// The layer of the log that leaves records out.
pub(super) struct LimitedRate(pub(super) Arc<LogRate>);

impl<S: Subscriber> Layer<S> for LimitedRate {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        self.0.admits(event)
    }
}

/// The start of the message of an event.
fn message_of(event: &Event<'_>) -> String {
    let mut message = Message(String::new());
    event.record(&mut message);
    message.0
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            let text = format!("{value:?}");
            let line = text.lines().next().unwrap_or_default();
            self.0 = excerpt(line, MESSAGE_CHARS).trim_matches('"').to_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    /// Collects the messages of all events.
    #[derive(Clone, Default)]
    struct Collected(Arc<Mutex<Vec<String>>>);

    impl<S: Subscriber> Layer<S> for Collected {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            self.0.lock().push(message_of(event));
        }
    }

    #[test]
    fn records_beyond_the_rate_are_counted() {
        let (rate, collected) = (Arc::new(LogRate::default()), Collected::default());
        let limited = LimitedRate(Arc::clone(&rate));
        let subscriber = tracing_subscriber::registry().with(limited).with(collected.clone());
        tracing::subscriber::with_default(subscriber, || {
            for number in 0..1000 {
                tracing::warn!(number, "a request failed");
                tracing::info!(number, "a request");
            }
            tracing::warn!("another failure");
            rate.report();
            rate.report();
        });
        let collected = collected.0.lock();
        let count = |text: &str| collected.iter().filter(|message| *message == text).count();
        assert_eq!(count("a request"), 1000);
        assert_eq!(count("another failure"), 1);
        let failed = count("a request failed");
        assert!((200..900).contains(&failed), "{failed}");
        assert_eq!(count("log records were left out: too many of their kind"), 1);
    }

    #[test]
    fn the_rate_recovers() {
        let begun = Instant::now();
        let mut place = Place::new(begun);
        let mut admit = |at_s: u64| place.admit(begun + Duration::from_secs(at_s), String::new);
        assert_eq!((0..500).filter(|_| admit(0)).count(), 200);
        assert_eq!((0..500).filter(|_| admit(1)).count(), 20);
        assert_eq!((0..500).filter(|_| admit(1000)).count(), 200);
        assert_eq!(place.left_out, 300 + 480 + 300);
    }
}
