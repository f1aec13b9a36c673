//! In which order sequences that wait begin.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

use proptest::prelude::*;

use super::policy::StepPolicy;
use super::scheduler::StepScheduler;
use super::sequence::{EndReason, Need, SequenceItem};
use super::waiting::{StepRefusal, Waiting};

/// A request by the order of its arrival.
#[derive(Clone, Copy, Debug)]
struct Request(usize);

impl SequenceItem for Request {
    fn is_wanted(&self) -> bool {
        true
    }

    fn has_room(&self) -> bool {
        true
    }
}

fn need(priority: u8, client: u8) -> Need {
    let client = Some(IpAddr::from(Ipv4Addr::new(10, 0, 0, client)));
    Need { priority, client, prefill: 1, prompt_tokens: 0, state_bytes: 0, input_bytes: 1 }
}

/// A policy with so many slots, and what waits: a sequence for each pair of priority and client.
fn waiting(slots: usize, arrivals: &[(u8, u8)]) -> (Arc<StepPolicy>, Waiting<Request>) {
    let policy = StepPolicy { max_slots: slots, priority_levels: 3, ..StepPolicy::default() };
    let policy = Arc::new(policy);
    let mut waiting = Waiting::new(Arc::clone(&policy));
    for (number, (priority, client)) in arrivals.iter().enumerate() {
        waiting.push(Instant::now(), need(*priority, *client), Request(number)).unwrap();
    }
    (policy, waiting)
}

#[test]
fn positions_of_a_prefill_need_memory_before_they_begin() {
    let policy = StepPolicy { max_state_bytes: 17, position_bytes: 3, ..StepPolicy::default() };
    let mut waiting = Waiting::new(Arc::new(policy));
    let of_length = |prefill| Need { prefill, state_bytes: 5, ..need(0, 1) };
    waiting.push(Instant::now(), of_length(4), Request(0)).unwrap();
    assert_eq!(waiting.peek(Instant::now()).unwrap().need.state_bytes, 17);
    let refused = waiting.push(Instant::now(), of_length(5), Request(1)).unwrap_err();
    assert_eq!(refused, StepRefusal::StateBytes);
}

/// Runs one step of each sequence, and returns them in the order in which they begin.
fn begun(scheduler: &mut StepScheduler<Request>, waiting: &mut Waiting<Request>) -> Vec<usize> {
    let mut found = Vec::new();
    loop {
        let plan = scheduler.plan(Instant::now(), waiting);
        if plan.is_empty() {
            return found;
        }
        // Rows are given in the order in which sequences are taken.
        found.extend(plan.begun.iter().map(|row| scheduler.rows()[*row].item.0));
        for row in 0..plan.running {
            scheduler.end(row, EndReason::Finished);
        }
        scheduler.note_step();
    }
}

#[test]
fn two_clients_share_the_slots_in_rotation() {
    let arrivals = [(0, 1), (0, 1), (0, 1), (0, 1), (0, 2), (0, 2), (0, 2)];
    for slots in 1..4 {
        let (policy, mut waiting) = waiting(slots, &arrivals);
        let order = begun(&mut StepScheduler::new(policy), &mut waiting);
        assert_eq!(order, [0, 4, 1, 5, 2, 6, 3], "{slots} slots");
    }
}

#[test]
fn each_of_two_clients_has_half_of_the_slots() {
    let mut arrivals = vec![(0, 1); 20];
    arrivals.extend([(0, 2); 4]);
    let (policy, mut waiting) = waiting(8, &arrivals);
    let mut scheduler = StepScheduler::new(policy);
    scheduler.plan(Instant::now(), &mut waiting);
    let of_second = scheduler.rows().iter().filter(|row| row.item.0 >= 20).count();
    assert_eq!((scheduler.rows().len(), of_second), (8, 4));
}

#[test]
fn an_instance_that_stops_finishes_what_it_holds_and_takes_nothing() {
    let (policy, mut waiting) = waiting(2, &[(0, 1); 5]);
    let mut scheduler = StepScheduler::new(policy);
    assert_eq!(scheduler.plan(Instant::now(), &mut waiting).running, 2);
    scheduler.stop_taking();
    scheduler.end(0, EndReason::Finished);
    let plan = scheduler.plan(Instant::now(), &mut waiting);
    assert_eq!((plan.ended.len(), plan.begun.len(), plan.running), (1, 0, 1));
    scheduler.end(0, EndReason::Finished);
    assert_eq!(scheduler.plan(Instant::now(), &mut waiting).ended.len(), 1);
    assert!(scheduler.is_idle());
    assert_eq!(waiting.len(), 3);
}

proptest! {
    #[test]
    fn within_a_priority_and_a_client_the_first_to_come_is_the_first_to_begin(
        arrivals in prop::collection::vec((0..3u8, 0..4u8), 0..60), slots in 1..5usize,
    ) {
        let (policy, mut waiting) = waiting(slots, &arrivals);
        let order = begun(&mut StepScheduler::new(policy), &mut waiting);
        prop_assert_eq!(order.len(), arrivals.len());
        for (at, first) in order.iter().enumerate() {
            for second in &order[at + 1..] {
                prop_assert!(arrivals[*first].0 <= arrivals[*second].0, "urgent ones come first");
                prop_assert!(arrivals[*first] != arrivals[*second] || first < second);
            }
        }
    }
}
