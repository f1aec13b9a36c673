// What loads a model and runs it.
#pragma once

#include <yaml-cpp/yaml.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "context/context.h"
#include "detail/failure.h"
#include "grps.pb.h"
#include "model_infer/tensor_wrapper.h"

// Registers a class under the name that inferer_name of inference.yml has; within namespace
// netease::grps. A later registration of the same name replaces an earlier one.
#define REGISTER_INFERER(InfererClass, inferer_name)                                 \
  static std::shared_ptr<::netease::grps::ModelInferer> g_##inferer_name##_inferer = \
      std::make_shared<InfererClass>();                                              \
  static bool g_##inferer_name##_inferer_registered =                                \
      (::netease::grps::ModelInfererRegistry::Instance().Register(#inferer_name,     \
                                                                  g_##inferer_name##_inferer))

namespace netease::grps {

// The base class of inferers. One object serves all requests of a model, many at a time. What a
// function throws fails the request, or keeps the service from starting while the model is loaded.
class ModelInferer {
 public:
  GRPS_EXCEPTION(InfererException)

  using Tensors = std::vector<std::pair<std::string, TensorWrapper>>;

  ModelInferer() = default;
  virtual ~ModelInferer() = default;

  // A new object of the same class, which the caller owns.
  virtual ModelInferer *Clone() = 0;

  // Takes inferer_path, device and inferer_args of inference.yml.
  virtual void Init(const std::string &path, const std::string &device, const YAML::Node &args) {
    path_ = path;
    device_ = device;
    args_ = args;
  }
  virtual void Load() { throw InfererException("Load not implemented."); }

  // With a converter: from its tensors to those that it gets back, for one request or for all
  // requests that run together.
  virtual void Infer(const std::vector<std::pair<std::string, TensorWrapper>> &,
                     std::vector<std::pair<std::string, TensorWrapper>> &, GrpsContext &) {
    throw InfererException("Infer not implemented.");
  }
  virtual void BatchInfer(const std::vector<std::pair<std::string, TensorWrapper>> &,
                          std::vector<std::pair<std::string, TensorWrapper>> &,
                          std::vector<GrpsContext *> &) {
    throw InfererException("BatchInfer not implemented.");
  }

  // Without a converter: from messages to messages.
  virtual void Infer(const ::grps::protos::v1::GrpsMessage &, ::grps::protos::v1::GrpsMessage &,
                     GrpsContext &) {
    throw InfererException("Infer not implemented.");
  }
  virtual void BatchInfer(std::vector<const ::grps::protos::v1::GrpsMessage *> &,
                          std::vector<::grps::protos::v1::GrpsMessage *> &,
                          std::vector<GrpsContext *> &) {
    throw InfererException("BatchInfer not implemented.");
  }

  // The same with a file for a profile. Nothing calls them; projects may override them.
  virtual void InferWithProfiler(const std::string &,
                                 const std::vector<std::pair<std::string, TensorWrapper>> &,
                                 std::vector<std::pair<std::string, TensorWrapper>> &,
                                 GrpsContext &) {
    throw InfererException("InferWithProfiler not implemented.");
  }
  virtual void BatchInferWithProfiler(const std::string &,
                                      const std::vector<std::pair<std::string, TensorWrapper>> &,
                                      std::vector<std::pair<std::string, TensorWrapper>> &,
                                      std::vector<GrpsContext *> &) {
    throw InfererException("BatchInferWithProfiler not implemented.");
  }
  virtual void InferWithProfiler(const std::string &, const ::grps::protos::v1::GrpsMessage &,
                                 ::grps::protos::v1::GrpsMessage &, GrpsContext &) {
    throw InfererException("InferWithProfiler not implemented.");
  }
  virtual void BatchInferWithProfiler(const std::string &,
                                      std::vector<const ::grps::protos::v1::GrpsMessage *> &,
                                      std::vector<::grps::protos::v1::GrpsMessage *> &,
                                      std::vector<GrpsContext *> &) {
    throw InfererException("BatchInferWithProfiler not implemented.");
  }

 protected:
  std::string path_;
  std::string device_;
  YAML::Node args_;
};

// The inferers of a project. Filled while its library is loaded, and only read afterwards.
class ModelInfererRegistry {
 public:
  ModelInfererRegistry(const ModelInfererRegistry &) = delete;
  ModelInfererRegistry &operator=(const ModelInfererRegistry &) = delete;

  static ModelInfererRegistry &Instance();

  bool Register(const std::string &name, const std::shared_ptr<ModelInferer> &inferer);
  // Throws InfererException without one of this name.
  std::shared_ptr<ModelInferer> GetInferer(const std::string &name);

 private:
  ModelInfererRegistry() = default;

  std::unordered_map<std::string, std::shared_ptr<ModelInferer>> inferers_;
};

}  // namespace netease::grps
