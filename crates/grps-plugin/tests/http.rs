//! Customized HTTP in the hands of an inferer of `sdk/cpp/tests/plugin.cpp`.
#![expect(clippy::expect_used, reason = "helpers of tests may panic")]

use std::sync::Arc;

use bytes::Bytes;
use grps_core::{Cause, Content, Error, HttpExchange, HttpReply, RawHttpRequest, RouteQuery};

mod service;
mod support;

use service::{Service, request_for};

/// A request with a query, and what became of it.
struct Asked {
    exchange: Arc<HttpExchange>,
    chunks: Vec<Result<Content, Error>>,
}

async fn ask(service: &Service, query: &str) -> Asked {
    let exchange = Arc::new(HttpExchange::new(RawHttpRequest {
        streaming: query.contains("streaming"),
        method: "PUT".to_owned(),
        path: "/a%20b".to_owned(),
        query: query.to_owned(),
        headers: vec![("x-name".to_owned(), b"caf\xe9".to_vec())],
        body: Bytes::from_static(b"body"),
        peer: ([127, 0, 0, 1], 7).into(),
    }));
    let mut request = request_for(Content::Message(Bytes::new()));
    request.attachment = Some(exchange.clone());
    let route = service.engine.resolve(&RouteQuery::named("m")).expect("a route");
    let mut stream = service.engine.infer_stream(route, request);
    let mut chunks = Vec::new();
    while let Some(chunk) = stream.next().await {
        chunks.push(chunk);
    }
    Asked { exchange, chunks }
}

async fn fault(service: &Service, query: &str) -> String {
    let asked = ask(service, query).await;
    let error = asked.chunks.into_iter().find_map(Result::err).expect("a failure");
    assert_eq!(error.cause(), Cause::ModelFailed);
    error.message().trim_end_matches(" (request id r)").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_seen_and_its_response_set() {
    let service = Service::new("http");
    let asked = ask(&service, "x&a+name=%41+b%2&streaming").await;
    assert_eq!(asked.chunks, []);
    let reply = asked.exchange.take_reply().expect("a response");
    let named = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(reply.status, 201);
    let headers = [named("content-type", "text/x-seen"), named("X-One", "1"), named("X-One", "2")];
    assert_eq!(reply.headers, headers);
    let seen: &[u8] = b"PUT /a%20b A b%2 caf\xe9 streaming streaming 127.0.0.1 body";
    assert_eq!(reply.body, seen);
    let whole = ask(&service, "").await.exchange.take_reply().expect("a response");
    assert_eq!(whole.body, b"PUT /a%20b - caf\xe9 whole whole 127.0.0.1 body".as_slice());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_sent_in_parts_and_a_failure_keeps_its_response() {
    let service = Service::new("http");
    let asked = ask(&service, "mode=stream").await;
    let parts = ["a", "b", "c"].map(|part| Ok(Content::Raw(part.into())));
    assert_eq!(asked.chunks, parts);
    let reply = asked.exchange.take_reply().expect("a response");
    assert_eq!((reply.status, reply.body), (202, Bytes::new()));
    let refused = ask(&service, "mode=refuse").await;
    assert_eq!(refused.chunks, [Err(Error::invalid("refused"))]);
    let body = Bytes::from_static(b"a teapot");
    let teapot = HttpReply { status: 418, headers: Vec::new(), body };
    assert_eq!(refused.exchange.take_reply(), Some(teapot));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_calls_fail_the_request_with_what_was_wrong() {
    let service = Service::new("http");
    let faults = [
        ("late", "respond: a part of the body was sent already; respond before it"),
        ("status", "respond: status 199 is not 200 to 999"),
        ("nothing", "infer set no HTTP response; call respond, or send_body"),
        ("0", "http_request: the view's struct_size is 111, not 112 or more"),
        ("1", "respond: it is NULL"),
        ("2", "respond: its struct_size is 39, not 40 or more"),
        ("3", "respond: header 0: it is not UTF-8"),
        ("4", "respond: its headers are NULL"),
        ("5", "respond: it has 1025 headers; at most 1024 are allowed"),
        ("6", "respond: its body: its pointer is NULL"),
        ("7", "respond: status 1000 is not 200 to 999"),
        ("8", "send_body: its pointer is NULL"),
    ];
    for (mode, expected) in faults {
        assert_eq!(fault(&service, &format!("mode={mode}")).await, expected);
    }
    let outcome = service.ask_for(Content::Message("hello".into())).await.expect("an outcome");
    assert_eq!(outcome, Ok(Content::Message("hello".into())));
}
