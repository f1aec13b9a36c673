// TorchScript models.
#pragma once

#include <torch/script.h>

#include <string>
#include <utility>
#include <vector>

#include "converter/torch_tensor_converter.h"
#include "model_infer/engine_inferer.h"

namespace netease::grps {

// Runs a TorchScript model on torch tensors, by the names or the order of its inputs. Without a
// converter, it takes and returns messages of tensors. inferer_args: customized_op_paths, libraries
// with custom operators.
class TorchModelInferer : public EngineInferer {
 public:
  using EngineInferer::BatchInfer;
  using EngineInferer::Infer;

  // Without `infer_mode`, the outputs may be changed in place.
  explicit TorchModelInferer(bool infer_mode = true)
      : torch_dev_(torch::kCPU), inp_dev_(torch::kCPU), infer_mode_(infer_mode) {}

  ModelInferer *Clone() override { return new TorchModelInferer(); }

  void Init(const std::string &path, const std::string &device, const YAML::Node &args) override;
  void Load() override;

  void Infer(const std::vector<std::pair<std::string, TensorWrapper>> &inputs,
             std::vector<std::pair<std::string, TensorWrapper>> &outputs,
             GrpsContext &ctx) override;

 protected:
  TensorConverter &tensor_converter() override { return converter_; }

  torch::jit::script::Module module_;
  torch::Device torch_dev_;
  torch::Device inp_dev_;
  std::vector<std::string> inp_tensor_names_;
  std::vector<std::string> out_tensor_names_;
  TorchTensorConverter converter_;
  bool infer_mode_;
};

}  // namespace netease::grps
