// Loading and running a pair of converter and inferer.
#include "model.h"

#include <algorithm>
#include <stdexcept>

namespace netease::grps {
namespace {

using Config = GlobalConfig::InferenceConfig::ModelConfig;

std::shared_ptr<Converter> MakeConverter(const Config &config) {
  const std::string &type = config.converter_type;
  if (type.empty() || type == "none") return nullptr;
  std::shared_ptr<Converter> converter;
  if (type == "customized") {
    auto registered = ConverterRegistry::Instance().GetConverter(config.converter_name);
    converter.reset(registered->Clone());
  } else {
    converter = MakeEngineConverter(type);
  }
  if (converter == nullptr) {
    throw Converter::ConverterException("converter_type '" + type + "' is not in this build");
  }
  converter->Init(config.converter_path, config.converter_args);
  return converter;
}

// The device as inferers take it: with the one of the inputs behind "original".
std::string DeviceOf(const Config &config) {
  const bool is_original = config.device == "original" && !config.inp_device.empty();
  return is_original ? config.device + ":" + config.inp_device : config.device;
}

std::shared_ptr<ModelInferer> MakeInferer(const Config &config) {
  std::shared_ptr<ModelInferer> inferer;
  if (config.inferer_type == "customized") {
    auto registered = ModelInfererRegistry::Instance().GetInferer(config.inferer_name);
    inferer.reset(registered->Clone());
  } else {
    inferer = MakeEngineInferer(config.inferer_type);
  }
  if (inferer == nullptr) {
    throw ModelInferer::InfererException("inferer_type '" + config.inferer_type +
                                         "' is not in this build");
  }
  inferer->Init(config.inferer_path, DeviceOf(config), config.inferer_args);
  inferer->Load();
  return inferer;
}

bool AllFailed(const std::vector<GrpsContext *> &contexts) {
  return std::all_of(contexts.begin(), contexts.end(),
                     [](const GrpsContext *context) { return context->has_err(); });
}

}  // namespace

Model::Model(const Config &config)
    : converter_(MakeConverter(config)),
      inferer_(MakeInferer(config)),
      is_batching_(config.batching.type == "dynamic") {}

void Model::Infer(const Message &input, Message &output, GrpsContext &context) const {
  context.set_converter(converter_.get());
  context.set_inferer(inferer_.get());
  if (converter_ == nullptr) {
    inferer_->Infer(input, output, context);
    return;
  }
  ModelInferer::Tensors inputs, outputs;
  converter_->PreProcess(input, inputs, context);
  if (context.has_err()) return;
  inferer_->Infer(inputs, outputs, context);
  if (context.has_err()) return;
  converter_->PostProcess(outputs, output, context);
}

void Model::BatchInfer(std::vector<const Message *> &inputs, std::vector<Message *> &outputs,
                       std::vector<GrpsContext *> &contexts) const {
  for (GrpsContext *context : contexts) {
    context->set_converter(converter_.get());
    context->set_inferer(inferer_.get());
  }
  if (converter_ == nullptr) {
    inferer_->BatchInfer(inputs, outputs, contexts);
    return;
  }
  ModelInferer::Tensors before, after;
  converter_->BatchPreProcess(inputs, before, contexts);
  if (AllFailed(contexts)) return;
  inferer_->BatchInfer(before, after, contexts);
  if (AllFailed(contexts)) return;
  converter_->BatchPostProcess(after, outputs, contexts);
}

}  // namespace netease::grps
