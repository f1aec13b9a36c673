//! Converts settings and model descriptions from Python objects, by attribute.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use grps_core::{
    AutoPolicy, BatchPolicy, DataType, InputForm, LanguageSpec, ModelSpec, Naming, Objective,
    Padding, Preemption, RawBody, Signature, StepPolicy, TensorSpec, TextSpec, Wait,
};
use grps_server::{
    CaptureSettings, CustomRoute, FrontEndSettings, Settings, StreamingControl, StreamingMode,
    TraceProtocol, TraceSettings,
};
use grps_text::{TokenTextOptions, TokenizerSource};
use http::HeaderValue;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::service::interface::PyInterface;
use crate::service::remote::RemoteModel;
use crate::service::text_settings::{PyText, PyTranscriber};

/// The attributes of `grps.server.native.NativeSettings`.
#[derive(FromPyObject)]
pub(crate) struct PySettings {
    max_connections: usize,
    pub(crate) max_concurrency: usize,
    pub(crate) max_queue: usize,
    max_request_bytes: usize,
    max_inflight_bytes: usize,
    client_priority: u8,
    max_header_bytes: usize,
    header_timeout_ms: u64,
    body_timeout_ms: u64,
    stream_stall_timeout_ms: u64,
    stream_idle_timeout_ms: u64,
    drain_timeout_ms: u64,
    access_log: bool,
    custom_routes: Vec<PyCustomRoute>,
    admin_token: Option<String>,
    server_metadata: String,
    dashboard: Vec<u8>,
    memory_limit_bytes: u64,
    max_memory_percent: u64,
    monitor_log: Option<PathBuf>,
    logs: Vec<(String, PathBuf)>,
    traces: Option<PyTraces>,
    gpus: Vec<u32>,
    front_ends: PyFrontEnds,
    interface: PyInterface,
    capture: PyCapture,
    pub(crate) start_online: bool,
    pub(crate) io_threads: usize,
}

/// The attributes of `grps.server.native.NativeRoute`.
#[derive(FromPyObject)]
struct PyCustomRoute {
    path: String,
    owns_body: bool,
    streaming_mode: String,
    streaming_key: String,
    stream_content_type: Option<String>,
}

/// The attributes of `grps.server.native.NativeTraces`.
#[derive(FromPyObject)]
struct PyTraces {
    endpoint: String,
    protocol: String,
    sample_ratio: f64,
    service: String,
}

/// The attributes of `grps.server.native.NativeFrontEnds`.
#[derive(FromPyObject)]
struct PyFrontEnds {
    disabled: Vec<String>,
    oip_shared_memory: bool,
}

/// The attributes of `grps.server.native.NativeCapture`.
#[derive(FromPyObject)]
struct PyCapture {
    enabled: bool,
    models: Vec<String>,
    sample_ratio: f64,
    max_bytes: u64,
    max_record_bytes: u64,
    directory: PathBuf,
    headers: Vec<String>,
}

impl From<PyCapture> for CaptureSettings {
    fn from(settings: PyCapture) -> Self {
        let PyCapture {
            enabled,
            models,
            sample_ratio,
            max_bytes,
            max_record_bytes,
            directory,
            headers,
        } = settings;
        Self { enabled, models, sample_ratio, max_bytes, max_record_bytes, directory, headers }
    }
}

impl From<PyFrontEnds> for FrontEndSettings {
    fn from(settings: PyFrontEnds) -> Self {
        let PyFrontEnds { disabled, oip_shared_memory } = settings;
        Self { disabled, oip_shared_memory }
    }
}

impl TryFrom<PyTraces> for TraceSettings {
    type Error = PyErr;

    fn try_from(traces: PyTraces) -> PyResult<Self> {
        let protocol = match traces.protocol.as_str() {
            "grpc" => TraceProtocol::Grpc,
            "http" => TraceProtocol::Http,
            other => return Err(PyValueError::new_err(format!("unknown protocol '{other}'"))),
        };
        let PyTraces { endpoint, sample_ratio, service, .. } = traces;
        Ok(Self { endpoint, protocol, sample_ratio, service })
    }
}

impl TryFrom<PyCustomRoute> for CustomRoute {
    type Error = PyErr;

    fn try_from(route: PyCustomRoute) -> PyResult<Self> {
        let mode = match route.streaming_mode.as_str() {
            "query_param" => StreamingMode::Query,
            "header_param" => StreamingMode::Header,
            "body_param" => StreamingMode::Body,
            other => return Err(PyValueError::new_err(format!("unknown ctrl_mode '{other}'"))),
        };
        let content_type = route.stream_content_type.map(HeaderValue::try_from).transpose();
        Ok(Self {
            path: route.path,
            owns_body: route.owns_body,
            streaming: StreamingControl { mode, key: route.streaming_key },
            stream_content_type: content_type.map_err(|_| {
                PyValueError::new_err("res_content_type is not a valid header value")
            })?,
        })
    }
}

impl TryFrom<PySettings> for Settings {
    type Error = PyErr;

    fn try_from(settings: PySettings) -> PyResult<Self> {
        let custom_routes = settings.custom_routes.into_iter().map(CustomRoute::try_from);
        Ok(Self {
            max_connections: settings.max_connections,
            max_request_bytes: settings.max_request_bytes,
            max_inflight_bytes: settings.max_inflight_bytes,
            client_priority: settings.client_priority,
            max_header_bytes: settings.max_header_bytes,
            header_timeout: Duration::from_millis(settings.header_timeout_ms),
            body_timeout: Duration::from_millis(settings.body_timeout_ms),
            stream_stall_timeout: Duration::from_millis(settings.stream_stall_timeout_ms),
            stream_idle_timeout: Duration::from_millis(settings.stream_idle_timeout_ms),
            drain_timeout: Duration::from_millis(settings.drain_timeout_ms),
            access_log: settings.access_log,
            custom_routes: custom_routes.collect::<PyResult<_>>()?,
            admin_token: settings.admin_token,
            server_metadata: settings.server_metadata,
            dashboard: settings.dashboard.into(),
            memory_limit_bytes: settings.memory_limit_bytes,
            max_memory_percent: settings.max_memory_percent,
            monitor_log: settings.monitor_log,
            logs: settings.logs,
            started: SystemTime::now(),
            traces: settings.traces.map(TraceSettings::try_from).transpose()?,
            gpus: settings.gpus,
            front_ends: settings.front_ends.into(),
            interface: settings.interface.try_into()?,
            capture: settings.capture.into(),
        })
    }
}

/// The attributes of `grps.backends.backend.TensorSpec`.
#[derive(FromPyObject)]
struct PyTensorSpec {
    name: String,
    dtype: Option<String>,
    shape: Option<Vec<Option<usize>>>,
    required: bool,
}

/// The attributes of `grps.backends.backend.Signature`.
#[derive(FromPyObject)]
struct PySignature {
    inputs: Vec<PyTensorSpec>,
    outputs: Vec<PyTensorSpec>,
    strict_names: bool,
}

/// The attributes of `grps.server.native.NativeModel`.
#[derive(FromPyObject)]
pub(crate) struct PyModelSpec {
    name: String,
    version: String,
    takes_tensors: bool,
    signature: Option<PySignature>,
    metadata: String,
    description: String,
    raw_body: Option<String>,
    batching: PyBatchPolicy,
    /// How sequences are scheduled; `None` for a model that takes requests as a whole.
    pub(crate) steps: Option<PyStepPolicy>,
    queue_timeout_ms: Option<u64>,
    hang_timeout_ms: Option<u64>,
    /// Whether the model is the native identity model, which returns its input.
    pub(crate) native: bool,
    /// What runs it if another service does.
    pub(crate) remote: Option<Py<RemoteModel>>,
    language: Option<PyLanguage>,
    text: Option<PyText>,
    transcriber: Option<PyTranscriber>,
}

/// The attributes of `grps.server.native.NativeLanguage`.
#[derive(FromPyObject)]
struct PyLanguage {
    chat_template: Option<String>,
    special_tokens: Vec<(String, String)>,
    context_length: usize,
    optional_inputs: Vec<String>,
    adapters: Vec<String>,
}

/// The attributes of `grps.server.native.NativeBatching`.
#[derive(FromPyObject)]
struct PyBatchPolicy {
    max_rows: usize,
    waits_always: bool,
    window_us: u64,
    preferred_sizes: Vec<usize>,
    allowed_sizes: Vec<usize>,
    padding: Option<PyPadding>,
    priority_levels: usize,
    max_length: Option<usize>,
    is_auto: bool,
    slo: Option<String>,
}

/// The attributes of `grps.server.native.NativeSteps`.
#[derive(FromPyObject)]
pub(crate) struct PyStepPolicy {
    max_slots: usize,
    max_step_cost: Option<usize>,
    max_chunk: Option<usize>,
    prefill_input: Option<String>,
    state_bytes: usize,
    position_bytes: usize,
    max_state_bytes: Option<usize>,
    max_waiting_bytes: Option<usize>,
    max_steps: usize,
    preemption: String,
    priority_levels: u8,
    max_waiting: Option<usize>,
    /// How the text of sequences is made; `None` when clients get the outputs alone.
    pub(crate) text: Option<PyStepText>,
}

/// The attributes of `grps.server.native.NativeStepText`.
#[derive(FromPyObject)]
pub(crate) struct PyStepText {
    /// The path of a tokenizer.json.
    tokenizer: Option<PathBuf>,
    /// The text of one instead.
    tokenizer_json: Option<String>,
    token_output: String,
    stop: Vec<String>,
    skip_special_tokens: bool,
}

impl From<PyStepText> for TokenTextOptions {
    fn from(text: PyStepText) -> Self {
        let PyStepText { tokenizer, tokenizer_json, token_output, stop, skip_special_tokens } =
            text;
        let tokenizer = match tokenizer_json {
            Some(json) => TokenizerSource::Json(json),
            None => TokenizerSource::File(tokenizer.unwrap_or_default()),
        };
        Self { tokenizer, token_output, stop, skip_special_tokens }
    }
}

impl TryFrom<PyStepPolicy> for StepPolicy {
    type Error = PyErr;

    fn try_from(policy: PyStepPolicy) -> PyResult<Self> {
        let preemption = match policy.preemption.as_str() {
            "never" => Preemption::Never,
            "save" => Preemption::Save,
            "recompute" => Preemption::Recompute,
            other => return Err(PyValueError::new_err(format!("no preemption '{other}'"))),
        };
        Ok(Self {
            max_slots: policy.max_slots,
            max_step_cost: policy.max_step_cost.unwrap_or(usize::MAX),
            max_chunk: policy.max_chunk,
            prefill_input: policy.prefill_input,
            state_bytes: policy.state_bytes,
            position_bytes: policy.position_bytes,
            priority_levels: policy.priority_levels,
            max_waiting: policy.max_waiting.unwrap_or(usize::MAX),
            max_state_bytes: policy.max_state_bytes.unwrap_or(usize::MAX),
            max_waiting_bytes: policy.max_waiting_bytes.unwrap_or(usize::MAX),
            max_steps: policy.max_steps,
            preemption,
            ..Self::default()
        })
    }
}

/// The attributes of `grps.server.native.NativePadding`.
#[derive(FromPyObject)]
struct PyPadding {
    axes: Vec<usize>,
    sizes: Vec<usize>,
    max_waste: f64,
    cut_outputs: bool,
}

impl From<PyBatchPolicy> for BatchPolicy {
    fn from(policy: PyBatchPolicy) -> Self {
        Self {
            max_rows: policy.max_rows,
            wait: if policy.waits_always { Wait::Always } else { Wait::WhenBusy },
            window: Duration::from_micros(policy.window_us),
            preferred: policy.preferred_sizes,
            allowed: policy.allowed_sizes,
            padding: policy.padding.map(|padding| Padding {
                axes: padding.axes,
                sizes: padding.sizes,
                max_waste: padding.max_waste,
                cut_outputs: padding.cut_outputs,
            }),
            auto: policy.is_auto.then(|| AutoPolicy {
                objective: policy.slo.as_deref().and_then(Objective::parse),
            }),
            priority_levels: policy.priority_levels,
            max_length: policy.max_length.unwrap_or(usize::MAX),
        }
    }
}

impl TryFrom<PyModelSpec> for ModelSpec {
    type Error = PyErr;

    fn try_from(spec: PyModelSpec) -> PyResult<Self> {
        Ok(Self {
            name: spec.name,
            version: spec.version,
            form: if spec.takes_tensors { InputForm::Tensors } else { InputForm::Message },
            signature: spec.signature.map(Signature::try_from).transpose()?,
            metadata: spec.metadata,
            description: spec.description,
            raw_body: spec.raw_body.as_deref().map(parse_raw_body).transpose()?,
            batching: spec.batching.into(),
            queue_timeout: spec.queue_timeout_ms.map(Duration::from_millis),
            hang_timeout: spec.hang_timeout_ms.map(Duration::from_millis),
            language: spec.language.map(|language| Box::new(language.into())),
            text: spec.text.map(TextSpec::try_from).transpose()?.map(Box::new),
            transcriber: spec.transcriber.map(|transcriber| Box::new(transcriber.into())),
        })
    }
}

impl From<PyLanguage> for LanguageSpec {
    fn from(language: PyLanguage) -> Self {
        let PyLanguage { chat_template, special_tokens, context_length, optional_inputs, adapters } =
            language;
        Self { chat_template, special_tokens, context_length, optional_inputs, adapters }
    }
}

fn parse_raw_body(name: &str) -> PyResult<RawBody> {
    match name {
        "bytes" => Ok(RawBody::Bytes),
        "text" => Ok(RawBody::Text),
        "json" => Ok(RawBody::Json),
        "http" => Ok(RawBody::Http),
        _ => Err(PyValueError::new_err(format!(
            "raw_body must be bytes, text, json or http, not {name}"
        ))),
    }
}

impl TryFrom<PySignature> for Signature {
    type Error = PyErr;

    fn try_from(signature: PySignature) -> PyResult<Self> {
        let convert = |specs: Vec<PyTensorSpec>| -> PyResult<Vec<TensorSpec>> {
            specs.into_iter().map(TensorSpec::try_from).collect()
        };
        Ok(Self {
            inputs: convert(signature.inputs)?,
            outputs: convert(signature.outputs)?,
            naming: if signature.strict_names { Naming::Strict } else { Naming::Advisory },
        })
    }
}

impl TryFrom<PyTensorSpec> for TensorSpec {
    type Error = PyErr;

    fn try_from(spec: PyTensorSpec) -> PyResult<Self> {
        let dtype = match spec.dtype {
            None => None,
            Some(name) => Some(DataType::from_name(&name).ok_or_else(|| {
                PyValueError::new_err(format!("tensor '{}' has unknown dtype '{name}'", spec.name))
            })?),
        };
        Ok(Self { name: spec.name.into(), dtype, shape: spec.shape, required: spec.required })
    }
}
