//! Loading of the files.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::checks::{check_inference, check_keys, check_server};
use crate::document::{Document, NodeKind};
use crate::error::ConfigError;
use crate::graphs::{Graph, plan_graph};
use crate::reader::Reader;
use crate::schema::Schema;
use crate::shown::{described, shown};
use crate::types::{
    DagConfig, DagType, InferenceConfig, KeyConfig, KeysFile, NodeConfig, NodeType, ServerConfig,
};

const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;
/// `O_NONBLOCK` of Linux: a pipe that nobody writes to would never be open.
const NO_WAIT: i32 = 0o4000;

/// A file's data, and the same as JSON.
#[derive(Debug)]
pub struct Loaded<T> {
    /// The data.
    pub config: T,
    /// All keys with their values, defaults included.
    pub effective: Value,
    /// The file as others may see it.
    pub shown: String,
}

/// A model's own lines of `inference.yml` as others may see them.
#[derive(Debug, Clone)]
pub struct Description {
    /// YAML.
    pub yaml: String,
    /// JSON.
    pub json: String,
}

/// Reads configuration files.
#[derive(Debug)]
pub struct Loader {
    schema: Schema,
}

impl Loader {
    /// Prepares to read.
    ///
    /// # Errors
    /// The schema of this build is damaged.
    pub fn new() -> Result<Self, ConfigError> {
        let schema = Schema::load();
        let schema = schema.map_err(|error| ConfigError::Invalid(format!("schema: {error}")))?;
        Ok(Self { schema })
    }

    /// Reads `inference.yml`; a single model without a `dag` becomes the default graph.
    ///
    /// # Errors
    /// The file can't be read or breaks a rule; the text says where and which.
    pub fn inference(
        &self,
        path: &Path,
    ) -> Result<(Loaded<InferenceConfig>, Vec<Description>), ConfigError> {
        let text = read_text(path)?;
        let (reader, effective) = self.read(&text, path, "InferenceConfig")?;
        let mut config: InferenceConfig = convert(&effective, path)?;
        let fail = |at: &str, text: &str| reader.error(at, text);
        check_inference(&config, &self.schema.names, &fail)?;
        if let (None, [model]) = (&config.dag, config.models.as_slice()) {
            config.dag = Some(default_graph(model.key()));
        }
        let descriptions = descriptions(reader.document())?;
        let shown = shown(reader.document())?;
        Ok((Loaded { config, effective, shown }, descriptions))
    }

    /// Reads `server.yml`; an empty file means all defaults.
    ///
    /// # Errors
    /// The file can't be read or breaks a rule; the text says where and which.
    pub fn server(&self, path: &Path) -> Result<Loaded<ServerConfig>, ConfigError> {
        let text = read_text(path)?;
        let (reader, effective) = self.read(&text, path, "ServerConfig")?;
        let config = convert(&effective, path)?;
        check_server(&config, &self.schema, &|at, text| reader.error(at, text))?;
        let shown = shown(reader.document())?;
        Ok(Loaded { config, effective, shown })
    }

    /// Reads a file with API keys.
    ///
    /// # Errors
    /// The file can't be read or breaks a rule; the text says where and which.
    pub fn keys(&self, path: &Path) -> Result<Vec<KeyConfig>, ConfigError> {
        let (reader, effective) = self.read(&read_text(path)?, path, "KeysFile")?;
        let file: KeysFile = convert(&effective, path)?;
        check_keys(&file.keys, "keys", &|at, text| reader.error(at, text))?;
        Ok(file.keys)
    }

    fn read(
        &self,
        text: &str,
        path: &Path,
        root: &str,
    ) -> Result<(Reader<'_>, Value), ConfigError> {
        let document = Document::parse(text, &path.display().to_string())?;
        let mut reader = Reader::new(document, &self.schema);
        let effective = reader.read(root)?;
        Ok((reader, effective))
    }
}

/// Describes the models of a document that was checked.
fn descriptions(document: &Document) -> Result<Vec<Description>, ConfigError> {
    let Some(NodeKind::Mapping(entries)) = document.root.as_ref().map(|root| &root.kind) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for (_, key, value) in document.entries(entries)? {
        if let NodeKind::Sequence(models) = &value.kind
            && key == "models"
        {
            for model in models {
                let (yaml, data) = described(document, model)?;
                found.push(Description { yaml, json: data.to_string() });
            }
        }
    }
    Ok(found)
}

/// The plan of a graph that was checked when it was read.
///
/// # Errors
/// It was not.
pub fn plan(dag: &DagConfig) -> Result<Graph, ConfigError> {
    plan_graph(dag, "dag", &|at, text| ConfigError::Invalid(format!("{at}: {text}")))
}

/// Checks keys of several places together; errors name `file`.
///
/// # Errors
/// Two are the same.
pub fn check_all_keys(keys: &[KeyConfig], file: &Path) -> Result<(), ConfigError> {
    let file = file.display();
    check_keys(keys, "keys", &|at, text| ConfigError::Invalid(format!("{file}: {at}: {text}")))
}

/// Reads a text file.
///
/// # Errors
/// It is missing, unreadable, no regular file, too large or not UTF-8.
pub fn read_text(path: &Path) -> Result<String, ConfigError> {
    let file = path.display();
    let invalid = |fault: String| ConfigError::Invalid(format!("{file}{fault}"));
    let unreadable = |error: std::io::Error| {
        let text = error.to_string();
        let cause = text.split(" (os error").next().unwrap_or(&text);
        invalid(format!(": can't read the file: {cause}"))
    };
    let opened = OpenOptions::new().read(true).custom_flags(NO_WAIT).open(path);
    let opened = opened.map_err(unreadable)?;
    let found = opened.metadata().map_err(unreadable)?;
    if !found.is_file() {
        return Err(invalid(": can't read the file: it is no regular file".to_owned()));
    }
    let mut data = Vec::new();
    opened.take(MAX_FILE_BYTES + 1).read_to_end(&mut data).map_err(unreadable)?;
    let size = data.len() as u64;
    if size > MAX_FILE_BYTES {
        let size = size.max(found.len());
        return Err(invalid(format!(": {size} bytes, at most {MAX_FILE_BYTES} are read")));
    }
    match String::from_utf8(data) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let before = error.as_bytes().iter().take(valid);
            let line = before.filter(|byte| **byte == b'\n').count() + 1;
            Err(invalid(format!(":{line}: the file is not UTF-8 text")))
        }
    }
}

fn convert<T: DeserializeOwned>(effective: &Value, path: &Path) -> Result<T, ConfigError> {
    let config = T::deserialize(effective);
    config.map_err(|error| ConfigError::Invalid(format!("{}: {error}", path.display())))
}

fn default_graph(model: String) -> DagConfig {
    let node = NodeConfig {
        name: "node-1".to_owned(),
        kind: NodeType::Model,
        model,
        input: None,
        inputs: None,
        when: None,
    };
    let name = "default".to_owned();
    DagConfig { kind: DagType::Sequential, name, nodes: vec![node], outputs: None }
}
