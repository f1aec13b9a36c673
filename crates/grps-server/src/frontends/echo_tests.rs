//! A minimal front end: `/v9/echo/MODEL` runs the model on the bytes of the body.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use bytes::Bytes;
use grps_core::{
    Cause, Content, Engine, Error, Health, Identity, InputForm, Limits, Model, ModelSpec,
    SchedulingOptions,
};
use http::{Response, StatusCode};

use crate::app::tests::settings;
use crate::app::{App, Settings};
use crate::call::access::Policy;
use crate::call::call::Call;
use crate::call::inference::{Decoded, Inference, run};
use crate::codec::{Codec, Data, GrpsMessage, proto};
use crate::frontends::FrontEnd;
use crate::frontends::shared::endpoint::{Endpoint, HttpRequest, Methods};
use crate::frontends::shared::resolve::resolve;
use crate::frontends::shared::response::{BINARY, TEXT, failure, respond};
use crate::net::http::content_coding::collect;
use crate::net::http::reply_body::ReplyBody;
use crate::net::listener::{bind, serve_front_ends};

struct Echo;

impl FrontEnd for Echo {
    fn name(&self) -> &'static str {
        "echo"
    }

    fn endpoints(&self, _: &Settings) -> Vec<Endpoint> {
        vec![Endpoint::new(Methods::Post, "/v9/echo/{model}", Policy::Infer, echo)]
    }

    fn error(&self, error: &Error) -> Response<ReplyBody> {
        failure(error, TEXT, format!("echo: {}", error.message()))
    }
}

async fn echo(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    let outcome = async {
        let body = collect(&request.parts.headers, request.body, &call).await?;
        run(&call, EchoCall { model: request.parameters.concat(), body }).await
    };
    outcome.await.unwrap_or_else(|error| {
        call.report_failure(&error);
        Echo.error(&error)
    })
}

struct EchoCall {
    model: String,
    body: Bytes,
}

impl Inference for EchoCall {
    type Reply = Response<ReplyBody>;

    fn decode_bytes(&self) -> usize {
        self.body.len()
    }

    fn decode(&mut self, call: &Call) -> Result<Decoded, Error> {
        let route = resolve(call, &self.model, &http::HeaderMap::new())?;
        let message = GrpsMessage::of_binary(std::mem::take(&mut self.body));
        let content = Content::Message(proto::encode(&message));
        Ok(Decoded { route, content, options: SchedulingOptions::default(), attachment: None })
    }

    fn encode_bytes(&self, output: &Content) -> usize {
        output.byte_len()
    }

    fn encode(&self, output: Content) -> Result<Response<ReplyBody>, Error> {
        let fault = || Error::new(Cause::ModelFailed, "the output is not bytes");
        let Content::Message(message) = output else { return Err(fault()) };
        match proto::decode(&message)?.data {
            Data::Binary(bytes) => Ok(respond(StatusCode::OK, BINARY, bytes)),
            _ => Err(fault()),
        }
    }
}

const WITH_ECHO: &[&dyn FrontEnd] = &[
    &crate::frontends::grps_http::GrpsHttp,
    &crate::frontends::ops::Ops,
    &crate::frontends::grps_grpc::GrpsGrpc,
    &Echo,
];

fn post(address: SocketAddr, path: &str, body: &str) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    let length = body.len();
    let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
    write!(connection, "{head}Content-Length: {length}\r\n\r\n{body}").unwrap();
    let mut response = String::new();
    connection.read_to_string(&mut response).unwrap();
    response
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_front_end_needs_one_file_and_one_entry() {
    let limits = Limits { max_concurrency: 10, max_queue: 10 };
    let engine = Engine::new(limits, Health::new(true), Box::new(Codec));
    let spec = ModelSpec::new("id", "1", InputForm::Message);
    engine.registry().put(Model::inline(spec, Box::new(Identity))).unwrap();
    engine.health().set_loaded();
    let app = Arc::new(App::new(Arc::new(engine), settings()));
    let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let served = Arc::clone(&app);
    let client = tokio::task::spawn_blocking(move || {
        let responses = [
            post(address, "/v9/echo/id", "hello"),
            post(address, "/v9/echo/nope", "hello"),
            post(address, "/v9/other", "hello"),
            post(address, "/grps/v1/health/live", ""),
        ];
        served.engine.health().set_draining();
        (responses, post(address, "/v9/echo/id", "hello"))
    });
    let (done, stop) = tokio::sync::oneshot::channel();
    let serving =
        tokio::spawn(serve_front_ends(WITH_ECHO, vec![listener], Arc::clone(&app), async {
            let _ = stop.await;
        }));
    let ([echoed, unknown, other, live], drained) = client.await.unwrap();
    done.send(()).unwrap();
    serving.await.unwrap().unwrap();

    assert!(echoed.starts_with("HTTP/1.1 200") && echoed.ends_with("\r\n\r\nhello"), "{echoed}");
    assert!(echoed.contains("x-request-id: "), "{echoed}");
    assert!(unknown.starts_with("HTTP/1.1 404"), "{unknown}");
    assert!(unknown.ends_with("echo: Model nope not found; models: id-1"), "{unknown}");
    assert!(other.starts_with("HTTP/1.1 404") && other.contains("no route"), "{other}");
    assert!(live.starts_with("HTTP/1.1 200"), "{live}");
    assert!(drained.starts_with("HTTP/1.1 503") && drained.contains("echo: "), "{drained}");
    let routes = app.engine.registry().stats().routes();
    let succeeded = |name: &str| {
        let route = routes.iter().find(|route| &*route.name == name).unwrap();
        route.for_protocol(grps_core::metrics::Protocol::Http).outcomes.read().succeeded
    };
    assert_eq!(succeeded("id-1"), 1);
}
