// A program of the shape that clients of GRPS 1.1 have: it uses the generated messages and the stub
// by the names and paths of that version. Takes host:port, and exits with 0 if all calls succeed.
#include <google/protobuf/text_format.h>
#include <grpcpp/grpcpp.h>
#include <grps_apis/grps.grpc.pb.h>

#include <iostream>
#include <memory>
#include <string>

namespace {

using grps::protos::v1::GrpsMessage;
using grps::protos::v1::GrpsService;

bool report(const char* call, const grpc::Status& status, const GrpsMessage& response) {
  std::string text;
  google::protobuf::TextFormat::PrintToString(response, &text);
  std::cout << call << ": " << (status.ok() ? text : status.error_message()) << '\n';
  return status.ok() && response.status().status() == grps::protos::v1::Status_StatusFlag_SUCCESS;
}

bool predict(GrpsService::Stub& stub) {
  GrpsMessage request;
  GrpsMessage response;
  auto* tensor = request.mutable_gtensors()->add_tensors();
  tensor->set_name("x");
  tensor->add_shape(1);
  tensor->add_shape(2);
  tensor->set_dtype(grps::protos::v1::DT_FLOAT32);
  tensor->add_flat_float32(1);
  tensor->add_flat_float32(2);
  grpc::ClientContext context;
  const grpc::Status status = stub.Predict(&context, request, &response);
  return report("Predict", status, response) && response.gtensors().tensors(0).flat_float32(1) == 2;
}

bool predict_streaming(GrpsService::Stub& stub) {
  GrpsMessage request;
  GrpsMessage response;
  request.set_model("count-1.0.0");
  request.set_str_data("3");
  grpc::ClientContext context;
  const auto stream = stub.PredictStreaming(&context, request);
  int pieces = 0;
  while (stream->Read(&response)) ++pieces;
  return report("PredictStreaming", stream->Finish(), response) && pieces == 3;
}

}  // namespace

int main(int argc, char* argv[]) {
  if (argc != 2) {
    std::cerr << "usage: grpc_sample HOST:PORT\n";
    return 2;
  }
  const auto channel = grpc::CreateChannel(argv[1], grpc::InsecureChannelCredentials());
  const std::unique_ptr<GrpsService::Stub> stub = GrpsService::NewStub(channel);

  // Requests of these calls are whole messages here, and empty ones in the newer protocol file.
  GrpsMessage request;
  GrpsMessage response;
  using Method =
      grpc::Status (GrpsService::Stub::*)(grpc::ClientContext*, const GrpsMessage&, GrpsMessage*);
  const std::pair<const char*, Method> calls[] = {
      {"CheckLiveness", &GrpsService::Stub::CheckLiveness},
      {"CheckReadiness", &GrpsService::Stub::CheckReadiness},
      {"ServerMetadata", &GrpsService::Stub::ServerMetadata},
  };
  bool succeeded = predict(*stub) && predict_streaming(*stub);
  for (const auto& [name, method] : calls) {
    grpc::ClientContext context;
    request.set_str_data("these calls ignore it");
    const grpc::Status status = (*stub.*method)(&context, request, &response);
    succeeded = report(name, status, response) && succeeded;
  }
  return succeeded ? 0 : 1;
}
