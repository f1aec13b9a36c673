//! A service with one model that an inferer of `sdk/cpp/tests/plugin.cpp` runs.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use grps_core::{
    BatchPolicy, Content, ContentAdapter, Engine, Error, Health, Limits, Model, ModelSpec,
    NativeInstance, NestedCalls, Queue, Request, RouteQuery, SchedulingOptions, Tensor, Timeline,
};
use grps_plugin::{InfererSettings, Library};
use tokio::time::Instant;

use crate::support;

struct NoTranslation;

impl ContentAdapter for NoTranslation {
    fn to_tensors(&self, _: Bytes) -> Result<Vec<Tensor>, Error> {
        Err(Error::invalid("no tensors here"))
    }

    fn to_message(&self, _: &[Tensor]) -> Result<Bytes, Error> {
        Ok(Bytes::new())
    }
}

/// The file of the plugin, where another test has compiled it.
pub(crate) const PLUGIN: &str = "GRPS_TEST_PLUGIN";

/// A service with one model, `m`, that an inferer of the plugin runs.
pub(crate) struct Service {
    pub(crate) engine: Arc<Engine>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) instance: NativeInstance,
}

pub(crate) fn library() -> &'static Arc<Library> {
    static LIBRARY: OnceLock<Arc<Library>> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let made = || support::compile("g++", "plugin.cpp", "tests", &["-std=c++17"]);
        let path = std::env::var_os(PLUGIN).map_or_else(made, PathBuf::from);
        Arc::new(Library::open(&path).expect("a plugin"))
    })
}

pub(crate) fn settings(inferer: &str, args: &str) -> InfererSettings {
    InfererSettings {
        inferer: inferer.to_owned(),
        model: "m-1".to_owned(),
        folder: "/".to_owned(),
        device: "cpu".to_owned(),
        args: args.to_owned(),
        warm_up: true,
    }
}

impl Service {
    pub(crate) fn new(inferer: &str) -> Self {
        let limits = Limits { max_concurrency: 64, max_queue: 64 };
        let engine = Engine::new(limits, Health::new(true), Box::new(NoTranslation));
        engine.health().set_loaded();
        let batching = BatchPolicy { max_rows: 8, ..BatchPolicy::default() };
        let form = library().form_of(inferer).expect("an inferer");
        let spec = ModelSpec { batching, ..ModelSpec::new("m", "1", form) };
        let (model, queue) = Model::pulled(spec);
        engine.registry().put(model).expect("a first model");
        let calls = Arc::new(NestedCalls::new("m-1"));
        let load = library().loader(&settings(inferer, "{}"), 0, &calls).expect("settings");
        let instance = NativeInstance::start("m-1#0", &queue, form, load);
        Self { engine: Arc::new(engine), queue, instance: instance.expect("an instance") }
    }

    pub(crate) fn ask_for(&self, content: Content) -> Asked {
        let engine = Arc::clone(&self.engine);
        tokio::spawn(async move {
            let route = engine.resolve(&RouteQuery::named("m"))?;
            engine.infer(&route, request_for(content)).await
        })
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.queue.close();
        self.instance.join();
    }
}

pub(crate) type Asked = tokio::task::JoinHandle<Result<Content, Error>>;

pub(crate) fn request_for(content: Content) -> Request {
    let deadline = Some(Instant::now() + Duration::from_secs(60));
    Request {
        timeline: Arc::new(Timeline::new("r", None)),
        content,
        options: SchedulingOptions { deadline, ..SchedulingOptions::default() },
        attachment: None,
    }
}
