//! The front ends: one folder per protocol. A front end decodes requests and encodes responses.

pub(crate) mod brpc;
pub(crate) mod custom_http;
pub(crate) mod grpc_services;
pub(crate) mod grps_grpc;
pub(crate) mod grps_http;
pub(crate) mod oip;
pub(crate) mod openai;
pub(crate) mod openapi;
pub(crate) mod ops;
pub(crate) mod shared;
pub(crate) mod tfserving;
pub(crate) mod torchserve;
pub(crate) mod websocket;

#[cfg(test)]
mod echo_tests;
#[cfg(test)]
mod routes_tests;

pub(crate) use shared::front_end::FrontEnd;

/// The front ends of every service. When two declare the same path, the first one serves it.
pub(crate) const FRONT_ENDS: &[&dyn FrontEnd] = &[
    &grps_http::GrpsHttp,
    &custom_http::CustomHttp,
    &ops::Ops,
    &openapi::OpenApi,
    &grps_grpc::GrpsGrpc,
    &grpc_services::GrpcServices,
    &websocket::WebSocket,
    &oip::grpc::OipGrpc,
    &oip::http::OipHttp,
    &brpc::Brpc,
    &openai::OpenAi,
    &openai::Anthropic,
    &tfserving::grpc::TfServingGrpc,
    &tfserving::http::TfServingHttp,
    &torchserve::grpc::TorchServeGrpc,
    &torchserve::TorchServe,
];
