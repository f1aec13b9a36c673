//! The calls that run no model.

use std::collections::HashMap;

use grps_core::{Error, Route, quoted};
use http::Response;
use prost::Message as _;
use tonic::Code;

use crate::call::call::Call;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::grpc::unary::serve;
use crate::frontends::shared::inference::lookup;
use crate::frontends::tfserving::element_type;
use crate::frontends::tfserving::grpc::messages::{
    AVAILABLE, AnyMessage, Dim, LOADING, MetadataRequest, MetadataResponse, ModelSpec,
    SignatureDef, SignatureDefMap, SpecVersion, StatusProto, StatusRequest, StatusResponse,
    TensorInfo, TensorShape, VersionStatus,
};
use crate::frontends::tfserving::model_choice::{ModelChoice, VersionChoice, number_of};
use crate::frontends::tfserving::signature::{self, METHOD_NAME};
use crate::frontends::tfserving::version_states::{self, VersionState};
use crate::net::http::reply_body::ReplyBody;

/// The only field of metadata.
const SIGNATURE_DEF: &str = "signature_def";
/// The type of its value.
const SIGNATURE_DEF_TYPE: &str = "type.googleapis.com/tensorflow.serving.SignatureDefMap";

impl ModelSpec {
    /// The model that it names, and the signature.
    pub(super) fn into_choice(self) -> (ModelChoice, String) {
        let version = match self.version {
            None => VersionChoice::Latest,
            Some(SpecVersion::Number(number)) => VersionChoice::Version(number.to_string()),
            Some(SpecVersion::Label(label)) if label.is_empty() => VersionChoice::Latest,
            Some(SpecVersion::Label(label)) => VersionChoice::Label(label),
        };
        (ModelChoice { name: self.name, version }, self.signature_name)
    }

    /// What ran a request for a model of this name.
    pub(super) fn of_route(name: &str, route: &Route, signature_name: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: Some(SpecVersion::Number(number_of(lookup::version_of(route)))),
            signature_name: signature_name.to_owned(),
        }
    }
}

/// Serves `GetModelStatus`.
pub(super) async fn get_model_status(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    serve(call, request, |call, request: StatusRequest| {
        let (choice, _) = request.model_spec.unwrap_or_default().into_choice();
        let states = version_states::list(&call.app, &choice)?;
        let model_version_status = states.into_iter().map(VersionStatus::from).collect();
        Ok(StatusResponse { model_version_status })
    })
    .await
}

impl From<VersionState> for VersionStatus {
    fn from(VersionState { version, trouble }: VersionState) -> Self {
        let (state, code) = match &trouble {
            None => (AVAILABLE, Code::Ok),
            Some(_) => (LOADING, Code::Unavailable),
        };
        let error_message = trouble.unwrap_or_default();
        let status = StatusProto { error_code: code as i32, error_message };
        Self { version, state, status: Some(status) }
    }
}

/// Serves `GetModelMetadata`.
pub(super) async fn get_model_metadata(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    serve(call, request, |call, request: MetadataRequest| {
        check_fields(&request.metadata_field)?;
        let (choice, _) = request.model_spec.unwrap_or_default().into_choice();
        let route = choice.find(&call.app)?;
        let value = SignatureDefMap::of_route(&route).encode_to_vec();
        let described = AnyMessage { type_url: SIGNATURE_DEF_TYPE.to_owned(), value };
        Ok(MetadataResponse {
            model_spec: Some(ModelSpec::of_route(&choice.name, &route, "")),
            metadata: HashMap::from([(SIGNATURE_DEF.to_owned(), described)]),
        })
    })
    .await
}

fn check_fields(fields: &[String]) -> Result<(), Error> {
    if fields.is_empty() {
        return Err(Error::invalid("metadata_field is empty: ask for 'signature_def'"));
    }
    match fields.iter().find(|field| *field != SIGNATURE_DEF) {
        None => Ok(()),
        Some(other) => Err(Error::invalid(format!(
            "metadata_field {} is not known: ask for 'signature_def'",
            quoted(other)
        ))),
    }
}

impl SignatureDefMap {
    fn of_route(route: &Route) -> Self {
        let described = signature::describe(route);
        let infos = |tensors: Vec<signature::TensorInfo>| {
            tensors.into_iter().map(|tensor| (tensor.name.clone(), tensor.into())).collect()
        };
        let signature_def = SignatureDef {
            inputs: infos(described.inputs),
            outputs: infos(described.outputs),
            method_name: METHOD_NAME.to_owned(),
        };
        Self { signature_def: HashMap::from([(described.name, signature_def)]) }
    }
}

impl From<signature::TensorInfo> for TensorInfo {
    fn from(info: signature::TensorInfo) -> Self {
        let signature::TensorInfo { name, dtype, shape } = info;
        let unknown_rank = shape.is_none();
        let dim = |size| Dim { size, name: String::new() };
        let dim = shape.unwrap_or_default().into_iter().map(dim).collect();
        Self {
            name,
            dtype: dtype.map_or(element_type::UNKNOWN, element_type::number_of),
            tensor_shape: Some(TensorShape { dim, unknown_rank }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_signature_is_metadata() {
        let fields = |fields: &[&str]| fields.iter().map(|&field| field.into()).collect::<Vec<_>>();
        assert!(check_fields(&fields(&["signature_def"])).is_ok());
        assert!(check_fields(&[]).is_err());
        let error = check_fields(&fields(&["signature_def", "x\n"])).unwrap_err();
        assert!(error.message().contains("\"x\\n\" is not known"), "{error}");
    }

    #[test]
    fn a_model_is_chosen_by_number_or_label() {
        let version = |version| {
            let spec = ModelSpec { name: "m".to_owned(), version, ..ModelSpec::default() };
            let decoded = ModelSpec::decode(spec.encode_to_vec().as_slice()).unwrap();
            decoded.into_choice().0.version
        };
        assert_eq!(version(None), VersionChoice::Latest);
        let number = version(Some(SpecVersion::Number(0)));
        assert_eq!(number, VersionChoice::Version("0".to_owned()));
        assert_eq!(version(Some(SpecVersion::Label(String::new()))), VersionChoice::Latest);
        let label = version(Some(SpecVersion::Label("a".to_owned())));
        assert_eq!(label, VersionChoice::Label("a".to_owned()));
    }
}
