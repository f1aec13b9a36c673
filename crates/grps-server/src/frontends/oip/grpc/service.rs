//! The calls about the service and its models.

use grps_core::{Error, quoted};
use http::Response;

use crate::call::call::Call;
use crate::frontends::oip::grpc::messages::config::{self, ModelConfigResponse};
use crate::frontends::oip::grpc::messages::health::{Healthy, ModelRequest};
use crate::frontends::oip::grpc::messages::repository::{
    ChangeRequest, IndexRequest, IndexResponse, ModelIndex, RepositoryParameter, RepositoryValue,
};
use crate::frontends::oip::grpc::messages::statistics::{self, StatisticsResponse};
use crate::frontends::oip::grpc::messages::{Empty, metadata};
use crate::frontends::oip::inference::parameters::{Parameter, Parameters};
use crate::frontends::oip::service::{
    health, model_config, model_metadata, repository, server_metadata, statistics as measured,
};
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::grpc::unary::{serve, serve_later};
use crate::frontends::shared::inference::lookup;
use crate::net::http::reply_body::ReplyBody;

/// Serves `ServerLive`.
pub(super) async fn server_live(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    serve(call, request, |_, (): Empty| Ok(Healthy { value: true })).await
}

/// Serves `ServerReady`.
pub(super) async fn server_ready(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    serve(call, request, |call, (): Empty| {
        Ok(Healthy { value: health::check_service(&call.app).is_ok() })
    })
    .await
}

/// Serves `ModelReady`. A model that does not exist is not ready: clients ask until it is loaded.
pub(super) async fn model_ready(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    serve(call, request, |call, model: ModelRequest| {
        let checked = health::check_model(&call.app, &model.name, &model.version);
        Ok(Healthy { value: checked.is_ok() })
    })
    .await
}

/// Serves `ServerMetadata`.
pub(super) async fn server_metadata(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    serve(call, request, |call, (): Empty| {
        let described = server_metadata::describe(&call.app);
        Ok(metadata::ServerMetadata {
            name: described.name.to_owned(),
            version: described.version.to_owned(),
            extensions: described.extensions.into_iter().map(str::to_owned).collect(),
        })
    })
    .await
}

/// Serves `ModelMetadata`.
pub(super) async fn model_metadata(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    serve(call, request, |call, model: ModelRequest| {
        let route = lookup::find(&call.app, &model.name, &model.version)?;
        Ok(metadata::ModelMetadata::from(model_metadata::describe(&call.app, &route)))
    })
    .await
}

impl From<model_metadata::ModelMetadata> for metadata::ModelMetadata {
    fn from(described: model_metadata::ModelMetadata) -> Self {
        let tensor = |tensor: model_metadata::TensorMetadata| metadata::TensorMetadata {
            name: tensor.name,
            datatype: tensor.datatype.to_owned(),
            shape: tensor.shape,
        };
        let model_metadata::ModelMetadata { name, versions, platform, inputs, outputs } = described;
        Self {
            name,
            versions,
            platform,
            inputs: inputs.into_iter().map(tensor).collect(),
            outputs: outputs.into_iter().map(tensor).collect(),
        }
    }
}

/// Serves `ModelConfig`.
pub(super) async fn model_config(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    serve(call, request, |call, model: ModelRequest| {
        let route = lookup::find(&call.app, &model.name, &model.version)?;
        Ok(ModelConfigResponse { config: Some(model_config::describe(&route).into()) })
    })
    .await
}

impl From<model_config::ModelConfig> for config::ModelConfig {
    fn from(described: model_config::ModelConfig) -> Self {
        let input = |input: model_config::InputConfig| config::ModelInput {
            name: input.name,
            data_type: config::number_of(input.data_type),
            dims: input.dims,
            optional: input.optional,
        };
        let output = |output: model_config::OutputConfig| config::ModelOutput {
            name: output.name,
            data_type: config::number_of(output.data_type),
            dims: output.dims,
            label_filename: String::new(),
        };
        let batching = |batching: model_config::DynamicBatching| config::DynamicBatching {
            preferred_batch_size: batching.preferred_batch_size,
            max_queue_delay_microseconds: batching.max_queue_delay_microseconds,
            priority_levels: batching.priority_levels,
            default_priority_level: 0,
        };
        let decoupled = described.model_transaction_policy.decoupled;
        Self {
            name: described.name,
            platform: described.platform,
            max_batch_size: described.max_batch_size,
            input: described.input.into_iter().map(input).collect(),
            output: described.output.into_iter().map(output).collect(),
            dynamic_batching: described.dynamic_batching.map(batching),
            backend: described.backend,
            model_transaction_policy: Some(config::TransactionPolicy { decoupled }),
        }
    }
}

/// Serves `ModelStatistics`.
pub(super) async fn model_statistics(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    serve(call, request, |call, model: ModelRequest| {
        let stats = match model.name.as_str() {
            "" => measured::of_all(&call.app),
            name => measured::of_named(&call.app, name, &model.version)?,
        };
        let model_stats = stats.model_stats.into_iter().map(Into::into).collect();
        Ok(StatisticsResponse { model_stats })
    })
    .await
}

impl From<measured::ModelStatistics> for statistics::ModelStatistics {
    fn from(stats: measured::ModelStatistics) -> Self {
        let own = stats.inference_stats;
        Self {
            name: stats.name,
            version: stats.version,
            last_inference: stats.last_inference,
            inference_count: stats.inference_count,
            execution_count: stats.execution_count,
            inference_stats: Some(statistics::InferStatistics {
                success: duration(own.success),
                fail: duration(own.fail),
                queue: duration(own.queue),
                compute_input: duration(own.compute_input),
                compute_infer: duration(own.compute_infer),
                compute_output: duration(own.compute_output),
                cache_hit: duration(own.cache_hit),
                cache_miss: duration(own.cache_miss),
            }),
            batch_stats: stats.batch_stats.into_iter().map(of_batches).collect(),
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the field of a message is optional")]
fn duration(own: measured::StatisticDuration) -> Option<statistics::Duration> {
    Some(statistics::Duration { count: own.count, ns: own.ns })
}

fn of_batches(own: measured::BatchStatistics) -> statistics::BatchStatistics {
    let measured::BatchStatistics { batch_size, compute_input, compute_infer, compute_output } =
        own;
    statistics::BatchStatistics {
        batch_size,
        compute_input: duration(compute_input),
        compute_infer: duration(compute_infer),
        compute_output: duration(compute_output),
    }
}

/// Serves `RepositoryIndex`.
pub(super) async fn repository_index(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    serve(call, request, |call, query: IndexRequest| {
        check_repository(&query.repository_name)?;
        let entries = repository::index(call, query.ready).into_iter();
        let models = entries.map(|entry| ModelIndex {
            name: entry.name,
            version: entry.version,
            state: entry.state.to_owned(),
            reason: entry.reason,
        });
        Ok(IndexResponse { models: models.collect() })
    })
    .await
}

/// Serves `RepositoryModelLoad`.
pub(super) async fn model_load(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    serve_later(call, request, |call, change: ChangeRequest, _| async move {
        check_repository(&change.repository_name)?;
        let parameters = parameters_of(change.parameters)?;
        repository::load(&call, &change.model_name, &parameters).await
    })
    .await
}

/// Serves `RepositoryModelUnload`.
pub(super) async fn model_unload(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    serve_later(call, request, |call, change: ChangeRequest, _| async move {
        check_repository(&change.repository_name)?;
        let parameters = parameters_of(change.parameters)?;
        repository::unload(&call, &change.model_name, &parameters).await
    })
    .await
}

/// A service has one repository, which has no name.
fn check_repository(name: &str) -> Result<(), Error> {
    if name.is_empty() {
        return Ok(());
    }
    let name = quoted(name);
    Err(Error::invalid(format!("there is no repository {name}; leave repository_name empty")))
}

fn parameters_of(
    sent: impl IntoIterator<Item = (String, RepositoryParameter)>,
) -> Result<Parameters, Error> {
    let mut parameters = Parameters::default();
    for (name, RepositoryParameter { value }) in sent {
        let value = match value {
            Some(RepositoryValue::Bool(value)) => Parameter::Bool(value),
            Some(RepositoryValue::Int(value)) => Parameter::Int(value),
            Some(RepositoryValue::Text(value)) => Parameter::Text(value),
            // A file; no call takes one, so that its content does not matter.
            Some(RepositoryValue::Bytes(_)) | None => Parameter::Text(String::new()),
        };
        parameters.add(name, value)?;
    }
    Ok(parameters)
}
