//! Tests of the batcher on a simulated clock.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

const WINDOW: Duration = Duration::from_micros(100);

fn key(rows: usize) -> BatchingKey {
    BatchingKey { rows, priority: 0, shape: Some(0), batch_key: None }
}

fn batcher(policy: BatchPolicy) -> Batcher<usize> {
    Batcher::new(Arc::new(policy))
}

fn filled(policy: BatchPolicy, keys: &[BatchingKey]) -> Batcher<usize> {
    let mut batcher = batcher(policy);
    let now = Instant::now();
    for (item, key) in keys.iter().enumerate() {
        batcher.push(now, key.clone(), item).unwrap();
    }
    batcher
}

fn next_batch(batcher: &mut Batcher<usize>) -> (Vec<usize>, Option<Reason>) {
    match batcher.next(Instant::now(), false) {
        Next::Take(batch) => (batch.items, batch.reason),
        other => panic!("expected a batch, got {other:?}"),
    }
}

fn up_to(max_rows: usize) -> BatchPolicy {
    BatchPolicy { max_rows, window: WINDOW, ..BatchPolicy::default() }
}

#[test]
fn an_idle_instance_takes_all_waiting_requests() {
    let mut batcher = filled(up_to(4), &[key(1), key(1)]);
    assert_eq!(next_batch(&mut batcher), (vec![0, 1], Some(Reason::IdleInstance)));
    assert!(matches!(batcher.next(Instant::now(), false), Next::Nothing));
}

#[test]
fn a_full_batch_has_no_reason_and_the_limit_is_exact() {
    let mut batcher = filled(up_to(4), &[key(3), key(1), key(1)]);
    assert_eq!(next_batch(&mut batcher), (vec![0, 1], None));
    assert_eq!(next_batch(&mut batcher), (vec![2], Some(Reason::IdleInstance)));
}

#[test]
fn a_request_that_does_not_fit_is_not_overtaken() {
    let mut batcher = filled(up_to(4), &[key(3), key(2), key(1)]);
    assert_eq!(next_batch(&mut batcher), (vec![0], Some(Reason::Size)));
    assert_eq!(next_batch(&mut batcher), (vec![1, 2], Some(Reason::IdleInstance)));
}

#[test]
fn different_shapes_or_keys_do_not_share_a_batch() {
    let other_shape = BatchingKey { shape: Some(1), ..key(1) };
    let other_key = BatchingKey { batch_key: Some("k".into()), ..key(1) };
    let unshaped = BatchingKey { shape: None, ..key(1) };
    let mut batcher = filled(
        up_to(4),
        &[key(1), other_shape, key(1), other_key.clone(), other_key, unshaped.clone(), unshaped],
    );
    assert_eq!(next_batch(&mut batcher), (vec![0, 2], Some(Reason::Shape)));
    assert_eq!(next_batch(&mut batcher), (vec![1], Some(Reason::Key)));
    assert_eq!(next_batch(&mut batcher), (vec![3, 4], Some(Reason::Key)));
    assert_eq!(next_batch(&mut batcher), (vec![5], Some(Reason::Shape)));
    assert_eq!(next_batch(&mut batcher), (vec![6], Some(Reason::IdleInstance)));
}

#[test]
fn urgent_requests_run_first_and_others_fill_the_batch() {
    let policy = BatchPolicy { priority_levels: 3, ..up_to(2) };
    let urgent = |priority| BatchingKey { priority, ..key(1) };
    let mut batcher = filled(policy, &[urgent(9), urgent(1), urgent(1), urgent(0)]);
    assert_eq!(next_batch(&mut batcher), (vec![3, 1], None));
    assert_eq!(next_batch(&mut batcher), (vec![2, 0], None));
}

#[test]
fn batches_that_are_not_full_get_a_preferred_size() {
    let policy = BatchPolicy { preferred: vec![2, 4], ..up_to(8) };
    let mut batcher = filled(policy, &vec![key(1); 7]);
    assert_eq!(next_batch(&mut batcher), (vec![0, 1, 2, 3], Some(Reason::Size)));
    assert_eq!(next_batch(&mut batcher), (vec![4, 5], Some(Reason::Size)));
    assert_eq!(next_batch(&mut batcher), (vec![6], Some(Reason::IdleInstance)));
}

#[test]
fn the_limit_of_waiting_requests_is_exact() {
    let mut batcher = batcher(BatchPolicy { max_length: 2, ..up_to(4) });
    let now = Instant::now();
    assert_eq!(batcher.push(now, key(1), 0), Ok(0));
    assert_eq!(batcher.push(now, key(1), 1), Ok(1));
    assert_eq!(batcher.push(now, key(1), 2), Err(2));
    assert_eq!(batcher.withdraw(0, 0), Some(0));
    assert_eq!(batcher.withdraw(0, 0), None);
    assert_eq!(batcher.push(now, key(1), 3), Ok(2));
    assert_eq!(batcher.len(), 2);
}

fn always() -> BatchPolicy {
    BatchPolicy { wait: Wait::Always, ..up_to(4) }
}

#[test]
fn the_window_ends_on_time() {
    let mut batcher = batcher(always());
    let start = Instant::now();
    batcher.push(start, key(1), 0).unwrap();
    batcher.push(start + WINDOW / 2, key(1), 1).unwrap();
    let early = start + WINDOW - Duration::from_nanos(1);
    assert!(matches!(batcher.next(early, false), Next::WaitUntil(at) if at == start + WINDOW));
    let Next::Take(batch) = batcher.next(start + WINDOW, false) else { panic!("not due") };
    assert_eq!((batch.items, batch.rows, batch.reason), (vec![0, 1], 2, Some(Reason::Timeout)));
}

#[test]
fn a_full_group_does_not_wait_for_another() {
    let mut batcher = batcher(always());
    let now = Instant::now();
    batcher.push(now, key(1), 0).unwrap();
    for item in 1..5 {
        batcher.push(now, BatchingKey { shape: Some(1), ..key(1) }, item).unwrap();
    }
    let Next::Take(batch) = batcher.next(now, false) else { panic!("not due") };
    assert_eq!((batch.items, batch.reason), (vec![1, 2, 3, 4], None));
    assert!(matches!(batcher.next(now, false), Next::WaitUntil(_)));
}

#[test]
fn no_request_waits_once_the_queue_closes() {
    let mut batcher = batcher(always());
    let now = Instant::now();
    batcher.push(now, key(1), 0).unwrap();
    assert!(matches!(batcher.next(now, true), Next::Take(_)));
}

#[test]
fn a_preferred_size_and_an_urgent_request_end_the_window() {
    let policy = BatchPolicy { preferred: vec![2], priority_levels: 2, ..always() };
    let mut batcher = batcher(policy);
    let now = Instant::now();
    let low_priority = BatchingKey { priority: 1, ..key(1) };
    batcher.push(now, low_priority.clone(), 0).unwrap();
    assert!(matches!(batcher.next(now, false), Next::WaitUntil(_)));
    batcher.push(now, low_priority.clone(), 1).unwrap();
    let Next::Take(batch) = batcher.next(now, false) else { panic!("not due") };
    assert_eq!((batch.items, batch.reason), (vec![0, 1], Some(Reason::Size)));
    batcher.push(now, key(1), 2).unwrap();
    let Next::Take(batch) = batcher.next(now, false) else { panic!("not due") };
    assert_eq!((batch.items, batch.reason), (vec![2], Some(Reason::Priority)));
}

/// An arrival of a random pattern.
#[derive(Clone, Debug)]
struct Arrival {
    /// Time since the previous arrival.
    after_us: u64,
    key: BatchingKey,
    /// When the client disconnects, if the request still waits then.
    cancelled_after_us: Option<u64>,
}

fn arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    let key = (1usize..6, 0usize..4, prop::option::weighted(0.9, 0u64..2), 0usize..3).prop_map(
        |(rows, priority, shape, key)| BatchingKey {
            rows,
            priority,
            shape,
            batch_key: (key > 0).then(|| Arc::from(key.to_string())),
        },
    );
    let one = (0u64..120, key, prop::option::weighted(0.1, 0u64..300)).prop_map(
        |(after_us, key, cancelled_after_us)| Arrival { after_us, key, cancelled_after_us },
    );
    prop::collection::vec(one, 0..80)
}

fn policies() -> impl Strategy<Value = BatchPolicy> {
    let preferred = prop::collection::btree_set(1usize..8, 0..3);
    (5usize..12, any::<bool>(), preferred, 1usize..4).prop_map(
        |(max_rows, always, preferred, priority_levels)| BatchPolicy {
            wait: if always { Wait::Always } else { Wait::WhenBusy },
            preferred: preferred.into_iter().collect(),
            priority_levels,
            ..up_to(max_rows)
        },
    )
}

/// Runs a pattern of arrivals against simulated instances, on a simulated clock.
struct Simulation {
    batcher: Batcher<usize>,
    arrivals: Vec<Arrival>,
    arrived: Vec<Duration>,
    numbers: Vec<u64>,
    batched: Vec<usize>,
    waiting: Vec<usize>,
    start: Instant,
}

impl Simulation {
    fn new(policy: BatchPolicy, arrivals: Vec<Arrival>) -> Self {
        let mut clock = Duration::ZERO;
        let arrived = arrivals
            .iter()
            .map(|arrival| {
                clock += Duration::from_micros(arrival.after_us);
                clock
            })
            .collect();
        Self {
            batcher: batcher(policy),
            arrivals,
            arrived,
            numbers: Vec::new(),
            batched: Vec::new(),
            waiting: Vec::new(),
            start: Instant::now(),
        }
    }

    fn run(&mut self, instances: usize, run_time: Duration) {
        let mut free_at = vec![Duration::ZERO; instances];
        let mut next_arrival = 0;
        let mut now = Duration::ZERO;
        while next_arrival < self.arrivals.len() || !self.waiting.is_empty() {
            while self.arrived.get(next_arrival).is_some_and(|arrived| *arrived <= now) {
                self.arrive(next_arrival, now);
                next_arrival += 1;
            }
            self.cancel(now);
            let mut wake = self.arrived.get(next_arrival).copied();
            for free in &mut free_at {
                if *free <= now {
                    match self.run_next(now) {
                        Some(None) => *free = now + run_time,
                        Some(Some(until)) => wake = Some(wake.map_or(until, |w| w.min(until))),
                        None => {}
                    }
                }
                if *free > now {
                    wake = Some(wake.map_or(*free, |wake| wake.min(*free)));
                }
            }
            let Some(wake) = wake else { break };
            assert!(wake > now, "time stands still");
            now = wake;
        }
    }

    fn arrive(&mut self, item: usize, now: Duration) {
        let key = self.arrivals[item].key.clone();
        self.numbers.push(self.batcher.push(self.start + now, key, item).unwrap());
        self.waiting.push(item);
    }

    fn cancel(&mut self, now: Duration) {
        let cancelled: Vec<usize> = self
            .waiting
            .iter()
            .copied()
            .filter(|item| {
                let after = self.arrivals[*item].cancelled_after_us.map(Duration::from_micros);
                after.is_some_and(|after| self.arrived[*item] + after <= now)
            })
            .collect();
        for item in cancelled {
            let withdrawn =
                self.batcher.withdraw(self.arrivals[item].key.priority, self.numbers[item]);
            assert_eq!(withdrawn, Some(item));
            self.waiting.retain(|waiting| *waiting != item);
        }
    }

    /// `Some(None)` for a batch, `Some(time)` to wait, `None` for nothing to do.
    fn run_next(&mut self, now: Duration) -> Option<Option<Duration>> {
        let policy = Arc::clone(self.batcher.policy());
        match self.batcher.next(self.start + now, false) {
            Next::Take(batch) => {
                self.check(&policy, &batch);
                for item in &batch.items {
                    self.waiting.retain(|waiting| waiting != item);
                }
                self.batched.extend(batch.items);
                Some(None)
            }
            Next::WaitUntil(until) => {
                assert_eq!(policy.wait, Wait::Always);
                for item in &self.waiting {
                    assert!(now < self.arrived[*item] + policy.window, "a request waits too long");
                }
                Some(Some(until - self.start))
            }
            Next::Nothing => {
                assert!(self.waiting.is_empty(), "an instance is idle while requests wait");
                None
            }
        }
    }

    fn check(&self, policy: &BatchPolicy, batch: &FormedBatch<usize>) {
        let keys: Vec<&BatchingKey> =
            batch.items.iter().map(|item| &self.arrivals[*item].key).collect();
        let rows: usize = keys.iter().map(|key| key.rows).sum();
        assert_eq!(rows, batch.rows);
        assert!(rows <= policy.max_rows);
        assert_eq!(batch.reason.is_none(), rows == policy.max_rows);
        assert!(keys.iter().skip(1).all(|key| keys[0].mismatch(key).is_none()));
        let last = policy.priority_levels - 1;
        let priority = |item: &usize| self.arrivals[*item].key.priority.min(last);
        for item in &batch.items {
            // No earlier request of the same group and priority still waits.
            let key = &self.arrivals[*item].key;
            let overtaken = self.waiting.iter().filter(|other| {
                **other < *item
                    && !batch.items.contains(other)
                    && priority(other) == priority(item)
                    && key.mismatch(&self.arrivals[**other].key).is_none()
            });
            assert_eq!(overtaken.count(), 0);
        }
        let mut sorted = batch.items.clone();
        sorted.sort_by_key(|item| (priority(item), *item));
        assert_eq!(sorted, batch.items);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_request_is_lost_and_every_limit_holds(
        policy in policies(),
        arrivals in arrivals(),
        instances in 1usize..4,
        run_time_us in 1u64..300,
    ) {
        let count = arrivals.len();
        let mut simulation = Simulation::new(policy, arrivals);
        simulation.run(instances, Duration::from_micros(run_time_us));
        let mut batched = simulation.batched.clone();
        batched.sort_unstable();
        let before = batched.len();
        batched.dedup();
        prop_assert_eq!(before, batched.len(), "a request ran twice");
        let others = (0..count).filter(|item| batched.binary_search(item).is_err());
        for item in others {
            prop_assert!(simulation.arrivals[item].cancelled_after_us.is_some(), "{} is lost", item);
        }
        prop_assert_eq!(simulation.batcher.len(), 0);
    }
}
