use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use grps_core::{Executor, PendingReply, SchedulingOptions, Submission, Timeline, TraceContext};
use grps_server::codec::GrpsMessage;
use grps_server::{EndpointTable, OtherServices, TableEndpoint};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::Handle;

use super::*;
use crate::fake::{Behaviour, Fake};
use crate::{RemoteExecutor, ServiceSettings, Services};

/// Longer than anything that is waited for takes.
const GUARD: Duration = Duration::from_secs(20);

struct Front {
    services: Services,
    executor: RemoteExecutor,
}

impl Front {
    /// A front of these endpoints, all of which are in this state.
    async fn of(fakes: &[&Fake], state: &str) -> Self {
        let front = Self::new(fakes.iter().map(|fake| fake.address.as_str()));
        for fake in fakes {
            front.wait_for(&fake.address, state).await;
        }
        front
    }

    fn new<'a>(addresses: impl Iterator<Item = &'a str>) -> Self {
        let settings = serde_json::json!([{
            "name": "other",
            "endpoints": {
                "source": "static",
                "addresses": addresses.collect::<Vec<_>>(),
                "refresh_seconds": 5,
            },
            "connections": 3,
            "connect_timeout_ms": 5000,
            "timeout_ms": 0,
            "max_response_bytes": 1 << 20,
        }]);
        let settings = ServiceSettings::list(&settings.to_string()).unwrap();
        let services = Services::new(settings).unwrap();
        let executor = services.executor("other", "m-1", "own-1").unwrap();
        services.start(&Handle::current());
        Self { services, executor }
    }

    /// State and reason of an endpoint.
    fn state(&self, address: &str) -> (String, String) {
        let states = self.services.states();
        let endpoint = states[0].endpoints.iter().find(|one| one.address == address).unwrap();
        (endpoint.state.to_owned(), endpoint.reason.clone().unwrap_or_default())
    }

    async fn wait_for(&self, address: &str, state: &str) -> String {
        let waiting = async {
            loop {
                let (now, reason) = self.state(address);
                if now == state {
                    return reason;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let found = tokio::time::timeout(GUARD, waiting).await;
        found.unwrap_or_else(|_| panic!("{address} is {:?}, not {state}", self.state(address)))
    }

    fn submit(&self, call: Call) -> PendingReply {
        match self.executor.submit(call) {
            Submission::Pending(pending) => pending,
            Submission::Done(reply) => panic!("{reply:?}"),
        }
    }

    async fn call(&self, bytes: usize) -> Result<Content, Error> {
        tokio::time::timeout(GUARD, self.submit(call(bytes))).await.unwrap().outcome
    }
}

fn call(bytes: usize) -> Call {
    let message = proto::encode(&GrpsMessage::of_binary(vec![7; bytes].into()));
    let timeline = Arc::new(Timeline::new("the-id", None));
    Call::new(timeline, Content::Message(message), &SchedulingOptions::default())
}

fn binary(content: Content) -> Bytes {
    let Content::Message(message) = content else { panic!("{content:?}") };
    match proto::decode(&message).unwrap().data {
        grps_server::codec::Data::Binary(bytes) => bytes,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn messages_of_all_sizes_come_back() {
    let fake = Fake::start(Behaviour::Echo).await;
    let front = Front::of(&[&fake], "up").await;
    for bytes in [0, 1, LARGE_BYTES - 100, LARGE_BYTES + 1, 900_000] {
        assert_eq!(binary(front.call(bytes).await.unwrap()), vec![7; bytes]);
    }
    assert_eq!(front.executor.instances(), 1);
    assert_eq!(front.executor.trouble(), None);
}

#[tokio::test]
async fn what_belongs_to_a_call_travels_along() {
    let fake = Fake::start(Behaviour::Echo).await;
    let front = Front::of(&[&fake], "up").await;
    let trace =
        TraceContext { trace_id: 1, span_id: 2, parent_id: None, sampled: true, state: None };
    let call = Call {
        timeline: Arc::new(Timeline::new("the-id", Some(trace))),
        priority: 3,
        batch_key: Some("beam".into()),
        deadline: Some(Instant::now() + GUARD),
        ..call(1)
    };
    front.submit(call).await.outcome.unwrap();
    let head = fake.heads.lock()[0].clone();
    assert_eq!(head["x-request-id"], "the-id");
    assert_eq!(head["x-grps-priority"], "3");
    assert_eq!(head["x-grps-batch-key"], "beam");
    assert_eq!(head["traceparent"], "00-00000000000000000000000000000001-0000000000000002-01");
    assert!(head["grpc-timeout"].to_str().unwrap().ends_with('u'));
    assert_eq!(head["grps-raw-tensors"], "1");
}

#[tokio::test]
async fn what_was_not_begun_goes_elsewhere() {
    for refusal in [Behaviour::Refuse, Behaviour::Answer(14)] {
        let (bad, good) = (Fake::start(refusal).await, Fake::start(Behaviour::Echo).await);
        let front = Front::of(&[&bad, &good], "up").await;
        for _ in 0..10 {
            front.services.states();
            if let Err(error) = front.call(1).await {
                // Without a retry that is left; the next ones have one.
                assert_eq!(error.cause(), Cause::Unavailable);
            }
        }
        let state = front.services.states().remove(0);
        let sent = bad.calls() + good.calls();
        assert_eq!(state.requests as usize, sent);
        assert!(state.retries <= 1 + 10 / 10, "{}", state.retries);
        assert!(good.calls() > 0);
    }
}

#[tokio::test]
async fn an_endpoint_that_is_full_is_left_alone_for_a_moment() {
    let (full, good) = (Fake::start(Behaviour::Full).await, Fake::start(Behaviour::Echo).await);
    let front = Front::of(&[&full, &good], "up").await;
    // The first retry is free, and each later call knows that one of the two is full.
    let began = Instant::now();
    let (mut calls, mut failed) = (0, 0);
    while full.calls() == 0 || calls < 30 {
        calls += 1;
        failed += usize::from(front.call(1).await.is_err());
    }
    let periods = 1 + (began.elapsed().as_millis() / 50) as usize;
    assert!(full.calls() <= periods, "{} in {periods}", full.calls());
    assert!(failed < periods, "{failed} in {periods}");
    assert_eq!(front.state(&full.address).0, "up");
}

#[tokio::test]
async fn retries_are_a_tenth_when_all_refuse() {
    for (refusal, cause) in
        [(Behaviour::Refuse, Cause::Unavailable), (Behaviour::Full, Cause::QueueFull)]
    {
        let fakes = [Fake::start(refusal).await, Fake::start(refusal).await];
        let front = Front::of(&[&fakes[0], &fakes[1]], "up").await;
        for _ in 0..300 {
            let error = front.call(1).await.unwrap_err();
            assert_eq!(error.cause(), cause);
            assert_eq!(error.retry_after().is_some(), cause == Cause::QueueFull);
        }
        let sent = fakes[0].calls() + fakes[1].calls();
        assert!((310..=330).contains(&sent), "{sent}");
        let state = front.services.states().remove(0);
        assert_eq!(state.retries as usize, sent - 300);
        assert!(state.retries_refused > 200);
    }
}

#[tokio::test]
async fn what_was_begun_is_never_sent_again() {
    for (behaviour, words) in [
        (Behaviour::Reset, "it may have run the request"),
        (Behaviour::Long, "max_response_bytes is 1048576"),
        (Behaviour::AnswerLate(14), "service 'other' at "),
        (Behaviour::AnswerLate(13), "service 'other' at "),
        (Behaviour::Answer(13), "service 'other' at "),
    ] {
        let fakes = [Fake::start(behaviour).await, Fake::start(behaviour).await];
        let front = Front::of(&[&fakes[0], &fakes[1]], "up").await;
        let error = front.call(1).await.unwrap_err();
        // Another service that calls this one would take 'unavailable' for not begun.
        assert_eq!(error.cause(), Cause::ModelFailed, "{behaviour:?}");
        assert!(error.message().contains(words), "{error}");
        assert_eq!(fakes[0].calls() + fakes[1].calls(), 1, "{behaviour:?}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_resets_the_stream() {
    let fake = Fake::start(Behaviour::Stall).await;
    let front = Front::of(&[&fake], "up").await;
    let running = tokio::spawn(front.submit(call(1)));
    let wait = |done: Box<dyn Fn() -> bool>| async move {
        while !done() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let calls = Arc::clone(&fake.calls);
    let is_begun = Box::new(move || calls.load(Ordering::SeqCst) == 1);
    tokio::time::timeout(GUARD, wait(is_begun)).await.unwrap();
    running.abort();
    let resets = Arc::clone(&fake.resets);
    let is_reset = Box::new(move || resets.load(Ordering::SeqCst) == 1);
    tokio::time::timeout(GUARD, wait(is_reset)).await.unwrap();
    assert_eq!(front.services.states()[0].endpoints[0].in_flight, 0);
}

#[tokio::test]
async fn a_deadline_ends_the_call() {
    let fake = Fake::start(Behaviour::Stall).await;
    let front = Front::of(&[&fake], "up").await;
    let call = Call { deadline: Some(Instant::now() + Duration::from_millis(50)), ..call(1) };
    let error = front.submit(call).await.outcome.unwrap_err();
    assert_eq!(error.cause(), Cause::DeadlineExceeded);
}

#[tokio::test]
async fn an_endpoint_that_loses_calls_is_ejected() {
    let fake = Fake::start(Behaviour::Reset).await;
    let front = Front::of(&[&fake], "up").await;
    for _ in 0..4 {
        front.call(1).await.unwrap_err();
    }
    assert_eq!(front.state(&fake.address).0, "up");
    front.call(1).await.unwrap_err();
    let ejections = || {
        let state = front.services.states().remove(0);
        state.ejections.into_iter().find(|(reason, _)| *reason == "failures").unwrap().1
    };
    let counted = async {
        while ejections() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(GUARD, counted).await.unwrap();
    fake.set(Behaviour::Echo);
    front.wait_for(&fake.address, "up").await;
    front.call(1).await.unwrap();
}

#[tokio::test]
async fn versions_and_forms_that_differ_are_refused() {
    let (first, second) = (Fake::start(Behaviour::Echo).await, Fake::start(Behaviour::Echo).await);
    first.set_facts(|facts| "99.1.0".clone_into(&mut facts.version));
    let front = Front::of(&[&first], "refused").await;
    let reason = front.state(&first.address).1;
    assert!(reason.contains("it runs GRPS 99.1.0, and this service "), "{reason}");
    second.set_facts(|facts| facts.form = grps_core::InputForm::Tensors);
    let third = Fake::start(Behaviour::Echo).await;
    let front = Front::new([second.address.as_str(), &third.address].into_iter());
    let both = async {
        loop {
            let states = [front.state(&second.address), front.state(&third.address)];
            if let Some(refused) = states.iter().find(|(state, _)| state == "refused") {
                break refused.1.clone();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let reason = tokio::time::timeout(GUARD, both).await.unwrap();
    assert!(reason.contains("a model of tensors") && reason.contains("a model of messages"));
    assert!(front.executor.wait_for_facts(Duration::ZERO).is_some());
}

/// An endpoint that reads a request and says that it has begun no stream.
async fn going_away(calls: Arc<AtomicUsize>) -> String {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // Settings, then GOAWAY with last stream 0 once frames of a request have come.
            stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
            let mut received = [0; 4096];
            let mut total = 0;
            while total < 200 {
                total += stream.read(&mut received).await.unwrap();
            }
            calls.fetch_add(1, Ordering::SeqCst);
            let goaway = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            stream.write_all(&goaway).await.unwrap();
            while stream.read(&mut received).await.is_ok_and(|count| count > 0) {}
        }
    });
    address
}

#[tokio::test]
async fn a_stream_behind_goaway_was_not_begun() {
    let address = going_away(Arc::default()).await;
    let settings = serde_json::json!({
        "name": "other", "endpoints": {"source": "ray", "refresh_seconds": 5}, "connections": 2,
        "connect_timeout_ms": 5000, "timeout_ms": 0, "max_response_bytes": 1000,
    });
    let settings: ServiceSettings = serde_json::from_value(settings).unwrap();
    let changed = Arc::default();
    let connection = crate::transport::connection::Connection::open(
        &address,
        &settings,
        changed,
        Arc::new(|| false),
    )
    .await
    .unwrap();
    let connection = Arc::new(connection);
    let head = crate::transport::headers::EndpointHead::new(&address, false, None);
    let head = head.request(RemoteMethod::Predict, &CallHeaders::default()).unwrap();
    let begun = Exchange::begin(Arc::clone(&connection), head, &[vec![1; 300].into()], 10).await;
    let failure = begun.unwrap_err();
    assert!(matches!(failure, Failure::NotBegun { was_sent: true, .. }), "{failure:?}");
    assert!(!connection.is_open());
}

#[tokio::test]
async fn tables_are_for_services_that_wait_for_them() {
    let fake = Fake::start(Behaviour::Echo).await;
    let front = Front::of(&[&fake], "up").await;
    let endpoints = vec![TableEndpoint { address: "a:1".to_owned() }];
    let table = EndpointTable { generation: 1, endpoints };
    let error = front.services.replace_endpoints("other", table.clone()).unwrap_err();
    assert!(error.message().contains("only a service with source 'ray' takes a table"));
    let error = front.services.replace_endpoints("another", table).unwrap_err();
    assert_eq!(error.cause(), Cause::NotFound);
}

#[tokio::test]
async fn a_closed_model_takes_no_calls_and_frees_its_place() {
    let fake = Fake::start(Behaviour::Echo).await;
    let front = Front::of(&[&fake], "up").await;
    front.executor.close();
    assert!(front.executor.is_closed());
    let Submission::Done(reply) = front.executor.submit(call(1)) else { panic!() };
    assert_eq!(reply.outcome.unwrap_err().cause(), Cause::Unavailable);
    let all: Vec<_> =
        (0..64).map(|_| front.services.executor("other", "m-1", "own-1").unwrap()).collect();
    let error = front.services.executor("other", "m-1", "own-1").unwrap_err();
    assert!(error.contains("has 64 models already"), "{error}");
    drop(all);
}
