// What turns the messages of clients into the tensors of a model, and back.
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

// Registers a class under the name that converter_name of inference.yml has; within namespace
// netease::grps. A later registration of the same name replaces an earlier one.
#define REGISTER_CONVERTER(ConverterClass, converter_name)                            \
  static std::shared_ptr<::netease::grps::Converter> g_##converter_name##_converter = \
      std::make_shared<ConverterClass>();                                             \
  static bool g_##converter_name##_converter_registered =                             \
      (::netease::grps::ConverterRegistry::Instance().Register(#converter_name,       \
                                                               g_##converter_name##_converter))

namespace netease::grps {

// The base class of converters. One object serves all requests of a model, many at a time. What a
// function throws fails the request, or keeps the service from starting while it is initialized.
class Converter {
 public:
  GRPS_EXCEPTION(ConverterException)

  Converter() = default;
  virtual ~Converter() = default;

  // A new object of the same class, which the caller owns.
  virtual Converter *Clone() = 0;

  // Takes converter_path and converter_args of inference.yml.
  virtual void Init(const std::string &path, const YAML::Node &args) {
    path_ = path;
    args_ = args;
  }

  // From the message of a request to the tensors of the inferer.
  virtual void PreProcess(const ::grps::protos::v1::GrpsMessage &,
                          std::vector<std::pair<std::string, TensorWrapper>> &, GrpsContext &) {
    throw ConverterException("PreProcess not implemented.");
  }
  // From the tensors of the inferer to the message of the response.
  virtual void PostProcess(const std::vector<std::pair<std::string, TensorWrapper>> &,
                           ::grps::protos::v1::GrpsMessage &, GrpsContext &) {
    throw ConverterException("PostProcess not implemented.");
  }
  // The same for requests that run together: as many messages as contexts, one set of tensors.
  virtual void BatchPreProcess(std::vector<const ::grps::protos::v1::GrpsMessage *> &,
                               std::vector<std::pair<std::string, TensorWrapper>> &,
                               std::vector<GrpsContext *> &) {
    throw ConverterException("BatchPreProcess not implemented.");
  }
  virtual void BatchPostProcess(const std::vector<std::pair<std::string, TensorWrapper>> &,
                                std::vector<::grps::protos::v1::GrpsMessage *> &,
                                std::vector<GrpsContext *> &) {
    throw ConverterException("BatchPostProcess not implemented.");
  }

 protected:
  std::string path_;
  YAML::Node args_;
};

// The converters of a project. Filled while its library is loaded, and only read afterwards.
class ConverterRegistry {
 public:
  ConverterRegistry(const ConverterRegistry &) = delete;
  ConverterRegistry &operator=(const ConverterRegistry &) = delete;

  static ConverterRegistry &Instance();

  bool Register(const std::string &name, std::shared_ptr<Converter> converter);
  // Throws ConverterException without one of this name.
  std::shared_ptr<Converter> GetConverter(const std::string &name);

 private:
  ConverterRegistry() = default;

  std::unordered_map<std::string, std::shared_ptr<Converter>> converters_;
};

}  // namespace netease::grps
