//! Properties of `batching: auto` for any requests, runs and instances.

use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{AutoPolicy, FinishedRun, Objective};
use crate::scheduling::batching::batcher::{Batcher, Next};
use crate::scheduling::batching::batching_key::BatchingKey;
use crate::scheduling::batching::policy::{BatchPolicy, Wait};

/// What happens to a queue.
#[derive(Clone, Debug)]
enum Event {
    /// A request with so many rows comes.
    Arrival(usize),
    /// An idle instance looks for work.
    Pull,
    /// A run ends that took so many nanoseconds.
    End(u64),
    /// Time passes, in microseconds.
    Pass(u64),
    /// Another number of instances is there.
    Instances(usize),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => (1..6usize).prop_map(Event::Arrival),
        3 => Just(Event::Pull),
        3 => (0..11u32, 1..10u64).prop_map(|(power, digit)| Event::End(digit * 10u64.pow(power))),
        1 => (0..30_000u64).prop_map(Event::Pass),
        1 => (1..5usize).prop_map(Event::Instances),
    ];
    prop::collection::vec(event, 0..400)
}

fn policies() -> impl Strategy<Value = BatchPolicy> {
    let objective = prop::option::of((1..1_000_000u64, 1..1000u32)).prop_map(|objective| {
        objective.map(|(micros, share)| Objective {
            share: f64::from(share) / 1000.0,
            latency: Duration::from_micros(micros),
        })
    });
    let sizes = prop_oneof![Just(vec![]), Just(vec![6]), Just(vec![5, 8, 40])];
    (objective, 5..100usize, sizes, any::<bool>(), 0..20_000u64, 1..3usize).prop_map(
        |(objective, most, allowed, waits, window, priority_levels)| BatchPolicy {
            max_rows: allowed.last().copied().unwrap_or(most),
            wait: if waits { Wait::Always } else { Wait::WhenBusy },
            window: Duration::from_micros(window),
            allowed,
            auto: Some(AutoPolicy { objective }),
            priority_levels,
            ..BatchPolicy::default()
        },
    )
}

/// A queue, its instances and their runs: rows, and busy instances when they began.
struct Model {
    policy: BatchPolicy,
    batcher: Batcher<usize>,
    now: Instant,
    instances: usize,
    runs: Vec<(usize, usize)>,
    arrived: usize,
    left: Vec<usize>,
}

impl Model {
    fn new(policy: BatchPolicy) -> Self {
        Self {
            batcher: Batcher::new(Arc::new(policy.clone())),
            policy,
            now: Instant::now(),
            instances: 1,
            runs: Vec::new(),
            arrived: 0,
            left: Vec::new(),
        }
    }

    fn step(&mut self, event: &Event) {
        match event {
            Event::Arrival(rows) => {
                let priority = self.arrived % self.policy.priority_levels;
                let key = BatchingKey { rows: *rows, priority, shape: Some(0), batch_key: None };
                self.batcher.push(self.now, key, self.arrived).unwrap();
                self.arrived += 1;
            }
            Event::Pull => self.pull(),
            Event::End(nanos) => {
                let busy_now = self.runs.len();
                let Some((rows, busy)) = self.runs.pop() else { return };
                let duration = Duration::from_nanos(*nanos);
                self.now += duration.min(Duration::from_millis(100));
                let (instances, busy) = (self.instances, (busy, busy_now));
                let run = FinishedRun { rows, ended: self.now, duration, busy, instances };
                self.batcher.finish(&run);
            }
            Event::Pass(micros) => self.now += Duration::from_micros(*micros),
            Event::Instances(count) => self.instances = *count,
        }
    }

    fn pull(&mut self) {
        if self.runs.len() >= self.instances.min(self.batcher.concurrency()) {
            return;
        }
        let waiting = self.batcher.len();
        match self.batcher.next(self.now, false) {
            Next::Take(batch) => {
                assert!((1..=self.policy.max_rows).contains(&batch.rows), "{} rows", batch.rows);
                self.left.extend(batch.items);
                self.runs.push((batch.rows, self.runs.len() + 1));
            }
            Next::WaitUntil(at) => {
                assert_eq!(self.policy.wait, Wait::Always, "an idle instance must take requests");
                assert!(at > self.now && at <= self.now + self.policy.window);
            }
            Next::Nothing => assert_eq!(waiting, 0, "an idle instance must take requests"),
        }
    }

    fn check(&self) {
        let state = self.batcher.auto_state(self.instances).unwrap();
        assert!((1..=self.policy.max_rows).contains(&state.rows), "{state:?}");
        assert!((1..=self.instances).contains(&state.concurrency), "{state:?}");
        assert!(self.batcher.concurrency() >= 1);
        assert!(state.window <= self.policy.window, "{state:?}");
        assert!(state.curve.iter().all(|size| size.rows <= self.policy.max_rows), "{state:?}");
    }
}

proptest! {
    #[test]
    fn nothing_that_is_chosen_leaves_its_bounds(policy in policies(), events in events()) {
        let mut model = Model::new(policy);
        for event in &events {
            model.step(event);
            model.check();
        }
        // Whatever was learned, no request stays.
        while model.batcher.len() > 0 {
            model.step(&Event::Pass(20_000));
            model.pull();
            model.step(&Event::End(1_000));
        }
        let mut left = model.left;
        left.sort_unstable();
        prop_assert!(left.into_iter().eq(0..model.arrived));
    }
}
