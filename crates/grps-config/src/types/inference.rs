//! `inference.yml`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::server::RepositoryConfig;
use super::services::{RemoteConfig, ServiceConfig};
use super::traffic::TrafficConfig;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InferenceConfig {
    /// All models.
    pub models: Vec<ModelConfig>,
    /// Other services that models run in.
    pub services: Vec<ServiceConfig>,
    /// The default graph, for requests that name no model.
    pub dag: Option<DagConfig>,
    /// More graphs, which clients request by name.
    pub graphs: Vec<DagConfig>,
    /// How requests for a model without a version are divided among its versions.
    pub traffic: Vec<TrafficConfig>,
    /// A folder of models that the entries of `models` are kept like.
    pub repository: Option<RepositoryConfig>,
}

/// One entry of `models`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Devices, with commas between them.
    pub device: Option<String>,
    /// Where inputs are put.
    pub inp_device: Option<String>,
    /// What runs it.
    pub inferer_type: String,
    /// The class that runs it.
    pub inferer_name: Option<String>,
    /// Its file.
    pub inferer_path: Option<String>,
    /// What its inferer is created with.
    pub inferer_args: Option<Map<String, Value>>,
    /// What converts its inputs and outputs.
    pub converter_type: Option<String>,
    /// The class that converts.
    pub converter_name: Option<String>,
    /// What the converter reads.
    pub converter_path: Option<String>,
    /// What its converter is created with.
    pub converter_args: Option<Map<String, Value>>,
    /// How requests are gathered.
    pub batching: Option<BatchingConfig>,
    /// Who may wait.
    pub queue: QueueConfig,
    /// Copies on each device.
    pub instances: u32,
    /// Where copies run.
    pub isolation: Isolation,
    /// Most threads of user code.
    pub max_threads: Option<u64>,
    /// Whether it is run once before it takes requests.
    pub warm_up: bool,
    /// Files with messages that it is run with before.
    pub warm_up_requests: Vec<String>,
    /// The other service that it runs in.
    pub remote: Option<RemoteConfig>,
}

/// How requests of one model are gathered into batches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchingConfig {
    /// Whether they are.
    #[serde(rename = "type")]
    pub kind: BatchingType,
    /// Most rows of a batch.
    pub max_batch_size: usize,
    /// Longest time a request waits for its batch to fill.
    pub batch_timeout_us: u64,
    /// When an instance waits.
    pub wait: BatchingWait,
    /// Sizes that a batch is cut to when it can't be full.
    pub preferred_sizes: Vec<usize>,
    /// Sizes that the model takes.
    pub allowed_sizes: Vec<usize>,
    /// How inputs of differing sizes are joined.
    pub padding: Option<PaddingConfig>,
    /// The latency that sizes are chosen for.
    pub slo: Option<String>,
    /// How sequences of steps are scheduled.
    pub steps: Option<StepsConfig>,
}

/// How the sequences of a step model are scheduled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepsConfig {
    /// Most cost of one step.
    pub max_step_cost: Option<usize>,
    /// Most positions of one prefill in one step.
    pub max_chunk: Option<usize>,
    /// The input whose last dimension is prefilled.
    pub prefill_input: Option<String>,
    /// Most bytes of the states of an instance.
    pub max_state_bytes: Option<usize>,
    /// Most bytes of the inputs that wait for a slot.
    pub max_waiting_bytes: Option<usize>,
    /// Steps after which a sequence ends.
    pub max_steps: usize,
    /// What becomes of a sequence whose slot is needed.
    pub preemption: PreemptionKind,
    /// How the text of sequences is made.
    pub text: Option<StepTextConfig>,
}

/// How the text of sequences is made of the tokens of a step model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepTextConfig {
    /// The tokenizer.json, relative to the project's folder.
    pub tokenizer: String,
    /// The output of a step with a token in each row.
    pub token_output: String,
    /// Strings that end a sequence when its text has them.
    pub stop: Vec<String>,
    /// Whether special tokens are left out.
    pub skip_special_tokens: bool,
}

/// What becomes of a sequence whose slot is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PreemptionKind {
    /// Its state is kept.
    Save,
    /// It begins again.
    Recompute,
    /// Nothing takes its slot.
    Never,
}

/// How inputs of differing sizes are brought together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaddingConfig {
    /// Sizes that an axis is padded to.
    pub sizes: Vec<usize>,
    /// Axes that may be padded.
    pub axes: Vec<usize>,
    /// Largest share of an input that may be padding.
    pub max_waste_percent: u64,
    /// Whether outputs are cut back.
    pub cut_outputs: bool,
}

/// Who may wait for an instance of a model, and how long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueConfig {
    /// Requests that may wait.
    pub max_length: Option<usize>,
    /// Longest wait; 0 for no limit.
    pub timeout_ms: u64,
    /// Priorities that clients may request.
    pub priority_levels: usize,
}

/// Several models as one.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DagConfig {
    /// How its nodes are connected.
    #[serde(rename = "type")]
    pub kind: DagType,
    /// Its name.
    pub name: String,
    /// Its steps.
    pub nodes: Vec<NodeConfig>,
    /// Names of the response's tensors and their sources.
    pub outputs: Option<Vec<(String, String)>>,
}

/// One step of a graph.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// Its name.
    pub name: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: NodeType,
    /// The model that it runs.
    pub model: String,
    /// The node whose whole output it works on.
    pub input: Option<String>,
    /// Names of the model's inputs and their sources.
    pub inputs: Option<Vec<(String, String)>>,
    /// When it runs.
    pub when: Option<String>,
}

/// Where copies run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// In this process.
    Thread,
    /// Each in a process of its own.
    Process,
}

/// Whether requests are gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchingType {
    /// One by one.
    None,
    /// Those that wait together.
    Dynamic,
    /// The same, in sizes that are chosen while the model runs.
    Auto,
    /// Sequences join and leave between steps.
    Continuous,
}

/// When an instance waits for a batch to fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchingWait {
    /// Never while it is idle.
    WhenBusy,
    /// Idle or not.
    Always,
}

/// How the nodes of a graph are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DagType {
    /// One after the other.
    Sequential,
    /// As they say.
    Graph,
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeType {
    /// A model.
    Model,
}

impl ModelConfig {
    /// The name clients use: `name-version`.
    pub fn key(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }

    /// How several requests run together; `None` if none do.
    pub fn joining(&self) -> Option<&BatchingConfig> {
        let joins = |batching: &&BatchingConfig| {
            matches!(batching.kind, BatchingType::Dynamic | BatchingType::Auto)
        };
        self.batching.as_ref().filter(joins)
    }

    /// Whether it is a step model.
    pub fn makes_steps(&self) -> bool {
        self.batching.as_ref().is_some_and(|batching| batching.kind == BatchingType::Continuous)
    }

    /// The devices that `device` lists; one that is not named when there is none.
    pub fn devices(&self) -> Vec<Option<&str>> {
        match &self.device {
            None => vec![None],
            Some(all) => all.split(',').map(|one| Some(one.trim())).collect(),
        }
    }

    /// Whether it runs without instances.
    pub fn is_native(&self) -> bool {
        let without = matches!(self.converter_type.as_deref(), None | Some("none"));
        self.inferer_type == "identity" && without && self.isolation == Isolation::Thread
    }
}
