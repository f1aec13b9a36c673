//! Tests of copies: what is made, compared, shed and released.

use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::compare::Tolerance;
use crate::engine::{Engine, Limits};
use crate::error::{Cause, Error};
use crate::health::Health;
use crate::models::executors::inline::{Identity, InlineInferer};
use crate::models::model_spec::ModelSpec;
use crate::models::route_query::RouteQuery;
use crate::request::content::InputForm;
use crate::request::request::Request;
use crate::scheduling::puller::Pulled;
use crate::scheduling::queue::Queue;
use crate::tensor::tensor::Tensor;
use crate::tensor::values::Values;
use crate::traffic::spec::TrafficSpec;
use crate::traffic::state::ShadowState;
use crate::traffic::weights::Weights;

/// Messages that carry no tensors.
struct Plain;

impl ContentAdapter for Plain {
    fn to_tensors(&self, _: Bytes) -> Result<Vec<Tensor>, Error> {
        Err(Error::invalid("no tensors"))
    }

    fn to_message(&self, _: &[Tensor]) -> Result<Bytes, Error> {
        Ok(Bytes::new())
    }
}

/// Returns the same text for every input, or fails without one.
#[derive(Debug)]
struct Always(Option<&'static str>);

impl InlineInferer for Always {
    fn infer(&self, _: Content) -> Result<Content, Error> {
        let text = self.0.ok_or_else(|| Error::new(Cause::ModelFailed, "it is broken"))?;
        Ok(Content::Message(Bytes::from_static(text.as_bytes())))
    }
}

fn spec() -> ShadowSpec {
    ShadowSpec {
        version: "2".into(),
        share_percent: 100.0,
        max_in_flight: 4,
        max_bytes: 1 << 20,
        timeout: Duration::from_secs(60),
        tolerance: Tolerance::EXACT,
    }
}

/// A service whose version 1 replies with the input, and whose version 2 is the shadow.
struct Service(Arc<Engine>);

impl Service {
    fn new(spec: ShadowSpec, shadow: Model) -> Self {
        let limits = Limits { max_concurrency: 2, max_queue: 10 };
        let engine = Engine::new(limits, Health::new(true), Box::new(Plain));
        let model = ModelSpec::new("m", "1", InputForm::Message);
        engine.registry().put(Model::inline(model, Box::new(Identity))).unwrap();
        engine.registry().put(shadow).unwrap();
        let weights = Weights::new(vec![("1".into(), 1.0)]).unwrap();
        let traffic = TrafficSpec { shadow: Some(spec), ..TrafficSpec::of_weights("m", weights) };
        engine.registry().put_traffic(traffic).unwrap();
        Self(Arc::new(engine))
    }

    fn with_inline(spec: ShadowSpec, text: Option<&'static str>) -> Self {
        let model = ModelSpec::new("m", "2", InputForm::Message);
        Self::new(spec, Model::inline(model, Box::new(Always(text))))
    }

    /// A shadow whose instance takes what the test pulls.
    fn with_queue(spec: ShadowSpec) -> (Self, Arc<Queue>) {
        let (model, queue) = Model::pulled(ModelSpec::new("m", "2", InputForm::Message));
        (Self::new(spec, model), queue)
    }

    async fn ask(&self, model: &str, text: &'static str) {
        let content = Content::Message(Bytes::from_static(text.as_bytes()));
        let (timeline, options) = (Arc::new(Timeline::new("r", None)), Default::default());
        let request = Request { timeline, content: content.clone(), options, attachment: None };
        let query = RouteQuery { draw: Some(0.0), ..RouteQuery::named(model) };
        let route = self.0.resolve(&query).unwrap();
        assert_eq!(self.0.infer(&route, request).await.unwrap(), content);
    }

    fn state(&self) -> ShadowState {
        self.0.registry().traffic_of("m").unwrap().shadow.unwrap()
    }

    /// The counts once all copies have ended.
    async fn counts(&self) -> ShadowCounts {
        loop {
            let counts = self.state().counts;
            if counts.in_flight == 0 {
                assert_eq!(counts.bytes, 0);
                return counts;
            }
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn outputs_are_compared_and_dropped() {
    let service = Service::with_inline(spec(), Some("same"));
    service.ask("m", "same").await;
    service.ask("m", "other").await;
    let counts = service.counts().await;
    assert_eq!((counts.equal, counts.different, counts.failed), (1, 1, 0));
    let latest = counts.latest.unwrap();
    assert!(latest.starts_with("request r: 1 of 1 values differ"), "{latest}");
}

#[tokio::test]
async fn a_shadow_that_fails_is_counted() {
    let service = Service::with_inline(spec(), None);
    service.ask("m", "text").await;
    let counts = service.counts().await;
    assert_eq!((counts.failed, counts.latest.as_deref()), (1, Some("request r: it is broken")));
}

#[tokio::test]
async fn only_requests_for_the_name_are_copied() {
    let service = Service::with_inline(spec(), Some("same"));
    service.ask("m-1", "same").await;
    assert_eq!(service.counts().await.equal, 0);
}

#[tokio::test]
async fn a_share_is_copied() {
    let service = Service::with_inline(ShadowSpec { share_percent: 25.0, ..spec() }, Some("same"));
    for _ in 0..100 {
        service.ask("m", "same").await;
        service.counts().await;
    }
    let copied = service.counts().await.equal;
    assert!((23..=27).contains(&copied), "{copied}");
}

#[tokio::test]
async fn copies_are_bounded_in_number() {
    let (service, queue) = Service::with_queue(ShadowSpec { max_in_flight: 2, ..spec() });
    let puller = queue.attach("i");
    let mut taken = Vec::new();
    for _ in 0..3 {
        service.ask("m", "text").await;
        // The instance takes the copy, and keeps it.
        while service.state().counts.in_flight > taken.len() {
            tokio::task::yield_now().await;
            if !queue.is_empty()
                && let Pulled::Batch(batch) = puller.pull(Duration::ZERO)
            {
                taken.extend(batch.entries);
            }
        }
    }
    let counts = service.state().counts;
    assert_eq!((counts.in_flight, counts.shed), (2, [0, 1, 0, 0]));
    drop(taken);
    assert_eq!(service.counts().await.failed, 2);
}

#[tokio::test]
async fn copies_are_bounded_in_bytes() {
    // The input, the output that it is compared with, and that of the shadow.
    let service = Service::with_inline(ShadowSpec { max_bytes: 12, ..spec() }, Some("four"));
    service.ask("m", "four").await;
    let counts = service.counts().await;
    assert_eq!((counts.equal, counts.shed), (1, [0; 4]));
    service.ask("m", "fives").await;
    let counts = service.counts().await;
    assert_eq!((counts.equal, counts.different, counts.shed), (1, 0, [0, 0, 1, 0]));
}

/// A mirror of a service, to which the test gives contents itself.
fn mirror(spec: ShadowSpec) -> (Mirror, Arc<Queue>) {
    let (model, queue) = Model::pulled(ModelSpec::new("m", "2", InputForm::Tensors));
    (Mirror { shadow: Arc::new(Shadow::new(spec)), model: Arc::new(model) }, queue)
}

#[test]
fn inputs_are_reserved_before_they_are_held() {
    let (mirror, queue) = mirror(ShadowSpec { max_bytes: 10, ..spec() });
    let _puller = queue.attach("i");
    let input = Content::Message(Bytes::from_static(b"four"));
    let held: Vec<_> = (0..5).filter_map(|_| mirror.copy(&input, false)).collect();
    let counts = mirror.shadow.counts();
    assert_eq!((held.len(), counts.bytes, counts.shed), (2, 8, [0, 0, 3, 0]));
    drop(held);
    assert_eq!(mirror.shadow.counts().bytes, 0);
}

#[test]
fn texts_in_tensors_count() {
    let (mirror, queue) = mirror(ShadowSpec { max_bytes: 1000, ..spec() });
    let _puller = queue.attach("i");
    let of_length = |length| {
        let texts = Values::String(vec![Bytes::from(vec![b'x'; length])]);
        Content::Tensors(vec![Tensor::new("t".into(), vec![1], texts).unwrap()])
    };
    let held = mirror.copy(&of_length(900), false);
    assert!(held.is_some() && mirror.shadow.counts().bytes >= 900);
    assert!(mirror.copy(&of_length(900), false).is_none());
    assert_eq!(mirror.shadow.counts().shed, [0, 0, 1, 0]);
}

#[tokio::test]
async fn a_shadow_without_instances_gets_no_copies() {
    let (service, queue) = Service::with_queue(spec());
    service.ask("m", "text").await;
    assert_eq!(service.state().counts.shed, [0, 0, 0, 1]);
    assert_eq!(queue.len(), 0);
}

#[tokio::test]
async fn a_hung_shadow_holds_nothing_after_its_timeout() {
    let spec = ShadowSpec { timeout: Duration::from_millis(200), ..spec() };
    let (service, queue) = Service::with_queue(spec);
    let _puller = queue.attach("i");
    for _ in 0..10 {
        service.ask("m", "text").await;
        // Let the copy reach the queue.
        tokio::task::yield_now().await;
    }
    let counts = service.counts().await;
    assert_eq!((counts.failed + counts.shed[0], queue.len()), (10, 0));
    assert_eq!(counts.latest.as_deref(), Some("request r: no output within 200 ms"));
}

#[tokio::test]
async fn a_shadow_never_stands_in_for_other_versions() {
    let service = Service::with_inline(spec(), Some("text"));
    let registry = service.0.registry();
    registry.remove("m-1").unwrap();
    let error = registry.resolve(&RouteQuery::named("m")).unwrap_err();
    assert_eq!(error.cause(), Cause::Unavailable);
    assert!(error.message().contains("that has a weight is loaded"), "{error}");
    let named = RouteQuery { version: Some("2"), ..RouteQuery::named("m") };
    assert!(registry.resolve(&named).is_ok());
}

#[tokio::test]
async fn a_copy_that_its_version_did_not_run_has_not_failed() {
    for (cause, shed) in [(Cause::Unavailable, Shed::Down), (Cause::QueueFull, Shed::Busy)] {
        let (service, queue) = Service::with_queue(spec());
        let puller = queue.attach("i");
        service.ask("m", "text").await;
        let refusing = tokio::task::spawn_blocking(move || {
            let Pulled::Batch(batch) = puller.pull(Duration::from_secs(60)) else { panic!() };
            for entry in batch.entries {
                entry.reply.send(Err(Error::new(cause, "not now")));
            }
        });
        refusing.await.unwrap();
        let counts = service.counts().await;
        assert_eq!((counts.failed, counts.different), (0, 0), "{counts:?}");
        assert_eq!(counts.shed[shed as usize], 1, "{counts:?}");
    }
}
