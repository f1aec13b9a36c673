#include "ruler.h"

namespace netease::grps {
namespace {

void Refuse(const std::string &cause, GrpsContext &ctx) {
  auto *http = ctx.http_controller();
  ctx.set_err_msg(cause);
  http->http_response().set_status_code(brpc::HTTP_STATUS_BAD_REQUEST);
  http->http_response().set_content_type("text/plain");
  http->response_attachment().append(cause);
}

}  // namespace

void RulerConverter::PreProcess(const ::grps::protos::v1::GrpsMessage &input,
                                std::vector<std::pair<std::string, TensorWrapper>> &output,
                                GrpsContext &ctx) {
  const auto *http = ctx.http_controller();
  if (http == nullptr) throw ConverterException("lengths are added over HTTP only");
  if (http->http_request().content_type() != "application/json") {
    Refuse("JSON is needed, not " + http->http_request().content_type(), ctx);
    return;
  }
  const YAML::Node body = YAML::Load(http->request_attachment().to_string());
  const auto lengths = body["lengths"].as<std::vector<double>>();
  auto tensor = std::make_shared<Eigen::Tensor<double, 1>>(static_cast<long>(lengths.size()));
  std::copy(lengths.begin(), lengths.end(), tensor->data());
  output.emplace_back("lengths", tensor);
}

void RulerConverter::PostProcess(const std::vector<std::pair<std::string, TensorWrapper>> &input,
                                 ::grps::protos::v1::GrpsMessage &output, GrpsContext &ctx) {
  auto *http = ctx.http_controller();
  const std::string *unit = http->http_request().uri().GetQuery("unit");
  const std::string *client = http->http_request().GetHeader("X-Client");
  const auto &sum = *input.at(0).second.eigen_1d_d_tensor;
  const std::string text = std::to_string(static_cast<long>(sum(0)));
  if (client != nullptr) http->http_response().SetHeader("X-Served", *client);
  if (ctx.IfStreaming()) {
    ctx.CustomizedHttpStreamingRespond(text.data(), text.size());
    ctx.CustomizedHttpStreamingRespond("!", 1, true);
    return;
  }
  http->http_response().set_content_type("application/json");
  http->response_attachment().append("{\"sum\": " + text + ", \"unit\": \"");
  http->response_attachment().append((unit == nullptr ? "m" : *unit) + "\"}");
}

void SumInferer::Infer(const std::vector<std::pair<std::string, TensorWrapper>> &inputs,
                       std::vector<std::pair<std::string, TensorWrapper>> &outputs,
                       GrpsContext &ctx) {
  const Eigen::Tensor<double, 0> sum = inputs.at(0).second.eigen_1d_d_tensor->sum();
  Eigen::Tensor<double, 1> result(1);
  result(0) = sum();
  outputs.emplace_back("sum", result);
}

}  // namespace netease::grps
