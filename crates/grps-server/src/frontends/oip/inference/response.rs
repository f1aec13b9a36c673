//! The response to an inference request in memory, whichever way it leaves.

use grps_core::{Content, Error, Route, Tensor, quoted, shown};

use crate::app::App;
use crate::frontends::oip::inference::classification::classify;
use crate::frontends::oip::inference::raw_tensor;
use crate::frontends::oip::inference::request::{InferRequest, RequestedOutput};
use crate::frontends::oip::inference::shared_region::{RegionSlice, check_outputs, write_output};
use crate::frontends::shared::inference::lookup;
use crate::frontends::shared::inference::output_content::to_tensors;

/// What is kept of a request until its response, or its chunks, are encoded.
#[derive(Clone, Debug)]
pub(crate) struct ResponseForm {
    /// The name by which the client called the model.
    model: String,
    /// The models that run the request.
    route: Route,
    /// What the response repeats.
    id: String,
    /// The outputs to return; all when there is none.
    outputs: Vec<RequestedOutput>,
    /// Whether outputs that say nothing else are returned as binary data.
    binary: bool,
}

/// A response.
#[derive(Clone, Debug)]
pub(crate) struct InferResponse<'a> {
    /// The name by which the client called the model.
    pub(crate) model: &'a str,
    /// The version that ran the request.
    pub(crate) version: &'a str,
    /// The identifier of the request; may be empty.
    pub(crate) id: &'a str,
    /// The outputs in the order of the request.
    pub(crate) outputs: Vec<Output>,
}

/// One output of a response.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    /// Name, type, shape and elements.
    pub(crate) tensor: Tensor,
    /// Whether the client requests binary data.
    pub(crate) binary: bool,
    /// Where it was written; then the response has no elements of it.
    pub(crate) region: Option<RegionSlice>,
}

impl ResponseForm {
    /// What the response to a request needs of it. Takes it out of the request.
    ///
    /// # Errors
    /// `InvalidArgument` for a malformed parameter; those of shared memory for outputs in it.
    pub(crate) fn take(
        app: &App,
        request: &mut InferRequest,
        route: &Route,
    ) -> Result<Self, Error> {
        let slices = request.outputs.iter().filter_map(|output| output.region.as_ref());
        check_outputs(app, slices)?;
        Ok(Self {
            binary: request.parameters.flag("binary_data_output")?,
            model: std::mem::take(&mut request.model),
            route: route.clone(),
            id: std::mem::take(&mut request.id),
            outputs: std::mem::take(&mut request.outputs),
        })
    }

    /// Whether all outputs are returned as binary data, which takes no time to encode.
    pub(crate) fn is_binary(&self) -> bool {
        let is_binary = |output: &RequestedOutput| output.binary.unwrap_or(self.binary);
        self.outputs.iter().all(is_binary) && (self.binary || !self.outputs.is_empty())
    }

    /// The response with an output of the model, or with a chunk of it.
    ///
    /// # Errors
    /// `InvalidArgument` for a requested output that the model did not return; `ModelFailed` when
    /// the output is malformed; those of shared memory.
    pub(crate) fn respond(&self, app: &App, output: Content) -> Result<InferResponse<'_>, Error> {
        let tensors = to_tensors(output, &self.route)?;
        let all = |tensor| Output { tensor, binary: self.binary, region: None };
        let outputs = if self.outputs.is_empty() {
            tensors.into_iter().map(all).collect()
        } else {
            let select = |requested| self.select(app, &tensors, requested);
            self.outputs.iter().map(select).collect::<Result<_, _>>()?
        };
        Ok(self.with_outputs(outputs))
    }

    /// A response without outputs, such as the last one of a stream.
    pub(crate) fn empty(&self) -> InferResponse<'_> {
        self.with_outputs(Vec::new())
    }

    fn with_outputs(&self, outputs: Vec<Output>) -> InferResponse<'_> {
        let version = lookup::version_of(&self.route);
        InferResponse { model: &self.model, version, id: &self.id, outputs }
    }

    fn select(
        &self,
        app: &App,
        tensors: &[Tensor],
        requested: &RequestedOutput,
    ) -> Result<Output, Error> {
        let found = tensors.iter().find(|tensor| tensor.name() == requested.name);
        let Some(tensor) = found else {
            let names: Vec<_> = tensors.iter().map(|tensor| quoted(tensor.name())).collect();
            return Err(Error::invalid(format!(
                "model {} has no output {}; it returned: {}",
                shown(&self.model),
                quoted(&requested.name),
                if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
            )));
        };
        let binary = requested.binary.unwrap_or(self.binary);
        let tensor = match requested.classes {
            0 => tensor.clone(),
            classes => classify(tensor, classes)?,
        };
        let Some(region) = &requested.region else {
            return Ok(Output { tensor, binary, region: None });
        };
        let mut parts = Vec::new();
        let byte_size = raw_tensor::encode(&tensor, &mut parts)? as u64;
        if byte_size > region.byte_size {
            return Err(Error::invalid(format!(
                "output {} has {byte_size} bytes, more than the {} of its shared memory",
                quoted(&requested.name),
                region.byte_size
            )));
        }
        write_output(app, region, &parts)?;
        let region = RegionSlice { byte_size, ..region.clone() };
        Ok(Output { tensor, binary, region: Some(region) })
    }
}
