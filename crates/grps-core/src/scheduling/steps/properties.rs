//! Properties of the scheduler for any arrivals, on a simulated clock.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::plan::Plan;
use super::policy::{Preemption, StepPolicy};
use super::scheduler::StepScheduler;
use super::sequence::{EndReason, Need, SequenceItem};
use super::waiting::{StepRefusal, Waiting};

const STEP: Duration = Duration::from_millis(10);

/// A request whose client may leave, and may be slow.
#[derive(Clone, Debug)]
struct Request {
    id: usize,
    /// Steps it takes.
    length: usize,
    left: Rc<Cell<bool>>,
    slow: Rc<Cell<bool>>,
}

impl SequenceItem for Request {
    fn is_wanted(&self) -> bool {
        !self.left.get()
    }

    fn has_room(&self) -> bool {
        !self.slow.get()
    }
}

/// One arrival.
#[derive(Clone, Debug)]
struct Arrival {
    /// The step before which it comes.
    at: usize,
    length: usize,
    prefill: usize,
    priority: u8,
    client: u8,
    state_bytes: usize,
    /// The step before which its client leaves.
    leaves: Option<usize>,
    /// Steps during which its client takes nothing.
    slow: std::ops::Range<usize>,
}

fn arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    let one = (0..60usize, 1..12usize, 1..30usize, 0..3u8, 0..4u8, 0..50usize);
    let leaves = prop::option::weighted(0.3, 0..80usize);
    let slow = (0..80usize, 0..6usize);
    let arrival = (one, leaves, slow).prop_map(|(one, leaves, (from, steps))| Arrival {
        at: one.0,
        length: one.1,
        prefill: one.2,
        priority: one.3,
        client: one.4,
        state_bytes: one.5,
        leaves,
        slow: from..from + steps,
    });
    prop::collection::vec(arrival, 0..60)
}

fn policies() -> impl Strategy<Value = StepPolicy> {
    let preemption =
        prop_oneof![Just(Preemption::Never), Just(Preemption::Save), Just(Preemption::Recompute)];
    let chunk = prop::option::of(1..16usize);
    let limits = (1..9usize, 0..40usize, 1..4u8, prop_oneof![Just(usize::MAX), 50..200usize]);
    (limits, chunk, preemption).prop_map(|(limits, max_chunk, preemption)| StepPolicy {
        max_slots: limits.0,
        max_step_cost: if limits.1 == 0 { usize::MAX } else { limits.0 + limits.1 },
        max_chunk,
        priority_levels: limits.2,
        max_state_bytes: limits.3,
        max_steps: 10,
        preemption,
        patience: STEP * 20,
        ..StepPolicy::default()
    })
}

/// An instance that does what plans say, and checks each of them.
struct Instance {
    policy: Arc<StepPolicy>,
    scheduler: StepScheduler<Request>,
    /// Which request has which row.
    rows: Vec<Option<usize>>,
    saved: HashMap<u64, usize>,
    /// Requests that begun and did not end.
    open: HashSet<usize>,
    steps: HashMap<usize, usize>,
    prefilled: HashMap<usize, usize>,
    ended: HashMap<usize, EndReason>,
}

impl Instance {
    fn new(policy: &Arc<StepPolicy>) -> Self {
        Self {
            policy: Arc::clone(policy),
            scheduler: StepScheduler::new(Arc::clone(policy)),
            rows: vec![None; policy.max_slots],
            saved: HashMap::new(),
            open: HashSet::new(),
            steps: HashMap::new(),
            prefilled: HashMap::new(),
            ended: HashMap::new(),
        }
    }

    /// Frees the rows of what leaves.
    fn leave(&mut self, plan: &Plan<Request>) {
        for ended in &plan.ended {
            let id = ended.sequence.item.id;
            if let Some(row) = ended.row {
                assert_eq!(self.rows[row].take(), Some(id));
                assert!(self.open.remove(&id));
            } else if self.saved.remove(&ended.sequence.number).is_some() {
                assert!(self.open.remove(&id));
            }
            assert!(self.ended.insert(id, ended.reason).is_none(), "{id} ended twice");
        }
        for (row, number) in &plan.saved {
            let id = self.rows[*row].take().unwrap();
            assert!(self.saved.insert(*number, id).is_none());
        }
        for row in &plan.dropped {
            let id = self.rows[*row].take().unwrap();
            assert!(self.open.remove(&id));
        }
    }

    /// Does one step.
    fn run(&mut self, plan: &Plan<Request>) {
        self.leave(plan);
        let moved: Vec<_> =
            plan.moves.iter().map(|(from, to)| (self.rows[*from].take(), *to)).collect();
        for (id, to) in moved {
            assert!(self.rows[to].is_none() && id.is_some());
            self.rows[to] = id;
        }
        for row in &plan.begun {
            let id = self.scheduler.rows()[*row].item.id;
            assert!(self.rows[*row].replace(id).is_none());
            assert!(self.open.insert(id), "{id} began twice");
            self.prefilled.insert(id, 0);
        }
        for (row, number) in &plan.restored {
            let id = self.saved.remove(number).unwrap();
            assert!(self.rows[*row].replace(id).is_none());
        }
        let held = self.rows.iter().flatten().count();
        assert_eq!(held, self.scheduler.rows().len());
        for (row, sequence) in self.scheduler.rows().iter().enumerate() {
            assert_eq!(self.rows[row], Some(sequence.item.id));
        }
        let mut cost = plan.running;
        for (row, positions) in &plan.prefill {
            let done = self.prefilled.entry(self.rows[*row].unwrap()).or_default();
            assert_eq!(*done, positions.start);
            *done = positions.end;
            cost += positions.len();
            assert!(positions.len() <= self.policy.max_chunk.unwrap_or(usize::MAX));
        }
        assert!(held <= self.policy.max_slots);
        assert!(cost <= self.policy.max_step_cost, "{cost} > {}", self.policy.max_step_cost);
        let bytes: usize = self.scheduler.rows().iter().map(|row| row.need.state_bytes).sum();
        assert!(bytes <= self.policy.max_state_bytes);
        for row in 0..plan.running {
            let sequence = &self.scheduler.rows()[row];
            assert_eq!(sequence.to_prefill(), 0);
            assert!(sequence.item.has_room() && sequence.item.is_wanted());
            *self.steps.entry(sequence.item.id).or_default() += 1;
            if sequence.steps + 1 >= sequence.item.length {
                self.scheduler.end(row, EndReason::Finished);
            }
        }
        self.scheduler.note_step();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn bounds_hold_nothing_starves_and_each_sequence_ends_once(
        arrivals in arrivals(), policy in policies(), instances in 1..3usize,
    ) {
        let policy = Arc::new(policy);
        let mut waiting = Waiting::new(Arc::clone(&policy));
        let mut all: Vec<_> = (0..instances).map(|_| Instance::new(&policy)).collect();
        let begin = Instant::now();
        let mut requests: Vec<(Arrival, Request)> = Vec::new();
        let mut refused = 0;
        let mut arrivals = arrivals;
        arrivals.sort_by_key(|arrival| arrival.at);
        let mut arrivals = arrivals.into_iter().peekable();
        for step in 0..4000usize {
            let now = begin + STEP * u32::try_from(step).unwrap();
            while let Some(arrival) = arrivals.next_if(|arrival| arrival.at <= step) {
                let request = Request {
                    id: requests.len(),
                    length: arrival.length,
                    left: Rc::default(),
                    slow: Rc::default(),
                };
                let need = Need {
                    priority: arrival.priority,
                    client: (arrival.client > 0)
                        .then(|| IpAddr::from(Ipv4Addr::new(10, 0, 0, arrival.client))),
                    prefill: arrival.prefill,
                    prompt_tokens: 0,
                    state_bytes: arrival.state_bytes,
                    input_bytes: 1,
                };
                match waiting.push(now, need, request.clone()) {
                    Ok(_) => requests.push((arrival, request)),
                    Err(StepRefusal::Cost) => {
                        prop_assert!(arrival.prefill >= policy.max_step_cost);
                        refused += 1;
                    }
                    Err(other) => panic!("{other:?}"),
                }
            }
            for (arrival, request) in &requests {
                if arrival.leaves == Some(step) {
                    request.left.set(true);
                }
                request.slow.set(arrival.slow.contains(&step));
            }
            for instance in &mut all {
                let plan = instance.scheduler.plan(now, &mut waiting);
                instance.run(&plan);
                // A client that left has no slot after the plan.
                for sequence in instance.scheduler.rows() {
                    prop_assert!(sequence.item.is_wanted());
                }
            }
            let idle = all.iter().all(|instance| instance.scheduler.is_idle());
            if arrivals.peek().is_none() && idle && waiting.len() == 0 {
                break;
            }
        }
        prop_assert_eq!(waiting.len(), 0, "something starves; {} refused", refused);
        for instance in &all {
            prop_assert!(instance.scheduler.is_idle() && instance.open.is_empty());
        }
        for (arrival, request) in &requests {
            let ended: Vec<_> =
                all.iter().filter_map(|one| one.ended.get(&request.id).copied()).collect();
            let steps: usize =
                all.iter().filter_map(|one| one.steps.get(&request.id)).sum();
            prop_assert_eq!(ended.len(), 1, "{:?} {:?}", arrival, ended);
            match ended[0] {
                EndReason::Finished => prop_assert_eq!(steps, arrival.length),
                EndReason::MaxSteps => prop_assert_eq!(steps, policy.max_steps),
                EndReason::Cancelled => prop_assert!(request.left.get()),
                EndReason::StopString | EndReason::Failed => prop_assert!(false),
            }
        }
    }
}
