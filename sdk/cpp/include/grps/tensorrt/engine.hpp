// A loaded engine.
// tensorrt.hpp includes it.
#ifndef GRPS_TENSORRT_ENGINE_HPP
#define GRPS_TENSORRT_ENGINE_HPP

#include <dlfcn.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <grps/tensorrt/causes.hpp>
#include <grps/tensorrt/device.hpp>
#include <grps/tensorrt/libraries.hpp>
#include <grps/tensorrt/types.hpp>
#include <iterator>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace grps::tensorrt {

namespace detail {

inline std::string ReadFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::string data((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file || data.empty()) {
    throw std::runtime_error(path + ": " + (file ? "the file is empty" : "it can't be read"));
  }
  return data;
}

// The engine in a file; some exporters write its metadata as JSON, and the length of that, before.
inline std::string_view PlanOf(std::string_view data) {
  if (data.size() < 6 || data[4] != '{') return data;
  size_t end = 4;
  for (size_t at = 0; at < 4; ++at) {
    end += static_cast<size_t>(static_cast<unsigned char>(data[at])) << (8 * at);
  }
  if (end >= data.size() || data[end - 1] != '}') return data;
  return data.substr(end);
}

inline Shape ShapeOf(const nvinfer1::Dims &dims) {
  return {dims.d, dims.d + std::max(dims.nbDims, 0)};
}

inline bool IsFixed(const Shape &shape) {
  return std::all_of(shape.begin(), shape.end(), [](int64_t size) { return size >= 0; });
}

}  // namespace detail

// An engine in the memory of one device. Several executions may run it at once.
class Engine {
 public:
  // Loads a file; throws std::runtime_error. `device` is that of inference.yml, `plugins` are
  // libraries of operators that the engine needs.
  Engine(const std::string &path, const std::string &device,
         const std::vector<std::string> &plugins = {})
      : Engine(path, detail::ReadFile(path), device, plugins) {}
  Engine(const Engine &) = delete;
  Engine &operator=(const Engine &) = delete;

  const Device &device() const { return device_; }
  const std::vector<EngineTensor> &inputs() const { return inputs_; }
  const std::vector<EngineTensor> &outputs() const { return outputs_; }

  // Memory, of the device too, in which the engine runs once at a time.
  std::unique_ptr<nvinfer1::IExecutionContext> CreateContext() const {
    Log &log = Log::Get();
    log.Begin();
    std::unique_ptr<nvinfer1::IExecutionContext> made(engine_->createExecutionContext());
    log.Check(made != nullptr, "TensorRT made no execution context");
    return made;
  }

 private:
  Engine(const std::string &path, const std::string &data, const std::string &device,
         const std::vector<std::string> &plugins)
      : device_(device) {
    const Libraries &libraries = Libraries::Get();
    device_.Select();
    for (const std::string &plugin : plugins) {
      if (dlopen(plugin.c_str(), RTLD_LAZY | RTLD_GLOBAL) != nullptr) continue;
      throw std::runtime_error(std::string("library of custom operators: ") + dlerror());
    }
    // The runtime is one for the process, and loads one engine at a time.
    static std::mutex mutex;
    const std::lock_guard<std::mutex> lock(mutex);
    Log &log = Log::Get();
    log.Begin();
    nvinfer1::IRuntime &runtime = libraries.Runtime(log);
    const std::string_view plan = detail::PlanOf(data);
    engine_.reset(runtime.deserializeCudaEngine(plan.data(), plan.size()));
    if (engine_ == nullptr) {
      std::string cause = log.Cause("TensorRT did not say why it can't load the engine");
      cause.erase(cause.find_last_not_of('.') + 1);
      throw std::runtime_error(path + ": " + cause + "; " +
                               detail::LoadAdvice(cause, libraries.version()));
    }
    for (int32_t at = 0; at < engine_->getNbIOTensors(); ++at)
      Describe(engine_->getIOTensorName(at));
  }

  void Describe(const char *name) {
    const bool is_input = engine_->getTensorIOMode(name) == nvinfer1::TensorIOMode::kINPUT;
    const int32_t profiles = engine_->getNbOptimizationProfiles();
    for (int32_t profile = 0; profile < profiles; ++profile) {
      if (engine_->getTensorFormat(name, profile) == nvinfer1::TensorFormat::kLINEAR) continue;
      throw std::runtime_error(std::string("tensor ") + name + " has the memory format " +
                               engine_->getTensorFormatDesc(name, profile) +
                               "; build the engine with LINEAR formats for its inputs and outputs");
    }
    EngineTensor tensor = {};
    tensor.name = name;
    tensor.type = engine_->getTensorDataType(name);
    tensor.dtype =
        detail::TypeOf((is_input ? "input " : "output ") + tensor.name, tensor.type).dtype;
    tensor.shape = detail::ShapeOf(engine_->getTensorShape(name));
    tensor.is_on_host = engine_->getTensorLocation(name) == nvinfer1::TensorLocation::kHOST;
    for (int32_t profile = 0; is_input && profile < profiles; ++profile) {
      tensor.ranges.push_back(RangeOf(name, tensor.shape, profile));
    }
    (is_input ? inputs_ : outputs_).push_back(std::move(tensor));
  }

  ShapeRange RangeOf(const char *name, const Shape &shape, int32_t profile) const {
    if (detail::IsFixed(shape)) return {shape, shape, shape};
    const auto shape_of = [&](nvinfer1::OptProfileSelector which) {
      return detail::ShapeOf(engine_->getProfileShape(name, profile, which));
    };
    ShapeRange range = {shape_of(nvinfer1::OptProfileSelector::kMIN),
                        shape_of(nvinfer1::OptProfileSelector::kOPT),
                        shape_of(nvinfer1::OptProfileSelector::kMAX)};
    if (range.least.size() != shape.size() || range.best.size() != shape.size() ||
        range.most.size() != shape.size()) {
      throw std::runtime_error("optimization profile " + std::to_string(profile) +
                               " has no shapes for input " + name);
    }
    return range;
  }

  Device device_;
  std::unique_ptr<nvinfer1::ICudaEngine> engine_;
  std::vector<EngineTensor> inputs_, outputs_;
};

}  // namespace grps::tensorrt

#endif
