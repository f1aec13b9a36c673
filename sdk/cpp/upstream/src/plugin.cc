// The plugin that a project is: one class, which runs the pair of converter and inferer that its
// arguments name.
#include <grps/plugin.hpp>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "host.h"
#include "logger/logger.h"
#include "model.h"

namespace netease::grps {
namespace {

using Message = ::grps::protos::v1::GrpsMessage;

// The models of the service. All instances of one share it, as upstream has it.
class Shared {
 public:
  std::shared_ptr<Model> Get(const std::string &model, const std::string &json) {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::weak_ptr<Model> &known = models_[model];
    if (auto present = known.lock()) return present;
    // Code of the project may look at the configuration; the service itself has read it.
    if (models_.size() == 1 && !GlobalConfig::Instance().Load()) {
      LOG4(WARN, "GlobalConfig is empty, as ./conf can't be read");
    }
    auto loaded = std::make_shared<Model>(GlobalConfig::ReadModel(YAML::Load(json)));
    known = loaded;
    return loaded;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<Model>> models_;
};

Shared &TheModels() {
  static auto *models = new Shared();
  return *models;
}

// What the project has set for an HTTP response; without the body, the head of a stream.
::grps::HttpResponse ResponseOf(brpc::Controller &controller, bool with_body) {
  const brpc::HttpHeader &head = controller.http_response();
  ::grps::HttpResponse response;
  response.status = head.status_code();
  response.content_type = head.content_type();
  for (auto header = head.HeaderBegin(); header != head.HeaderEnd(); ++header) {
    response.headers.push_back(*header);
  }
  if (!with_body) return response;
  response.body = controller.response_attachment().to_string();
  if (response.body.empty() && controller.Failed()) response.body = controller.ErrorText();
  return response;
}

void ReadRequest(const ::grps::HttpRequest &http, brpc::Controller *controller) {
  brpc::HttpHeader &head = controller->http_request();
  brpc::HttpMethod method = brpc::HTTP_METHOD_GET;
  brpc::Str2HttpMethod(std::string(http.method()).c_str(), &method);
  head.set_method(method);
  head.uri().SetHttpURL(std::string(http.path()) + "?" + std::string(http.query()));
  for (const auto &[name, value] : http.headers()) {
    head.AppendHeader(std::string(name), std::string(value));
  }
  head.set_content_type(std::string(http.header("content-type").value_or("")));
  head.uri().set_host(std::string(http.header("host").value_or("")));
  controller->request_attachment().append(std::string(http.body()));
  if (http.is_streaming()) {
    controller->http_response().set_content_type("application/octet-stream");
  }
}

// The client of a request, over the service.
class RequestClient : public Client {
 public:
  RequestClient(::grps::Request request, bool is_streaming, brpc::Controller *http)
      : request_(request), is_streaming_(is_streaming), http_(http) {}
  bool IsStreaming() const override { return is_streaming_; }
  bool IsDisconnected() const override { return request_.is_cancelled(); }
  void SendMessage(const Message &message) override {
    request_.PutMessage(message.SerializeAsString());
    request_.Send();
  }
  void SendBytes(const void *data, size_t size) override {
    if (http_ == nullptr) {
      Message message;
      message.set_bin_data(data, size);
      SendMessage(message);
      return;
    }
    if (!std::exchange(has_head_, true)) request_.Respond(ResponseOf(*http_, false));
    request_.SendBody({static_cast<const char *>(data), size});
  }

 private:
  ::grps::Request request_;
  bool is_streaming_;
  brpc::Controller *http_;
  bool has_head_ = false;
};

// A request on its way through a model.
class Run {
 public:
  explicit Run(::grps::Request request)
      : request_(request),
        http_(request.http()),
        controller_(http_ ? std::make_unique<brpc::Controller>() : nullptr),
        client_(request, http_ ? http_->is_streaming() : request.is_streaming(), controller_.get()),
        context(&input, nullptr, nullptr, controller_.get()) {
    if (http_) ReadRequest(*http_, controller_.get());
    const std::string_view encoded = request.message();
    if (!input.ParseFromArray(encoded.data(), static_cast<int>(encoded.size()))) {
      throw ::grps::InputError("the request is no message");
    }
    context.set_client(&client_);
    // What an earlier model of the same sequence has left.
    const auto *kept = request.user_data<std::shared_ptr<void>>();
    if (kept != nullptr) context.set_user_data(*kept);
  }

  // Answers with what the project has made of the request.
  void Answer() {
    const bool has_streamed = context.has_streamed();
    if (const auto data = context.user_data()) request_.SetUserData(data);
    if (http_ && !has_streamed) request_.Respond(ResponseOf(*controller_, true));
    if (context.has_err()) {
      request_.Fail(context.err_msg(), GRPS_PLAIN);
    } else if (!http_ && !has_streamed) {
      request_.PutMessage(output.SerializeAsString());
    }
  }

  // Answers an HTTP request whose code has thrown; other requests get the usual answer.
  void Refuse(const std::string &cause) {
    if (!http_ || context.has_streamed()) return;
    request_.Respond({cause, brpc::HTTP_STATUS_INTERNAL_SERVER_ERROR});
  }

 private:
  ::grps::Request request_;
  std::optional<::grps::HttpRequest> http_;
  std::unique_ptr<brpc::Controller> controller_;
  RequestClient client_;

 public:
  Message input;
  Message output;
  GrpsContext context;
};

class Pair : public ::grps::Inferer {
 public:
  explicit Pair(const ::grps::Settings &settings)
      : model_(TheModels().Get(settings.model(), settings.json())) {}

  void Infer(::grps::Batch &batch) override {
    if (model_->is_batching()) {
      InferTogether(batch);
      return;
    }
    for (size_t index = 0; index < batch.size(); ++index) InferOne(batch.request(index));
  }

 private:
  void InferOne(::grps::Request request) {
    Run run(request);
    try {
      model_->Infer(run.input, run.output, run.context);
    } catch (const std::exception &error) {
      run.Refuse(error.what());
      throw;
    }
    run.Answer();
  }

  void InferTogether(::grps::Batch &batch) {
    std::list<Run> runs;
    std::vector<const Message *> inputs;
    std::vector<Message *> outputs;
    std::vector<GrpsContext *> contexts;
    for (size_t index = 0; index < batch.size(); ++index) {
      Run &run = runs.emplace_back(batch.request(index));
      inputs.push_back(&run.input);
      outputs.push_back(&run.output);
      contexts.push_back(&run.context);
    }
    try {
      model_->BatchInfer(inputs, outputs, contexts);
    } catch (const std::exception &error) {
      // Requests of a batch that fails run again, each alone.
      if (runs.size() == 1) runs.front().Refuse(error.what());
      throw;
    }
    for (Run &run : runs) run.Answer();
  }

  std::shared_ptr<Model> model_;
};

}  // namespace
}  // namespace netease::grps

extern "C" __attribute__((visibility("default"))) const grps_plugin *grps_plugin_open(
    const grps_host *host, grps_error *error) noexcept {
  netease::grps::SetHost(host);
  return grps::detail::Open(host, error, "grps_framework", "1.1.0", [] {
    return std::vector<grps_inferer_class>{
        grps::Class<netease::grps::Pair>("grps_framework", GRPS_TAKES_MESSAGES)};
  });
}
