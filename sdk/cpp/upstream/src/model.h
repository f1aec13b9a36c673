// A model: the pair of converter and inferer that inference.yml names.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/global_config.h"
#include "converter/converter.h"
#include "model_infer/inferer.h"

namespace netease::grps {

// Makes the inferer or the converter of an engine; nullptr if this build has not the engine.
std::unique_ptr<ModelInferer> MakeEngineInferer(const std::string &type);
std::unique_ptr<Converter> MakeEngineConverter(const std::string &type);

// A loaded model. Many threads run it at once.
class Model {
 public:
  using Message = ::grps::protos::v1::GrpsMessage;

  // Initializes and loads it; throws what code of the project throws.
  explicit Model(const GlobalConfig::InferenceConfig::ModelConfig &config);

  // Whether requests run together, by the batch functions of the project.
  bool is_batching() const { return is_batching_; }
  // One request. Its failure is an exception, or an error in the context.
  void Infer(const Message &input, Message &output, GrpsContext &context) const;
  // Requests that run together, as many of each. Failures as above.
  void BatchInfer(std::vector<const Message *> &inputs, std::vector<Message *> &outputs,
                  std::vector<GrpsContext *> &contexts) const;

 private:
  std::shared_ptr<Converter> converter_;
  std::shared_ptr<ModelInferer> inferer_;
  bool is_batching_;
};

}  // namespace netease::grps
