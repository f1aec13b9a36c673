//! A service over `baidu_std`, and over HTTP in the style of bRPC.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use grps_core::metrics::Protocol;
use grps_core::{Engine, Health, Identity, InputForm, Limits, Model, ModelSpec};

use super::Brpc;
use crate::app::tests::settings;
use crate::app::{App, Settings};
use crate::codec::proto::{Reader, Wire, decode, encode, write_bytes, write_number};
use crate::codec::{Codec, Data, GrpsMessage};
use crate::frontends::FrontEnd;
use crate::frontends::grps_grpc::GrpsGrpc;
use crate::frontends::grps_http::GrpsHttp;
use crate::net::listener::{bind, serve_front_ends};

const FRONT_ENDS: &[&dyn FrontEnd] = &[&GrpsHttp, &GrpsGrpc, &Brpc];

fn app(settings: Settings) -> Arc<App> {
    let limits = Limits { max_concurrency: 10, max_queue: 10 };
    let engine = Engine::new(limits, Health::new(true), Box::new(Codec));
    let spec = ModelSpec::new("id", "1", InputForm::Message);
    engine.registry().put(Model::inline(spec, Box::new(Identity))).unwrap();
    engine.health().set_loaded();
    Arc::new(App::new(Arc::new(engine), settings))
}

/// Runs a client against a service.
async fn with_service<T: Send + 'static>(
    app: Arc<App>,
    client: impl FnOnce(SocketAddr) -> T + Send + 'static,
) -> T {
    let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let (done, stop) = tokio::sync::oneshot::channel();
    let serving = tokio::spawn(serve_front_ends(FRONT_ENDS, vec![listener], app, async {
        let _ = stop.await;
    }));
    let outcome = tokio::task::spawn_blocking(move || client(address)).await.unwrap();
    done.send(()).unwrap();
    serving.await.unwrap().unwrap();
    outcome
}

/// A frame that calls a method; `more` adds fields to the meta.
fn call(method: &str, id: u64, payload: &[u8], more: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut request = Vec::new();
    write_bytes(&mut request, 1, b"GrpsBrpcService");
    write_bytes(&mut request, 2, method.as_bytes());
    let mut meta = Vec::new();
    write_bytes(&mut meta, 1, &request);
    write_number(&mut meta, 4, id);
    more(&mut meta);
    let sizes = [meta.len() + payload.len(), meta.len()].map(|size| (size as u32).to_be_bytes());
    [b"PRPC", &sizes[0][..], &sizes[1], &meta, payload].concat()
}

fn text(text: &str) -> Vec<u8> {
    encode(&GrpsMessage { model: "id".to_owned(), ..GrpsMessage::of_text(text.to_owned()) }).into()
}

/// A response: its identifier, and its message or the code and text of its error.
type Response = (u64, Result<GrpsMessage, (u64, String)>);

fn connect(address: SocketAddr) -> TcpStream {
    let connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    connection
}

fn receive(connection: &mut TcpStream) -> Response {
    let mut head = [0; 12];
    connection.read_exact(&mut head).unwrap();
    let size = |at: usize| u32::from_be_bytes(head[at..at + 4].try_into().unwrap()) as usize;
    let mut body = vec![0; size(4)];
    connection.read_exact(&mut body).unwrap();
    let payload = body.split_off(size(8));
    let (mut code, mut text, mut id) = (0, String::new(), None);
    let mut reader = Reader::new(&body);
    while let Some((field, wire)) = reader.tag().unwrap() {
        match (field, wire) {
            (2, Wire::Len) => {
                let mut response = Reader::new(reader.bytes().unwrap());
                while let Some((field, _)) = response.tag().unwrap() {
                    match field {
                        1 => code = response.varint().unwrap(),
                        _ => text = response.text().unwrap().to_owned(),
                    }
                }
            }
            (4, Wire::Varint) => id = Some(reader.varint().unwrap()),
            _ => reader.skip(field, wire).unwrap(),
        }
    }
    let outcome = if code == 0 { Ok(decode(&payload.into()).unwrap()) } else { Err((code, text)) };
    (id.unwrap(), outcome)
}

fn succeeded(app: &App) -> u64 {
    let routes = app.engine.registry().stats().routes();
    let route = routes.iter().find(|route| &*route.name == "id-1").unwrap();
    route.for_protocol(Protocol::Brpc).outcomes.read().succeeded
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pipelined_calls_are_answered_by_their_identifiers() {
    let app = app(settings());
    let counted = Arc::clone(&app);
    with_service(app, |address| {
        let mut connection = connect(address);
        let calls: Vec<_> =
            (0..50).map(|id| call("Predict", id, &text(&id.to_string()), |_| {})).collect();
        connection.write_all(&calls.concat()).unwrap();
        let received: BTreeMap<_, _> = (0..50).map(|_| receive(&mut connection)).collect();
        assert_eq!(received.len(), 50);
        for (id, outcome) in received {
            assert_eq!(outcome.unwrap().data, Data::Text(id.to_string()));
        }
    })
    .await;
    assert_eq!(succeeded(&counted), 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_have_codes_and_the_connection_stays() {
    let settings =
        Settings { max_request_bytes: 1000, admin_token: Some("secret".to_owned()), ..settings() };
    with_service(app(settings), |address| {
        let mut connection = connect(address);
        let mut ask = |frame: &[u8]| {
            connection.write_all(frame).unwrap();
            receive(&mut connection)
        };
        let code = |response: Response| response.1.unwrap_err().0;
        assert_eq!(code(ask(&call("Nope", 1, b"body", |_| {}))), 1002);
        assert_eq!(code(ask(&call("Predict", 1, &[0; 1001], |_| {}))), 1003);
        assert_eq!(code(ask(&call("Predict", 1, b"\x0a\xff", |_| {}))), 1003);
        assert_eq!(code(ask(&call("Predict", 1, b"", |meta| write_number(meta, 3, 4)))), 1003);
        assert_eq!(code(ask(&call("Predict", 1, b"", |meta| write_number(meta, 5, 1)))), 1003);
        assert_eq!(code(ask(&call("Predict", 1, b"", |meta| write_bytes(meta, 8, b"")))), 1003);
        assert_eq!(code(ask(&call("PredictByHttp", 1, b"", |_| {}))), 1003);
        assert_eq!(code(ask(&call("Offline", 1, b"", |_| {}))), 1004);
        assert_eq!(
            code(ask(&call("Offline", 1, b"", |meta| write_bytes(meta, 7, b"wrong")))),
            1004
        );
        let offline = ask(&call("Offline", 9, b"", |meta| write_bytes(meta, 7, b"secret")));
        assert_eq!((offline.0, offline.1.unwrap().status.unwrap().code), (9, 200));
        let ready = ask(&call("CheckReadiness", 1, b"", |_| {})).1.unwrap();
        assert_eq!(ready.status.unwrap().code, 503);
        let padding = 1000 - text("").len() - 1;
        let fits = text(&"x".repeat(padding));
        assert_eq!(fits.len(), 1000);
        assert!(ask(&call("Predict", 1, &fits, |_| {})).1.is_ok());
        let unknown = encode(&GrpsMessage { model: "no".to_owned(), ..GrpsMessage::default() });
        let unknown = ask(&call("Predict", 1, &unknown, |_| {})).1.unwrap();
        assert_eq!(unknown.status.unwrap().code, 404);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payloads_in_chunks_are_joined() {
    with_service(app(settings()), |address| {
        let mut connection = connect(address);
        let chunk = |id: u64, stream: u64, number: i64, part: &[u8]| {
            call("Predict", id, part, |meta| {
                let mut chunk = Vec::new();
                write_number(&mut chunk, 1, stream);
                write_number(&mut chunk, 2, number as u64);
                write_bytes(meta, 6, &chunk);
            })
        };
        let (one, other) = (text("one text"), text("another"));
        let frames = [
            chunk(1, 7, 0, &one[..3]),
            chunk(2, 8, 0, &other[..5]),
            chunk(1, 7, 1, &one[3..6]),
            chunk(2, 8, -1, &other[5..]),
            chunk(1, 7, -1, &one[6..]),
            chunk(3, 9, -1, &one),
            chunk(4, 10, 2, b"x"),
            chunk(5, 11, 0, b"x"),
            chunk(6, 11, 2, b"x"),
        ];
        connection.write_all(&frames.concat()).unwrap();
        let received: BTreeMap<_, _> = (0..5).map(|_| receive(&mut connection)).collect();
        let data = |id| received[&id].as_ref().unwrap().data.clone();
        assert_eq!(data(1), Data::Text("one text".to_owned()));
        assert_eq!(data(2), Data::Text("another".to_owned()));
        assert_eq!(data(3), Data::Text("one text".to_owned()));
        for id in [4, 5] {
            assert_eq!(received[&id].as_ref().unwrap_err().0, 1003);
        }
        // Only so many payloads may be begun.
        let begun: Vec<_> = (0..17).map(|id| chunk(id, 100 + id, 0, b"x")).collect();
        connection.write_all(&begun.concat()).unwrap();
        let (id, outcome) = receive(&mut connection);
        assert_eq!((id, outcome.unwrap_err().0), (16, 2004));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_frame_ends_the_connection_after_the_responses() {
    with_service(app(settings()), |address| {
        for garbage in [
            &b"GET / HTTP/1.1\r\n\r\n"[..],
            b"PRPC\0\0\0\x01\0\0\0\x02x",
            b"PRPC\0\0\0\x01\0\0\0\x01\xff",
        ] {
            let mut connection = connect(address);
            connection
                .write_all(&[&call("Predict", 3, &text("x"), |_| {}), garbage].concat())
                .unwrap();
            assert_eq!(receive(&mut connection).0, 3);
            assert_eq!(connection.read(&mut [0; 1]).unwrap_or(0), 0);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_and_late_bodies_end() {
    let timeout = Duration::from_millis(50);
    let settings = Settings { header_timeout: timeout, body_timeout: timeout, ..settings() };
    with_service(app(settings), |address| {
        let mut idle = connect(address);
        idle.write_all(&call("CheckLiveness", 1, b"", |_| {})).unwrap();
        assert!(receive(&mut idle).1.is_ok());
        assert_eq!(idle.read(&mut [0; 1]).unwrap(), 0);
        let mut cut = connect(address);
        cut.write_all(b"PRPC\0").unwrap();
        assert_eq!(cut.read(&mut [0; 1]).unwrap(), 0);
        let mut late = connect(address);
        let frame = call("Predict", 2, &text("late"), |_| {});
        late.write_all(&frame[..frame.len() - 1]).unwrap();
        let (id, outcome) = receive(&mut late);
        assert_eq!((id, outcome.unwrap_err().0), (2, 1008));
        let mut chunked = connect(address);
        chunked.write_all(&call("Predict", 3, b"x", |meta| write_bytes(meta, 6, b""))).unwrap();
        let (id, outcome) = receive(&mut chunked);
        assert_eq!((id, outcome.unwrap_err().0), (3, 1008));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_over_the_limit_check_the_health_only() {
    let settings = Settings { max_connections: 1, ..settings() };
    with_service(app(settings), |address| {
        let mut first = connect(address);
        first.write_all(&call("CheckLiveness", 1, b"", |_| {})).unwrap();
        assert!(receive(&mut first).1.is_ok());
        let mut second = connect(address);
        second.write_all(&call("CheckReadiness", 1, b"", |_| {})).unwrap();
        assert!(receive(&mut second).1.is_ok());
        second.write_all(&call("Predict", 2, &text("x"), |_| {})).unwrap();
        assert_eq!(receive(&mut second).1.unwrap_err().0, 2003);
    })
    .await;
}

fn post(address: SocketAddr, path: &str, content_type: &str, body: &[u8]) -> String {
    let mut connection = connect(address);
    let length = body.len();
    write!(
        connection,
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {content_type}\r\n\
         Content-Length: {length}\r\n\r\n"
    )
    .unwrap();
    connection.write_all(body).unwrap();
    let mut response = Vec::new();
    connection.read_to_end(&mut response).unwrap();
    String::from_utf8_lossy(&response).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_in_the_style_of_brpc_is_served() {
    with_service(app(settings()), |address| {
        let json = "application/json";
        let predict = "/GrpsBrpcService/Predict";
        let body = br#"{"model": "id", "str_data": "hi"}"#;
        for path in [predict, "/grps.protos.v1.GrpsBrpcService/Predict"] {
            let response = post(address, path, json, body);
            assert!(response.starts_with("HTTP/1.1 200"), "{response}");
            assert!(response.contains(r#""str_data":"hi""#), "{response}");
        }
        let response = post(address, predict, "application/x-protobuf", &text("hi"));
        assert!(
            response.starts_with("HTTP/1.1 200") && response.ends_with("\"\u{2}hi"),
            "{response}"
        );
        let failed = post(address, predict, json, br#"{"model": "no", "str_data": "hi"}"#);
        assert!(failed.starts_with("HTTP/1.1 200") && failed.contains("404"), "{failed}");
        let live = post(address, "/GrpsBrpcService/CheckLiveness", json, b"");
        assert!(live.starts_with("HTTP/1.1 200") && live.contains("SUCCESS"), "{live}");
        for (path, content_type, body, status, code) in [
            ("/GrpsBrpcService/Nope", json, &b""[..], 404, 1002),
            (predict, "text/csv", b"x", 400, 1003),
            (predict, "application/proto", b"\x0a\xff", 400, 1003),
            (predict, json, b"{\"str_data\": ", 400, 1003),
            (predict, json, b"", 400, 1003),
            ("/GrpsBrpcService/Online", json, b"", 401, 1004),
        ] {
            let response = post(address, path, content_type, body);
            assert!(response.starts_with(&format!("HTTP/1.1 {status}")), "{response}");
            assert!(response.contains(&format!("x-bd-error-code: {code}\r\n")), "{response}");
        }
        let by_http = post(address, "/GrpsBrpcService/PredictByHttp?model=id", json, body);
        assert!(by_http.contains(r#""str_data":"hi""#), "{by_http}");
    })
    .await;
}
