//! An inference request in memory, whichever way it came.

use grps_core::{Error, Tensor, quoted};

use crate::codec::MAX_TENSORS;
use crate::frontends::oip::inference::parameters::Parameters;
use crate::frontends::oip::inference::shared_region::RegionSlice;
use crate::frontends::shared::inference::unique_names::check_unique;

/// Most bytes of the identifier of a request.
const MAX_ID_BYTES: usize = 1024;

/// An inference request.
#[derive(Clone, Debug, Default)]
pub(crate) struct InferRequest {
    /// The model or graph.
    pub(crate) model: String,
    /// Its version; empty for the latest.
    pub(crate) version: String,
    /// What the response repeats; may be empty.
    pub(crate) id: String,
    /// Parameters of the whole request.
    pub(crate) parameters: Parameters,
    /// The inputs, with their names.
    pub(crate) inputs: Vec<Tensor>,
    /// The outputs to return, in this order; all when there is none.
    pub(crate) outputs: Vec<RequestedOutput>,
}

/// An output that a client requests.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RequestedOutput {
    /// Its name.
    pub(crate) name: String,
    /// Whether it is returned as binary data; `None` when the output does not say.
    pub(crate) binary: Option<bool>,
    /// How many of the highest values are returned in its place; 0 for the output itself.
    pub(crate) classes: usize,
    /// Where it is written; `None` for the response.
    pub(crate) region: Option<RegionSlice>,
}

impl RequestedOutput {
    /// An output with these parameters.
    ///
    /// # Errors
    /// `InvalidArgument` for malformed parameters.
    pub(crate) fn new(name: String, parameters: &Parameters) -> Result<Self, Error> {
        let binary = parameters.optional_flag("binary_data")?;
        let classes = parameters.whole_number("classification")?.unwrap_or_default();
        let region = RegionSlice::read(parameters)?;
        if classes > 0 && region.is_some() {
            return Err(Error::invalid(format!(
                "output {}: classification and shared memory can't be combined",
                quoted(&name)
            )));
        }
        let classes = usize::try_from(classes).unwrap_or(usize::MAX);
        Ok(Self { name, binary, classes, region })
    }
}

impl InferRequest {
    /// Checks what all ways in have in common.
    ///
    /// # Errors
    /// `InvalidArgument` for too many or repeated inputs or outputs, and for a long identifier.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.id.len() > MAX_ID_BYTES {
            return Err(Error::invalid(format!("id is longer than {MAX_ID_BYTES} bytes")));
        }
        check_names("input", self.inputs.iter().map(Tensor::name))?;
        check_names("output", self.outputs.iter().map(|output| output.name.as_str()))
    }
}

/// The error for one input or output more than a request may have.
pub(crate) fn too_many(what: &str) -> Error {
    Error::invalid(format!("more than {MAX_TENSORS} {what}s"))
}

fn check_names<'a>(what: &str, names: impl ExactSizeIterator<Item = &'a str>) -> Result<(), Error> {
    if names.len() > MAX_TENSORS {
        return Err(too_many(what));
    }
    check_unique(what, names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frontends::oip::inference::parameters::Parameter;

    fn output(name: &str) -> RequestedOutput {
        RequestedOutput::new(name.to_owned(), &Parameters::default()).unwrap()
    }

    #[test]
    fn names_are_given_once_and_not_too_often() {
        let outputs = |count| (0..count).map(|index| output(&index.to_string())).collect();
        let request = |outputs| InferRequest { outputs, ..InferRequest::default() };
        assert!(request(outputs(MAX_TENSORS)).check().is_ok());
        assert!(request(outputs(MAX_TENSORS + 1)).check().is_err());
        let error = request(vec![output("a"), output("a")]).check().unwrap_err();
        assert_eq!(error.message(), "output 'a' is given twice");
        let with_id = |length| InferRequest { id: "i".repeat(length), ..InferRequest::default() };
        assert!(
            with_id(MAX_ID_BYTES).check().is_ok() && with_id(MAX_ID_BYTES + 1).check().is_err()
        );
    }

    #[test]
    fn parameters_of_outputs_are_read() {
        let mut parameters = Parameters::default();
        parameters.add("binary_data".to_owned(), Parameter::Bool(false)).unwrap();
        parameters.add("classification".to_owned(), Parameter::Int(3)).unwrap();
        let output = RequestedOutput::new("y".to_owned(), &parameters).unwrap();
        assert_eq!((output.binary, output.classes, output.region), (Some(false), 3, None));
        parameters.add("shared_memory_region".to_owned(), Parameter::Text("r".into())).unwrap();
        assert!(RequestedOutput::new("y".to_owned(), &parameters).is_err());
        parameters.add("shared_memory_byte_size".to_owned(), Parameter::Int(8)).unwrap();
        let error = RequestedOutput::new("y".to_owned(), &parameters).unwrap_err();
        assert!(error.message().contains("can't be combined"), "{error}");
        parameters.add("classification".to_owned(), Parameter::Int(0)).unwrap();
        let output = RequestedOutput::new("y".to_owned(), &parameters).unwrap();
        let region = RegionSlice { region: "r".to_owned(), offset: 0, byte_size: 8 };
        assert_eq!(output.region, Some(region));
    }
}
