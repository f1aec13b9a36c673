// Saved models of TensorFlow.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "converter/tf_tensor_converter.h"
#include "model_infer/engine_inferer.h"

namespace netease::grps {

// Runs the default signature of a saved model on TensorFlow tensors, by the names or the order of
// its inputs. Without a converter, it takes and returns messages of tensors. inferer_args:
// customized_op_paths, libraries with custom operators.
class TfModelInferer : public EngineInferer {
 public:
  using EngineInferer::BatchInfer;
  using EngineInferer::Infer;

  TfModelInferer();
  ~TfModelInferer() override;

  ModelInferer *Clone() override { return new TfModelInferer(); }

  void Init(const std::string &path, const std::string &device, const YAML::Node &args) override;
  void Load() override;

  void Infer(const std::vector<std::pair<std::string, TensorWrapper>> &inputs,
             std::vector<std::pair<std::string, TensorWrapper>> &outputs,
             GrpsContext &ctx) override;

 protected:
  TensorConverter &tensor_converter() override { return tf_converter_; }

  // The signature: its names, and the tensors of the graph that they stand for.
  std::unordered_map<std::string, std::string> inp_name_to_tensor_name_;
  std::vector<std::string> inp_tensor_names_;
  std::unordered_map<std::string, std::string> tensor_name_to_out_name_;
  std::vector<std::string> out_tensor_names_;
  TfTensorConverter tf_converter_;

 private:
  class Session;
  std::unique_ptr<Session> session_;
};

}  // namespace netease::grps
