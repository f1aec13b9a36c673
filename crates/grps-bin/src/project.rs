//! A project folder: its configuration.

use std::path::{Path, PathBuf};

use grps_config::types::{InferenceConfig, ServerConfig};
use grps_config::{ConfigError, Description, Loader, hosted, is_upstream_cpp, python_need};

/// The first line of `metadata/server`.
const SERVED_BY: &str =
    concat!("# served without Python, by grps-server ", env!("CARGO_PKG_VERSION"), "\n");

/// What a project folder says.
#[derive(Debug)]
pub(crate) struct Project {
    /// The project.
    pub(crate) folder: PathBuf,
    pub(crate) inference: InferenceConfig,
    pub(crate) server: ServerConfig,
    pub(crate) inference_file: PathBuf,
    /// Both files as others may see them.
    pub(crate) metadata: String,
    /// Each model's own lines, in the order of `inference.models`.
    pub(crate) descriptions: Vec<Description>,
}

impl Project {
    /// Reads the configuration of a project from the folder `conf`.
    pub(crate) fn read(loader: &Loader, folder: &Path, conf: &Path) -> Result<Self, ConfigError> {
        let (inference_file, server_file) = (conf.join("inference.yml"), conf.join("server.yml"));
        if !inference_file.is_file() {
            let (file, folder) = (inference_file.display(), folder.display());
            let text = format!("{file}: no such file; is {folder} a GRPS project?");
            return Err(ConfigError::Invalid(text));
        }
        let (mut inference, descriptions) = loader.inference(&inference_file)?;
        let server = loader.server(&server_file)?;
        if is_upstream_cpp(folder) {
            let models = std::mem::take(&mut inference.config.models).into_iter();
            let hosted = models.map(|model| hosted(model, server.config.max_concurrency));
            inference.config.models = hosted.collect();
        }
        if let Some(need) = python_need(&inference.config, &server.config) {
            return Err(ConfigError::NeedsPython(need));
        }
        Ok(Self {
            folder: folder.to_owned(),
            inference_file,
            metadata: format!("{SERVED_BY}{}\n{}", inference.shown, server.shown),
            inference: inference.config,
            server: server.config,
            descriptions,
        })
    }
}
