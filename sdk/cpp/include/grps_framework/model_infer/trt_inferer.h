// Engines of TensorRT.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "converter/trt_tensor_converter.h"
#include "model_infer/engine_inferer.h"
#include "model_infer/trt_cuda.h"

namespace netease::grps {

// Runs a serialized engine on bindings in the memory of the host, by the names or the order of its
// inputs. Without a converter, it takes and returns messages of tensors. inferer_args: streams, how
// many requests run at once; customized_op_paths, libraries with plugins.
class TrtModelInferer : public EngineInferer {
 public:
  using EngineInferer::BatchInfer;
  using EngineInferer::Infer;

  TrtModelInferer();
  ~TrtModelInferer() override;

  ModelInferer *Clone() override { return new TrtModelInferer(); }

  void Init(const std::string &path, const std::string &device, const YAML::Node &args) override;
  void Load() override;

  void Infer(const std::vector<std::pair<std::string, TensorWrapper>> &inputs,
             std::vector<std::pair<std::string, TensorWrapper>> &outputs,
             GrpsContext &ctx) override;

 protected:
  TensorConverter &tensor_converter() override { return trt_converter_; }

 private:
  class Stream;

  std::shared_ptr<nvinfer1::ICudaEngine> engine_;
  std::vector<std::unique_ptr<Stream>> streams_;
  int device_id_ = 0;
  TrtTensorConverter trt_converter_;
};

}  // namespace netease::grps
