//! An endpoint for tests, which does to each call what a test wants.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{BufMut, Bytes, BytesMut};
use grps_core::InputForm;
use grps_server::codec::proto::{self, ModelFacts};
use grps_server::codec::{GrpsMessage, Status};
use h2::server::SendResponse;
use http::{HeaderMap, HeaderValue, Request, Response};
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// It returns its message.
    Echo,
    /// It is reset as not begun.
    Refuse,
    /// It is answered by this status of gRPC before anything else.
    Answer(u16),
    /// It is answered that too many wait already.
    Full,
    /// It gets the head of a response, then this status.
    AnswerLate(u16),
    /// It gets the head of a response, then a reset.
    Reset,
    /// It never ends.
    Stall,
    /// It returns a message that says it is longer than anyone takes.
    Long,
}

/// An endpoint.
pub(crate) struct Fake {
    pub(crate) address: String,
    behaviour: Arc<Mutex<Behaviour>>,
    /// What it says that it is.
    facts: Arc<Mutex<ModelFacts>>,
    /// Calls that it got.
    pub(crate) calls: Arc<AtomicUsize>,
    /// The heads of the calls.
    pub(crate) heads: Arc<Mutex<Vec<HeaderMap>>>,
    /// Streams that were reset by this side's client.
    pub(crate) resets: Arc<AtomicUsize>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Fake {
    /// An endpoint on a free port.
    pub(crate) async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let facts = ModelFacts { version, form: InputForm::Message, signature: None };
        let mut fake = Self {
            address,
            behaviour: Arc::new(Mutex::new(behaviour)),
            facts: Arc::new(Mutex::new(facts)),
            calls: Arc::default(),
            heads: Arc::default(),
            resets: Arc::default(),
            tasks: Vec::new(),
        };
        let served = fake.served();
        fake.tasks.push(tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(served.clone().serve(stream));
            }
        }));
        fake
    }

    pub(crate) fn set(&self, behaviour: Behaviour) {
        *self.behaviour.lock() = behaviour;
    }

    pub(crate) fn set_facts(&self, change: impl FnOnce(&mut ModelFacts)) {
        change(&mut self.facts.lock());
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn served(&self) -> Served {
        Served {
            behaviour: Arc::clone(&self.behaviour),
            facts: Arc::clone(&self.facts),
            calls: Arc::clone(&self.calls),
            heads: Arc::clone(&self.heads),
            resets: Arc::clone(&self.resets),
        }
    }
}

#[derive(Clone)]
struct Served {
    behaviour: Arc<Mutex<Behaviour>>,
    facts: Arc<Mutex<ModelFacts>>,
    calls: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<HeaderMap>>>,
    resets: Arc<AtomicUsize>,
}

impl Served {
    async fn serve(self, stream: TcpStream) {
        let Ok(mut connection) = h2::server::handshake(stream).await else { return };
        while let Some(Ok((request, response))) = connection.accept().await {
            let served = self.clone();
            tokio::spawn(async move { served.respond(request, response).await });
        }
    }

    async fn respond(self, request: Request<h2::RecvStream>, mut response: SendResponse<Bytes>) {
        let path = request.uri().path().to_owned();
        let (parts, mut body) = request.into_parts();
        let is_call = path.contains("/Predict");
        if is_call {
            self.calls.fetch_add(1, Ordering::SeqCst);
            self.heads.lock().push(parts.headers);
        }
        let behaviour = *self.behaviour.lock();
        match behaviour {
            Behaviour::Refuse if is_call => return response.send_reset(h2::Reason::REFUSED_STREAM),
            Behaviour::Answer(code) if is_call => {
                let head = head(Some(code));
                drop(response.send_response(head, true));
                return;
            }
            Behaviour::Full if is_call => {
                let mut head = head(Some(8));
                head.headers_mut().insert("grpc-retry-pushback-ms", HeaderValue::from(1500));
                drop(response.send_response(head, true));
                return;
            }
            _ => {}
        }
        let mut message = BytesMut::new();
        while let Some(Ok(data)) = body.data().await {
            let _ = body.flow_control().release_capacity(data.len());
            message.put(data);
        }
        if !is_call {
            let facts = self.facts.lock().clone();
            let mut told = proto::encode(&GrpsMessage::of_status(Status::ok())).to_vec();
            proto::append_facts(&mut told, &facts);
            return end(response.send_response(head(None), false).unwrap(), framed(&told), 0);
        }
        self.run(behaviour, response, message.freeze()).await;
    }

    async fn run(self, behaviour: Behaviour, mut response: SendResponse<Bytes>, message: Bytes) {
        if behaviour == Behaviour::Stall {
            // Ends by a reset of the client.
            let _ = std::future::poll_fn(|context| response.poll_reset(context)).await;
            self.resets.fetch_add(1, Ordering::SeqCst);
            return;
        }
        let Ok(mut stream) = response.send_response(head(None), false) else { return };
        match behaviour {
            Behaviour::AnswerLate(code) => end(stream, Bytes::new(), code),
            Behaviour::Reset => stream.send_reset(h2::Reason::INTERNAL_ERROR),
            Behaviour::Long => end(stream, Bytes::from_static(&[0, 0xff, 0, 0, 0]), 0),
            _ => end(stream, message, 0),
        }
    }
}

fn head(status: Option<u16>) -> Response<()> {
    let mut response = Response::new(());
    if let Some(status) = status {
        response.headers_mut().insert("grpc-status", HeaderValue::from(status));
    }
    response
}

fn framed(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::new();
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap());
    framed.put_slice(message);
    framed.freeze()
}

fn end(mut stream: h2::SendStream<Bytes>, data: Bytes, status: u16) {
    let _ = stream.send_data(data, false);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from(status));
    let _ = stream.send_trailers(trailers);
}
