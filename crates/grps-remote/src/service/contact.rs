//! The first words with an endpoint: its version, and what it has.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use grps_core::{InputForm, Signature, TensorSpec};
use grps_server::codec::proto::{self, ModelFacts};
use grps_server::codec::{GrpsMessage, Outcome};
use tokio::time::timeout;

use crate::service::counters::Reason;
use crate::service::endpoint::{Ejection, Endpoint};
use crate::service::remote_model::RemoteModel;
use crate::transport::connection::Connection;
use crate::transport::exchange::Exchange;
use crate::transport::failure::Failure;
use crate::transport::headers::{CallHeaders, RemoteMethod};

/// Longest wait for an answer.
const LIMIT: Duration = Duration::from_secs(2);
/// Most bytes of an answer.
const MAX_BYTES: usize = 4 << 20;
/// The version of this service.
const OWN_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Asks an endpoint for all models of a service and checks what it tells.
///
/// # Errors
/// Why it gets no calls.
pub(crate) async fn check_models(
    endpoint: &Endpoint,
    connection: &Arc<Connection>,
    models: &[Arc<RemoteModel>],
) -> Result<(), Ejection> {
    let (mut known, mut version) = (0, None);
    for model in models {
        let facts = ask(endpoint, connection, &model.key).await?;
        check_version(&facts.version)?;
        let first = model.told(&facts, &endpoint.address);
        if first.facts.form != facts.form || first.facts.signature != facts.signature {
            let here = describe(&facts);
            let (there, at) = (describe(&first.facts), &first.address);
            let own_key = &model.own_key;
            let text = format!(
                "model {} is {here}, but at {at} it is {there}; when all endpoints have the new \
                 one, reload model {own_key} here",
                model.key
            );
            return Err(Ejection::new(Reason::Signature, text));
        }
        known |= model.bit;
        version = Some(facts.version);
    }
    endpoint.set_models(known, version);
    Ok(())
}

/// Asks an endpoint whether it is ready.
///
/// # Errors
/// Why it is not.
pub(crate) async fn check_ready(
    endpoint: &Endpoint,
    connection: &Arc<Connection>,
) -> Result<(), Ejection> {
    let answer = exchange(endpoint, connection, RemoteMethod::CheckReadiness, Bytes::new()).await;
    let answer = answer.map_err(|text| Ejection::new(Reason::Unavailable, text))?;
    failure_in(&answer).map_or(Ok(()), |text| Err(Ejection::new(Reason::Unavailable, text)))
}

async fn ask(
    endpoint: &Endpoint,
    connection: &Arc<Connection>,
    model: &str,
) -> Result<ModelFacts, Ejection> {
    let question = proto::encode(&GrpsMessage::of_text(model.to_owned()));
    let answer = exchange(endpoint, connection, RemoteMethod::ModelMetadata, question).await;
    let answer = answer.map_err(|text| Ejection::new(Reason::Connect, text))?;
    if let Some(text) = failure_in(&answer) {
        return Err(Ejection::new(Reason::Model, format!("model {model}: {text}")));
    }
    let facts = proto::read_facts(&answer);
    let facts = facts.map_err(|error| Ejection::new(Reason::Version, error.to_string()))?;
    facts.ok_or_else(|| {
        let text =
            format!("it does not tell its version, which every service from {OWN_VERSION} on does");
        Ejection::new(Reason::Version, text)
    })
}

async fn exchange(
    endpoint: &Endpoint,
    connection: &Arc<Connection>,
    method: RemoteMethod,
    question: Bytes,
) -> Result<Bytes, String> {
    let head = endpoint.head().request(method, &CallHeaders::default());
    let head = head.ok_or_else(|| "its address is no part of a URI".to_owned())?;
    let answered = async {
        let begun = Exchange::begin(Arc::clone(connection), head, &[question], MAX_BYTES).await;
        begun?.only().await
    };
    match timeout(LIMIT, answered).await {
        Err(_) => Err(format!("no answer within {} s", LIMIT.as_secs())),
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(Failure::Lost(reason))) => Err(reason),
        Ok(Err(Failure::NotBegun { error, .. } | Failure::Answered(error))) => {
            Err(error.message().to_owned())
        }
    }
}

/// Why the status in a message says that the call failed.
fn failure_in(answer: &[u8]) -> Option<String> {
    match proto::peek_outcome(answer) {
        Err(error) => Some(error.to_string()),
        Ok(outcome) => {
            let failed = outcome.status.filter(|status| status.outcome == Outcome::FAILURE);
            failed.map(|status| status.msg.into_owned())
        }
    }
}

/// Services of one minor version understand each other.
fn check_version(version: &str) -> Result<(), Ejection> {
    let minor = |version: &str| version.split('.').take(2).collect::<Vec<_>>().join(".");
    if minor(version) == minor(OWN_VERSION) {
        return Ok(());
    }
    let shown: String = version.chars().take(32).collect();
    let text = format!("it runs GRPS {shown}, and this service {OWN_VERSION}");
    Err(Ejection::new(Reason::Version, text))
}

/// What takes and returns what, as a line.
fn describe(facts: &ModelFacts) -> String {
    let form = if facts.form == InputForm::Tensors { "tensors" } else { "messages" };
    let Some(Signature { inputs, outputs, .. }) = &facts.signature else {
        return format!("a model of {form}");
    };
    let list = |specs: &[TensorSpec]| {
        let shown: Vec<_> = specs.iter().take(4).map(describe_spec).collect();
        let more = if specs.len() > 4 { ", ..." } else { "" };
        format!("({}{more})", shown.join(", "))
    };
    format!("{} -> {}", list(inputs), list(outputs))
}

fn describe_spec(spec: &TensorSpec) -> String {
    let dtype = spec.dtype.map_or("any", |dtype| dtype.name());
    let size = |size: &Option<usize>| size.map_or("?".to_owned(), |size| size.to_string());
    let shape = spec.shape.as_ref().map(|shape| shape.iter().map(size).collect::<Vec<_>>());
    let shape = shape.map_or(String::new(), |shape| format!("[{}]", shape.join(",")));
    format!("{}: {dtype}{shape}", grps_core::excerpt(&spec.name, 40))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_of_one_minor_version_understand_each_other() {
        assert_eq!(check_version(OWN_VERSION), Ok(()));
        let mut parts = OWN_VERSION.split('.');
        let (major, minor) = (parts.next().unwrap(), parts.next().unwrap());
        assert_eq!(check_version(&format!("{major}.{minor}.999")), Ok(()));
        for other in [format!("{major}.{minor}1.0"), "99.0.0".to_owned(), String::new()] {
            let ejection = check_version(&other).unwrap_err();
            assert_eq!(ejection.reason, Reason::Version);
            assert!(ejection.text.contains(OWN_VERSION) && ejection.text.contains(&other));
        }
    }

    #[test]
    fn signatures_are_described_in_a_line() {
        let spec = TensorSpec {
            name: "x".into(),
            dtype: Some(grps_core::DataType::Float32),
            shape: Some(vec![None, Some(3)]),
            required: true,
        };
        let signature = Signature {
            inputs: vec![spec.clone(); 5],
            outputs: vec![TensorSpec { shape: None, dtype: None, ..spec }],
            naming: grps_core::Naming::Strict,
        };
        let facts = ModelFacts {
            version: String::new(),
            form: InputForm::Tensors,
            signature: Some(signature),
        };
        let one = "\"x\": float32[?,3]";
        let expected = format!("({one}, {one}, {one}, {one}, ...) -> (\"x\": any)");
        assert_eq!(describe(&facts), expected);
    }
}
