//! The engine: it admits requests, runs them through the models and returns the outputs.

use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use tokio::runtime::Handle;

use crate::error::{Cause, Error};
use crate::graph::Walk;
use crate::health::{Health, Readiness};
use crate::metrics::RequestStage;
use crate::models::call_order::CallOrder;
use crate::models::executor::Call;
use crate::models::fit::fit;
use crate::models::registry::Registry;
use crate::models::route_query::RouteQuery;
use crate::models::routes::Route;
use crate::request::content::{Content, ContentAdapter, InputForm};
use crate::request::request::{Request, SchedulingOptions, Session};
use crate::request::stall::StallWatch;
use crate::request::stream::{ChunkSender, Chunks, HeldPermit, stream_channel};
use crate::request::timeline::Timeline;
use crate::scheduling::admission::{Admission, Permit};

/// A deadline must leave one part in this many of the usual time to spare.
const MARGIN: u32 = 4;

/// Limits of the engine.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests that run at once.
    pub max_concurrency: usize,
    /// Requests that may wait for a permit.
    pub max_queue: usize,
}

/// Models, limits and health of one service.
pub struct Engine {
    /// The models and graphs by name.
    registry: Registry,
    /// Bounds how many requests run at once.
    admission: Arc<Admission>,
    /// Whether the service is ready.
    health: Health,
    /// Translates content between models that take different forms.
    adapter: Arc<dyn ContentAdapter>,
    /// Which models call which.
    call_order: CallOrder,
    /// Where calls of models by models run; empty until requests are served.
    runtime: OnceLock<Handle>,
}

impl Engine {
    /// An engine without models.
    pub fn new(limits: Limits, health: Health, adapter: Box<dyn ContentAdapter>) -> Self {
        let admission = Admission::new(limits.max_concurrency, limits.max_queue);
        let (registry, call_order, runtime) = Default::default();
        let adapter = adapter.into();
        Self { registry, admission, health, adapter, call_order, runtime }
    }

    /// Sets where calls of models by models run; the first one stays.
    pub fn set_runtime(&self, runtime: Handle) {
        let _ = self.runtime.set(runtime);
    }

    /// Where calls of models by models run.
    pub(crate) fn runtime(&self) -> Option<&Handle> {
        self.runtime.get()
    }

    /// The models.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The health flags.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Requests that wait for one of the `max_concurrency` permits.
    pub fn waiting(&self) -> usize {
        self.admission.waiting()
    }

    /// Whether the service is ready: flags set and every model's instances respond.
    pub fn readiness(&self) -> Readiness {
        match self.health.readiness() {
            Readiness::Ready if self.registry.trouble().is_some() => Readiness::Unhealthy,
            readiness => readiness,
        }
    }

    /// Chooses the route of a request.
    ///
    /// # Errors
    /// `Unavailable` while loading, `NotFound` for an unknown name or version.
    pub fn resolve(&self, query: &RouteQuery<'_>) -> Result<Route, Error> {
        match self.registry.resolve(query) {
            Err(_) if !self.health.is_loaded() => {
                Err(Error::new(Cause::Unavailable, "the service is still loading its models"))
            }
            found => found,
        }
    }

    /// Runs a request through its route. Dropping the future cancels the request.
    ///
    /// # Errors
    /// The error of the request; `DeadlineExceeded` when its deadline passed first.
    pub fn infer<'a>(
        &'a self,
        route: &'a Route,
        request: Request,
    ) -> impl Future<Output = Result<Content, Error>> + Send + 'a {
        self.walk_in_time(route, request, None, Entrance::Client)
    }

    /// Runs a request of a model that itself runs a request, and holds its permit. An output is of
    /// the form of the input.
    ///
    /// # Errors
    /// As [`Engine::infer`]; `ModelFailed` when the called model could call back.
    pub(crate) async fn infer_from(
        &self,
        caller: &str,
        model: &str,
        request: Request,
    ) -> Result<Content, Error> {
        let route = self.resolve(&RouteQuery::named(model))?;
        for called in route.models() {
            self.call_order.note(caller, called.key())?;
        }
        let takes_tensors = matches!(request.content, Content::Tensors(_));
        let output = self.walk_in_time(&route, request, None, Entrance::Model).await?;
        let form = if takes_tensors { InputForm::Tensors } else { InputForm::Message };
        self.adapter.adapt(output, form)
    }

    /// Runs a request whose output comes in chunks. Dropping them cancels the request.
    ///
    /// Tensors that the last model returns are the last chunk. A message that it returns is not: user
    /// code that works on messages sends its chunks itself.
    pub fn infer_stream(self: &Arc<Self>, route: Route, request: Request) -> Chunks {
        let models = route.models().iter();
        let executors = models.map(|model| Arc::downgrade(model.executor())).collect();
        let timeline = Arc::clone(&request.timeline);
        let watch = StallWatch::new(timeline, Arc::clone(&self.admission), executors);
        let (sender, events) = stream_channel(Some(watch));
        let engine = Arc::clone(self);
        let walk = tokio::spawn(async move {
            let outcome =
                engine.walk_in_time(&route, request, Some(sender.clone()), Entrance::Client).await;
            sender.finish(outcome);
        });
        Chunks::new(events, walk)
    }

    async fn walk_in_time(
        &self,
        route: &Route,
        request: Request,
        stream: Option<ChunkSender>,
        entrance: Entrance,
    ) -> Result<Content, Error> {
        // The walk of the request that calls keeps the time of a nested one, and ends it.
        let deadline = request.options.deadline.filter(|_| entrance == Entrance::Client);
        let walking = pin!(self.walk(route, request, stream, entrance));
        let Some(deadline) = deadline else { return walking.await };
        match tokio::time::timeout_at(deadline, walking).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::new(
                Cause::DeadlineExceeded,
                "the deadline passed before the answer was ready",
            )),
        }
    }

    async fn walk(
        &self,
        route: &Route,
        request: Request,
        stream: Option<ChunkSender>,
        entrance: Entrance,
    ) -> Result<Content, Error> {
        let Request { timeline, mut content, attachment, options } = request;
        if route.graph().is_some() {
            let request = Request { timeline, content, attachment, options };
            // In a box, so that the futures of requests to one model stay small.
            return Box::pin(self.walk_graph(route, request, stream, entrance)).await;
        }
        let session = (route.models().len() > 1).then(Session::default);
        // A stream, and what only one of two may answer, is not copied.
        let is_whole = stream.is_none() && attachment.is_none() && entrance == Entrance::Client;
        let mirror = route.mirror().filter(|_| is_whole);
        let requests_wait = || self.admission.waiting() > 0;
        let copied = mirror.and_then(|mirror| mirror.copy(&content, requests_wait()));
        let mut permit = None;
        for (index, model) in route.models().iter().enumerate() {
            let input = fit(&*self.adapter, model, content, index > 0)?;
            if permit.is_none() && entrance == Entrance::Client {
                // Only a request that fits its first model takes a permit.
                let admitted = self.admit(route, &timeline, &options, stream.is_some());
                permit = Some(Admitted::new(admitted.await?, stream.as_ref()));
            }
            let call = Call {
                stream: stream.clone(),
                attachment: attachment.clone(),
                session: session.clone(),
                ..Call::new(Arc::clone(&timeline), input, &options)
            };
            let output = model.call(call, None).await;
            content = output.map_err(|error| if index > 0 { error.of_begun() } else { error })?;
        }
        if let (Some(mirror), Some(copied)) = (mirror, copied) {
            mirror.start(&timeline, copied, &content, &self.adapter);
        }
        Ok(content)
    }

    /// Waits for a permit. Under load a request that cannot meet its deadline is refused: running it
    /// would cost other requests theirs. Chunks are of use even when the last one is too late.
    async fn admit(
        &self,
        route: &Route,
        timeline: &Timeline,
        options: &SchedulingOptions,
        streams: bool,
    ) -> Result<Permit, Error> {
        let permit = match self.admission.enter_now() {
            Some(permit) => permit,
            None => {
                let began = Instant::now();
                let priority = route.admission_priority(options.priority);
                let options = SchedulingOptions { priority, ..options.clone() };
                let permit = self.admission.enter(&options).await;
                timeline.note_stage(RequestStage::Admission, began);
                permit?
            }
        };
        let Some(deadline) = options.deadline.filter(|_| !streams) else { return Ok(permit) };
        let latency = route.latency();
        let left = deadline.saturating_duration_since(tokio::time::Instant::now());
        if self.admission.waiting() > 0 && left < latency + latency / MARGIN {
            let latency_ms = latency.as_millis();
            return Err(Error::new(
                Cause::QueueFull,
                format!(
                    "the deadline would pass before the answer: requests take {latency_ms} ms now; \
                     try again later"
                ),
            ));
        }
        Ok(permit)
    }

    async fn walk_graph(
        &self,
        route: &Route,
        request: Request,
        stream: Option<ChunkSender>,
        entrance: Entrance,
    ) -> Result<Content, Error> {
        let Some(graph) = route.graph() else {
            return Err(Error::new(Cause::Internal, "the route is no graph"));
        };
        let Request { timeline, content, attachment, options } = request;
        let walk = Walk::new(graph, &*self.adapter, content)?;
        let mut permit = None;
        if entrance == Entrance::Client {
            let admitted = self.admit(route, &timeline, &options, stream.is_some()).await?;
            permit = Some(Admitted::new(admitted, stream.as_ref()));
        }
        let _permit = permit;
        let streaming_node = graph.streaming_node();
        // State is carried to a next model only where there is exactly one.
        let is_chain = graph.is_chain();
        let session = is_chain.then(Session::default);
        walk.run(|index, content| {
            let (timeline, attachment) = (Arc::clone(&timeline), attachment.clone());
            let stream = stream.clone().filter(|_| streaming_node == Some(index));
            let session = session.clone();
            let options = &options;
            async move {
                let Some(model) = graph.models().get(index) else {
                    return Err(Error::new(Cause::Internal, "the graph has no such node"));
                };
                let by_request = graph.takes_only_request(index);
                let is_first = by_request && is_chain;
                let content = fit(&*self.adapter, model, content, !by_request)?;
                let call =
                    Call { stream, attachment, session, ..Call::new(timeline, content, options) };
                let output = model.call(call, graph.node_stats(index)).await;
                // Nodes that take the request may run beside each other.
                output.map_err(|error| if is_first { error } else { error.of_begun() })
            }
        })
        .await
    }
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entrance {
    /// A client: the request takes a permit.
    Client,
    /// A model, whose own request has one. With a second one, requests that hold all permits could
    /// wait for each other.
    Model,
}

/// A request that runs; dropping it lets the next one run.
#[expect(dead_code, reason = "held until it is dropped")]
enum Admitted {
    /// It returns one whole output.
    Whole(Permit),
    /// It returns a stream.
    Streaming(HeldPermit),
}

impl Admitted {
    fn new(permit: Permit, stream: Option<&ChunkSender>) -> Self {
        match stream {
            Some(stream) => Self::Streaming(stream.hold(permit)),
            None => Self::Whole(permit),
        }
    }
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
