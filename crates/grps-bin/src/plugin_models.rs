//! Models that plugins run.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use grps_config::types::ModelConfig;
use grps_core::{InputForm, NestedCalls, Signature};
use grps_plugin::{InfererSettings, Library};
use serde::Serialize;
use serde_json::ser::Formatter;

use crate::loading::Copies;
use crate::signatures::signature_of;

/// A plugin whose class suits a model.
pub(crate) struct OpenedPlugin {
    pub(crate) library: Arc<Library>,
    pub(crate) form: InputForm,
    pub(crate) signature: Option<Signature>,
    /// How its copies call other models.
    pub(crate) calls: Arc<NestedCalls>,
}

/// What the copies of a plugin's model are made by.
pub(crate) fn plugin_copies(config: &ModelConfig, folder: &Path) -> Result<Copies, String> {
    let OpenedPlugin { library, form, signature, calls } = open_plugin(config, folder)?;
    let calling = Arc::clone(&calls);
    let (config, folder) = (config.clone(), folder.to_owned());
    let load = move |index: u32, device: Option<&str>| {
        let settings = settings_of(&config, &folder, device);
        library.loader(&settings, index, &calling).map_err(|error| error.to_string())
    };
    Ok(Copies { form, signature, places: Vec::new(), calls, load: Box::new(load) })
}

/// Loads the plugin of a model and checks that the two suit each other.
pub(crate) fn open_plugin(config: &ModelConfig, folder: &Path) -> Result<OpenedPlugin, String> {
    let path = folder.join(config.inferer_path.as_deref().unwrap_or_default());
    let path: PathBuf = path.components().collect(); // without "."
    let inferer = config.inferer_name.clone().unwrap_or_default();
    let library = Library::open(&path).map_err(|error| error.to_string())?;
    let form = library.form_of(&inferer).map_err(|error| error.to_string())?;
    check_form(config, form)?;
    let steps = config.batching.as_ref().and_then(|batching| batching.steps.as_ref());
    let in_parts = steps.is_some_and(|steps| steps.max_chunk.is_some());
    let suits = library.check_steps(&inferer, config.makes_steps(), in_parts);
    suits.map_err(|error| error.to_string())?;
    tracing::info!("model {} is run by plugin {}", config.key(), library.title());
    let signature = library.describe(&settings_of(config, folder, None))?.map(signature_of);
    let calls = Arc::new(NestedCalls::new(&config.key()));
    Ok(OpenedPlugin { library: Arc::new(library), form, signature, calls })
}

fn check_form(config: &ModelConfig, form: InputForm) -> Result<(), String> {
    let shapes = config
        .batching
        .as_ref()
        .is_some_and(|batching| !batching.allowed_sizes.is_empty() || batching.padding.is_some());
    if shapes && form == InputForm::Message {
        let inferer = config.inferer_name.as_deref().unwrap_or_default();
        return Err(format!(
            "allowed_sizes and padding need tensors, but inferer '{inferer}' takes whole messages; \
             leave them out"
        ));
    }
    Ok(())
}

/// What a copy of a model is created by.
pub(crate) fn settings_of(
    config: &ModelConfig,
    folder: &Path,
    device: Option<&str>,
) -> InfererSettings {
    let args = config.inferer_args.clone().unwrap_or_default();
    InfererSettings {
        inferer: config.inferer_name.clone().unwrap_or_default(),
        model: config.key(),
        folder: folder.display().to_string(),
        device: device.unwrap_or_default().to_owned(),
        args: spaced(&serde_json::Value::Object(args)),
        warm_up: config.warm_up,
    }
}

/// JSON with spaces behind commas and colons, as Python writes it.
fn spaced(value: &serde_json::Value) -> String {
    let mut text = Vec::new();
    let mut writer = serde_json::Serializer::with_formatter(&mut text, Spaced);
    // Nothing fails in memory.
    let _ = value.serialize(&mut writer);
    String::from_utf8_lossy(&text).into_owned()
}

/// The layout of [`spaced`].
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> std::io::Result<()> {
        out.write_all(b": ")
    }
}
