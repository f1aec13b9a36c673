//! Runs against a real server on the loopback.

#[expect(clippy::unwrap_used, reason = "a test that can't go on fails")]
mod server;

use std::time::Duration;

use bytes::Bytes;
use grps_perf::{Arrivals, Load, Run, Window};
use server::{Behavior, Server, constant, count, percentile, plan, run};

const STALL: Duration = Duration::from_secs(2);
const LENGTH_S: f64 = 4.0;
const RATE: f64 = 50.0;

fn stalling() -> Server {
    let after = Duration::from_secs(1);
    Server::start(Behavior::Stalling { after, stall: STALL })
}

/// While the server stalls, requests arrive evenly, and each waits for the end of the stall. So the
/// slowest share of all requests, of `1 - q`, waits at least the stall less that share of the run.
#[test]
fn percentiles_of_an_open_loop_are_those_of_theory() {
    let server = stalling();
    let requests = (LENGTH_S * RATE) as u64;
    let report = run(plan(server.address, constant(RATE), count(requests)));
    assert_eq!((report.succeeded, report.failed, report.not_sent), (requests, 0, 0));
    for share in [0.75, 0.9, 0.95, 0.99] {
        let theory = STALL.as_secs_f64() - (1.0 - share) * LENGTH_S;
        let found = percentile(&report, share);
        assert!((found / theory - 1.0).abs() < 0.1, "p{share}: {found} s, not {theory} s");
    }
    assert_eq!(report.window.succeeded, requests);
    assert!(percentile(&report, 0.25) < 0.2, "requests outside of the stall do not wait");
}

/// A closed loop sends nothing while it waits: of the same stall it sees one request.
#[test]
fn a_closed_loop_sees_a_stall_once_for_each_connection() {
    let server = stalling();
    let window = Window { warmup_s: 0.0, duration_s: Some(LENGTH_S), count: None };
    let report = run(plan(server.address, Load::Closed { concurrency: 3 }, window));
    let slow: u64 = report
        .latency
        .counts
        .iter()
        .filter(|(value, _)| *value as f64 / 1e9 > 0.9 * STALL.as_secs_f64())
        .map(|(_, count)| count)
        .sum();
    assert_eq!(slow, 3);
    assert!((report.window.seconds - LENGTH_S).abs() < 1e-6, "{}", report.window.seconds);
    assert!((1..=report.succeeded).contains(&report.window.succeeded));
    assert_eq!(report.failed, 0);
}

#[test]
fn a_closed_loop_sends_as_many_as_it_is_told() {
    let server = Server::start(Behavior::Prompt);
    for (concurrency, threads) in [(1, 1), (4, 2), (7, 3)] {
        let before = server.count();
        let mut plan = plan(server.address, Load::Closed { concurrency }, count(100));
        plan.threads = threads;
        let report = run(plan);
        assert_eq!((report.succeeded, report.begun), (100, 100));
        assert_eq!(server.count() - before, 100);
        assert!(report.connections <= concurrency as u64, "{} connections", report.connections);
        assert_eq!(report.latency.counts.iter().map(|(_, count)| count).sum::<u64>(), 100);
        assert!(report.cpu_s > 0.0);
    }
}

#[test]
fn an_open_loop_sends_each_arrival_once_with_any_number_of_threads() {
    let server = Server::start(Behavior::Prompt);
    for threads in [1, 3] {
        let before = server.count();
        let seconds = (0..90).map(|number| f64::from(number) * 0.001).collect();
        let window = Window { warmup_s: 0.0, duration_s: None, count: None };
        let load = Load::Open(Arrivals::Trace { seconds });
        let mut plan = plan(server.address, load, window);
        plan.threads = threads;
        let report = run(plan);
        assert_eq!((report.succeeded, report.lateness.count), (90, 90));
        assert_eq!(server.count() - before, 90);
    }
}

#[test]
fn the_warm_up_is_not_measured() {
    let server = Server::start(Behavior::Prompt);
    let window = Window { warmup_s: 0.1, duration_s: None, count: Some(20) };
    let report = run(plan(server.address, constant(200.0), window));
    assert_eq!((report.succeeded, report.begun), (20, 40));
}

#[test]
fn throughput_does_not_wait_for_the_last_request() {
    let behavior =
        Behavior::Stalling { after: Duration::from_millis(900), stall: Duration::from_secs(1) };
    let server = Server::start(behavior);
    let window = Window { warmup_s: 0.0, duration_s: Some(1.0), count: None };
    let report = run(plan(server.address, constant(100.0), window));
    assert_eq!((report.succeeded, report.failed), (100, 0));
    assert!(report.elapsed_s > 1.5, "{} s", report.elapsed_s);
    assert!((report.window.seconds - 1.0).abs() < 1e-6, "{}", report.window.seconds);
    assert!(report.window.succeeded < 100, "{} ended in time", report.window.succeeded);
}

#[test]
fn requests_beyond_the_limit_of_open_ones_are_not_sent() {
    let server = Server::start(Behavior::Silent);
    let mut plan = plan(server.address, constant(1000.0), count(50));
    plan.limits.max_open = 8;
    plan.limits.timeout_s = 0.5;
    let report = run(plan);
    assert_eq!((report.not_sent, report.failed), (42, 8));
    assert_eq!(report.errors[0].status, "timeout");
}

#[test]
fn a_stop_ends_a_run_with_what_it_has() {
    let server = Server::start(Behavior::Silent);
    let run = Run::start(
        plan(server.address, Load::Closed { concurrency: 5 }, count(100)),
        &[Bytes::new()],
    )
    .unwrap();
    while server.count() < 5 {
        assert!(!run.wait(Duration::from_millis(1)));
    }
    assert_eq!(run.progress().unwrap().open, 5);
    run.stop();
    assert!(run.wait(Duration::from_secs(30)));
    let report = run.report().unwrap();
    assert_eq!((report.succeeded, report.unfinished), (0, 5));
}

#[test]
fn failures_have_their_status_and_first_text() {
    let server = Server::start(Behavior::Refusing);
    let report = run(plan(server.address, Load::Closed { concurrency: 2 }, count(10)));
    assert_eq!((report.succeeded, report.failed), (0, 10));
    let error = &report.errors[0];
    assert_eq!((&*error.status, error.count, &*error.text), ("HTTP 404", 10, "no such model"));
    // A connection is used again after a response, whatever its status.
    assert!(report.connections <= 2);
}

#[test]
fn a_server_that_is_not_there_is_a_failure_of_each_request() {
    let address = Server::start(Behavior::Prompt).address;
    let report = run(plan(address, Load::Closed { concurrency: 1 }, count(3)));
    assert_eq!((report.failed, report.errors.len()), (3, 1));
    assert_eq!(report.errors[0].status, "no connection");
}

#[test]
fn chunks_of_a_stream_are_measured() {
    let pause = Duration::from_millis(20);
    let server = Server::start(Behavior::Streaming { chunks: 5, pause });
    let mut plan = plan(server.address, Load::Closed { concurrency: 2 }, count(6));
    plan.streaming = true;
    let report = run(plan);
    assert_eq!((report.succeeded, report.chunks), (6, 30));
    assert_eq!((report.first.count, report.gap.count), (6, 24));
    assert!(report.first.min as f64 >= 0.9 * pause.as_nanos() as f64, "{}", report.first.min);
    assert!(report.gap.mean >= 0.9 * pause.as_nanos() as f64, "{}", report.gap.mean);
}

#[test]
fn a_response_may_have_as_many_bytes_as_the_limit_and_no_more() {
    let server = Server::start(Behavior::Prompt);
    for (most, failed) in [(2, 0), (1, 3)] {
        let mut plan = plan(server.address, Load::Closed { concurrency: 1 }, count(3));
        plan.limits.max_response_bytes = most;
        assert_eq!(run(plan).failed, failed);
    }
}

#[test]
fn plans_that_can_not_be_carried_out_are_refused() {
    let server = Server::start(Behavior::Prompt);
    let good = plan(server.address, Load::Closed { concurrency: 4 }, count(1));
    let mut cases = vec![(good.clone(), "a run needs a request")];
    cases[0].0.requests.clear();
    let mut add = |text, change: &dyn Fn(&mut grps_perf::Plan)| {
        let mut plan = good.clone();
        change(&mut plan);
        cases.push((plan, text));
    };
    add("concurrency must be 1 to 1000, not 1001", &|plan| {
        plan.load = Load::Closed { concurrency: 1001 };
    });
    add("rate must be above 0", &|plan| plan.load = constant(0.0));
    add("ascend", &|plan| {
        plan.load = Load::Open(Arrivals::Trace { seconds: vec![1.0, 0.5] });
    });
    add("only gRPC shares them", &|plan| plan.limits.connections = Some(3));
    add("threads must be 1 to 64, not 65", &|plan| plan.threads = 65);
    add("a duration or a number", &|plan| plan.window.count = None);
    add("timeout_s", &|plan| plan.limits.timeout_s = f64::NAN);
    add("header \"a b\"", &|plan| plan.requests[0].headers.push(("a b".into(), "x".into())));
    add("path", &|plan| plan.requests[0].path = "no path".into());
    for (plan, text) in cases {
        let error = Run::start(plan, &[Bytes::new()]).err().expect(text).to_string();
        assert!(error.contains(text), "{error:?} does not say {text:?}");
    }
}
