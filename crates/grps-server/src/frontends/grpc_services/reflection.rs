//! `grpc.reflection.v1` and `v1alpha`: the services and their messages, for tools such as grpcurl.
//! Both versions have the same messages.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use grps_core::Error;
use http::Response;
use prost::Message as _;
use tokio::sync::mpsc;
use tokio::time::interval;
use tonic::Code;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{
    ErrorResponse, ExtensionNumberResponse, FileDescriptorResponse, ListServiceResponse,
    ServerReflectionRequest, ServerReflectionResponse, ServiceResponse,
};
use tonic_reflection::pb::{v1, v1alpha};

use crate::call::access::Policy;
use crate::call::call::Call;
use crate::call::status::rpc_failure;
use crate::frontends::grpc_services::descriptors::Descriptors;
use crate::frontends::shared::endpoint::{Endpoint, HttpRequest, Methods};
use crate::frontends::shared::grpc::reader::MessageReader;
use crate::frontends::shared::grpc::response::{Message, StreamItem, failed, streaming};
use crate::net::http::reply_body::ReplyBody;

/// The descriptions of all files in `proto/`; written by `python -m tools.generate`.
const DESCRIPTORS: &[u8] = include_bytes!("descriptors.bin");
/// Longest request: the name of a symbol or of a file.
const MAX_REQUEST_BYTES: usize = 64 * 1024;
/// Both services of reflection.
pub(super) const SERVICES: [&str; 2] =
    ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"];
/// How often an open stream looks whether the service ends: tools leave it open.
const DRAIN_INTERVAL: Duration = Duration::from_millis(500);

/// What there is to reflect.
struct Reflection {
    services: Vec<String>,
    descriptors: Descriptors,
}

/// The routes of both versions, which list `services` and themselves.
pub(super) fn endpoints(services: &[String]) -> Vec<Endpoint> {
    let sets = [DESCRIPTORS, v1::FILE_DESCRIPTOR_SET, v1alpha::FILE_DESCRIPTOR_SET];
    // They are constant, and a test reads them.
    let descriptors = Descriptors::read(&sets).unwrap_or_default();
    let services = services.iter().map(String::as_str).chain(SERVICES).map(str::to_owned);
    let reflection = Arc::new(Reflection { services: services.collect(), descriptors });
    let endpoint = |service: &str| {
        let reflection = Arc::clone(&reflection);
        let path = format!("/{service}/ServerReflectionInfo");
        Endpoint::new(Methods::Post, path, Policy::Read, move |call, request| {
            serve(call, request, Arc::clone(&reflection))
        })
    };
    SERVICES.map(endpoint).into()
}

/// Serves a stream of questions.
async fn serve(
    call: Call,
    request: HttpRequest,
    reflection: Arc<Reflection>,
) -> Response<ReplyBody> {
    let HttpRequest { parts, body, .. } = request;
    let reader = match MessageReader::new(&parts.headers, body, MAX_REQUEST_BYTES) {
        Ok(reader) => reader,
        Err(error) => return failed(rpc_failure(&error)),
    };
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        if let Err(error) = answer_all(&call, reader, &reflection, &sender).await {
            // The client may have disconnected already.
            let _ = sender.send(Err(rpc_failure(&error))).await;
        }
    });
    streaming(receiver, None)
}

async fn answer_all(
    call: &Call,
    mut reader: MessageReader,
    reflection: &Reflection,
    sender: &mpsc::Sender<StreamItem>,
) -> Result<(), Error> {
    let mut ticks = interval(DRAIN_INTERVAL);
    loop {
        let prefix = tokio::select! {
            prefix = reader.next() => prefix?,
            () = sender.closed() => return Ok(()),
            _ = ticks.tick() => {
                if call.app.engine.health().is_draining() {
                    return Ok(());
                }
                continue;
            }
        };
        let Some(prefix) = prefix else { return Ok(()) };
        let message = reader.read(call, prefix, |_| None).await?;
        let request = ServerReflectionRequest::decode(message)
            .map_err(|_| Error::invalid("the message is no ServerReflectionRequest"))?;
        let answer = Bytes::from(reflection.answer(request).encode_to_vec());
        if sender.send(Ok(Message::new(&[answer]))).await.is_err() {
            return Ok(());
        }
    }
}

impl Reflection {
    fn answer(&self, request: ServerReflectionRequest) -> ServerReflectionResponse {
        let response = match &request.message_request {
            Some(MessageRequest::FileByFilename(name)) => file(self.descriptors.file(name)),
            Some(MessageRequest::FileContainingSymbol(symbol)) => {
                file(self.descriptors.file_of(symbol))
            }
            Some(MessageRequest::ListServices(_)) => {
                let service = |name: &String| ServiceResponse { name: name.clone() };
                let service = self.services.iter().map(service).collect();
                MessageResponse::ListServicesResponse(ListServiceResponse { service })
            }
            // No file has extensions.
            Some(MessageRequest::AllExtensionNumbersOfType(name)) => {
                match self.descriptors.file_of(name) {
                    None => not_found(),
                    Some(_) => {
                        let base_type_name = name.clone();
                        let none = ExtensionNumberResponse { base_type_name, ..Default::default() };
                        MessageResponse::AllExtensionNumbersResponse(none)
                    }
                }
            }
            Some(MessageRequest::FileContainingExtension(_)) => not_found(),
            None => error(Code::InvalidArgument, "the request asks for nothing"),
        };
        ServerReflectionResponse {
            valid_host: request.host.clone(),
            original_request: Some(request),
            message_response: Some(response),
        }
    }
}

fn file(found: Option<Bytes>) -> MessageResponse {
    found.map_or_else(not_found, |file| {
        let file_descriptor_proto = vec![file.to_vec()];
        MessageResponse::FileDescriptorResponse(FileDescriptorResponse { file_descriptor_proto })
    })
}

fn not_found() -> MessageResponse {
    error(Code::NotFound, "the service does not have it")
}

fn error(code: Code, message: &str) -> MessageResponse {
    let (error_code, error_message) = (code as i32, message.to_owned());
    MessageResponse::ErrorResponse(ErrorResponse { error_code, error_message })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reflection() -> Reflection {
        let sets = [DESCRIPTORS, v1::FILE_DESCRIPTOR_SET, v1alpha::FILE_DESCRIPTOR_SET];
        let descriptors = Descriptors::read(&sets).unwrap();
        Reflection { services: vec!["a.B".to_owned()], descriptors }
    }

    fn answer(request: MessageRequest) -> MessageResponse {
        let host = "h".to_owned();
        let sent = ServerReflectionRequest { host, message_request: Some(request) };
        let response = reflection().answer(sent.clone());
        assert_eq!((response.valid_host.as_str(), response.original_request), ("h", Some(sent)));
        response.message_response.unwrap()
    }

    fn name_of(response: MessageResponse) -> String {
        let MessageResponse::FileDescriptorResponse(files) = response else { panic!("no file") };
        let [file] = files.file_descriptor_proto.as_slice() else { panic!("not one") };
        prost_types::FileDescriptorProto::decode(&file[..]).unwrap().name().to_owned()
    }

    #[test]
    fn every_kind_of_symbol_is_found() {
        for (symbol, file) in [
            ("grps.protos.v1.GrpsService", "grps.proto"),
            ("grps.protos.v1.GrpsService.Predict", "grps.proto"),
            ("grps.protos.v1.GrpsMessage", "grps.proto"),
            ("grps.protos.v1.GrpsMessage.str_data", "grps.proto"),
            ("grps.protos.v1.DT_FLOAT32", "grps.proto"),
            ("grpc.health.v1.HealthCheckResponse.SERVING", "grpc/health/v1/health.proto"),
            ("grpc.reflection.v1.ServerReflection", "reflection_v1.proto"),
            ("grpc.reflection.v1alpha.ErrorResponse", "reflection_v1alpha.proto"),
        ] {
            let found = answer(MessageRequest::FileContainingSymbol(symbol.to_owned()));
            assert_eq!(name_of(found), file, "{symbol}");
        }
        let file = "grps.proto".to_owned();
        assert_eq!(name_of(answer(MessageRequest::FileByFilename(file))), "grps.proto");
    }

    #[test]
    fn the_unknown_is_an_error_in_the_stream() {
        for request in [
            MessageRequest::FileContainingSymbol("no.such".to_owned()),
            MessageRequest::FileByFilename("no.proto".to_owned()),
            MessageRequest::AllExtensionNumbersOfType("no.such".to_owned()),
        ] {
            let MessageResponse::ErrorResponse(error) = answer(request) else { panic!("no error") };
            assert_eq!(error.error_code, Code::NotFound as i32);
        }
    }

    #[test]
    fn services_are_listed() {
        let response = answer(MessageRequest::ListServices(String::new()));
        let MessageResponse::ListServicesResponse(list) = response else { panic!("no list") };
        assert_eq!(list.service, [ServiceResponse { name: "a.B".to_owned() }]);
    }
}
