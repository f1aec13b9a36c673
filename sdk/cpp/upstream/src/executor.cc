// The executor of unit tests.
#include "executor/executor.h"

#include "model.h"

namespace netease::grps {

Executor &Executor::Instance() {
  static Executor instance;
  return instance;
}

void Executor::Init() {
  const auto &config = GlobalConfig::Instance().inference_config();
  if (config.models.empty()) throw ExecutorException("inference.yml has no models");
  Terminate();
  for (const auto &[name, model] : config.models) models_[name] = std::make_shared<Model>(model);
  for (const auto &node : config.dag.nodes) {
    Find(node.model);
    sequence_.push_back(models_[node.model]);
  }
  if (sequence_.empty() && models_.size() == 1) sequence_.push_back(models_.begin()->second);
}

const Model &Executor::Find(const std::string &name) const {
  const auto found = models_.find(name);
  if (found != models_.end()) return *found->second;
  throw ExecutorException("there is no model '" + name + "'");
}

namespace {

void RunOne(const Model &model, const Model::Message &input, Model::Message &output,
            GrpsContext &context) {
  if (!model.is_batching()) {
    model.Infer(input, output, context);
    return;
  }
  std::vector<const Model::Message *> inputs = {&input};
  std::vector<Model::Message *> outputs = {&output};
  std::vector<GrpsContext *> contexts = {&context};
  try {
    model.BatchInfer(inputs, outputs, contexts);
  } catch (const std::exception &error) {
    context.set_err_msg(error.what());
  }
}

}  // namespace

void Executor::Infer(const ::grps::protos::v1::GrpsMessage &input,
                     ::grps::protos::v1::GrpsMessage &output, GrpsContext &ctx,
                     const std::string &model_name) {
  if (!model_name.empty()) {
    RunOne(Find(model_name), input, output, ctx);
    return;
  }
  if (sequence_.empty()) throw ExecutorException("inference.yml has no dag");
  Model::Message message = input;
  for (const auto &model : sequence_) {
    Model::Message next;
    RunOne(*model, message, next, ctx);
    message = std::move(next);
    if (ctx.has_err()) break;
  }
  output = std::move(message);
}

void Executor::Infer(const ::grps::protos::v1::GrpsMessage &input,
                     ::grps::protos::v1::GrpsMessage &output,
                     const std::shared_ptr<GrpsContext> &ctx_sp, const std::string &model_name) {
  Infer(input, output, *ctx_sp, model_name);
}

void Executor::Terminate() {
  sequence_.clear();
  models_.clear();
}

}  // namespace netease::grps
