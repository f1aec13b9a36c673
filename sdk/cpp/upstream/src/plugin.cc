// The plugin that a project is: one class, which runs the pair of converter and inferer that its
// arguments name.
#include <grps/plugin.hpp>
#include <list>
#include <map>
#include <mutex>

#include "host.h"
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

class RequestClient : public Client {
 public:
  explicit RequestClient(::grps::Request request) : request_(request) {}
  bool IsStreaming() const override { return request_.is_streaming(); }
  bool IsDisconnected() const override { return request_.is_cancelled(); }
  void SendMessage(const Message &message) override {
    request_.PutMessage(message.SerializeAsString());
    request_.Send();
  }
  void SendBytes(const void *data, size_t size) override {
    Message message;
    message.set_bin_data(data, size);
    SendMessage(message);
  }

 private:
  ::grps::Request request_;
};

// A request on its way through a model.
struct Run {
  explicit Run(::grps::Request of) : request(of), client(of), context(&input) {
    const std::string_view encoded = request.message();
    if (!input.ParseFromArray(encoded.data(), static_cast<int>(encoded.size()))) {
      throw ::grps::InputError("the request is no message");
    }
    context.set_client(&client);
  }

  void Answer() {
    if (context.has_err()) {
      const std::string text = context.err_msg();
      request.Fail(text.empty() ? "the project has set an error without a message" : text);
    } else if (!context.has_streamed()) {
      request.PutMessage(output.SerializeAsString());
    }
  }

  ::grps::Request request;
  RequestClient client;
  Message input;
  Message output;
  GrpsContext context;
};

class Pair : public ::grps::Inferer {
 public:
  explicit Pair(const ::grps::Settings &settings)
      : model_(TheModels().Get(settings.model(), settings.json())) {}

  void Infer(::grps::Batch &batch) override {
    if (!model_->is_batching()) {
      for (size_t index = 0; index < batch.size(); ++index) InferOne(batch.request(index));
      return;
    }
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
    model_->BatchInfer(inputs, outputs, contexts);
    for (Run &run : runs) run.Answer();
  }

 private:
  void InferOne(::grps::Request request) {
    Run run(request);
    model_->Infer(run.input, run.output, run.context);
    run.Answer();
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
