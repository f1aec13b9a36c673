// A stand-in for libnvinfer, built with NVIDIA's headers: it implements the classes of a runtime,
// an engine and an execution context for the engine files of standin_plan.h. It needs no GPU and
// shows nothing about one: how TensorRT itself behaves is written here as its documentation says.
#include <NvInferRuntime.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "standin_cuda.h"
#include "standin_plan.h"
#include "standin_stubs.h"

namespace standin {
namespace {

// An object of the interface whose functions another one has, as in TensorRT.
template <typename Interface, typename Implementation>
class Facade : public Interface {
 public:
  template <typename... Arguments>
  explicit Facade(Arguments &&...arguments)
      : implementation_(std::forward<Arguments>(arguments)...) {
    this->mImpl = &implementation_;
  }

 private:
  Implementation implementation_;
};

void LogError(ILogger &log, const std::string &text) {
  // As TensorRT writes its errors, with a place of its sources.
  log.log(ILogger::Severity::kERROR, ("IRuntime::standin: Error Code 1: Internal Error (" + text +
                                      " In standin at /src/standin.cpp:12)")
                                         .c_str());
}

bool IsAllowed(const Dims &dims, const Dims &least, const Dims &most) {
  if (dims.nbDims != most.nbDims) return false;
  for (int32_t at = 0; at < dims.nbDims; ++at) {
    if (dims.d[at] < least.d[at] || dims.d[at] > most.d[at]) return false;
  }
  return true;
}

class Context : public ContextStub {
 public:
  Context(const Plan &plan, ILogger &log)
      : plan_(plan),
        log_(log),
        shapes_(plan.tensors.size()),
        places_(plan.tensors.size()),
        allocators_(plan.tensors.size()) {}

  bool setOptimizationProfileAsync(int32_t profile, cudaStream_t) noexcept override {
    profile_ = profile;
    shapes_.assign(plan_.tensors.size(), Dims{});
    return profile >= 0 && profile < plan_.profiles;
  }
  bool setInputShape(char const *name, Dims const &dims) noexcept override {
    const size_t at = Find(name);
    const auto &ranges = plan_.tensors[at].ranges;
    const size_t first = static_cast<size_t>(profile_) * 3;
    const bool is_allowed = ranges.empty()
                                ? IsAllowed(dims, plan_.tensors[at].shape, plan_.tensors[at].shape)
                                : IsAllowed(dims, ranges[first], ranges[first + 2]);
    if (!is_allowed || Fails("setInputShape")) {
      LogError(log_, "shape refused.");
      return false;
    }
    shapes_[at] = dims;
    return true;
  }
  bool setTensorAddress(char const *name, void *place) noexcept override {
    const size_t at = Find(name);
    places_[at] = place;
    const bool is_on_host = plan_.tensors[at].flags.count("host") != 0;
    return place != nullptr && StandinIsOnDevice(place, 1) != is_on_host;
  }
  bool setOutputAllocator(char const *name, IOutputAllocator *allocator) noexcept override {
    allocators_[Find(name)] = allocator;
    return true;
  }
  int32_t inferShapes(int32_t most, char const **names) noexcept override {
    for (size_t at = 0; at < plan_.tensors.size(); ++at) {
      if (!plan_.tensors[at].is_input || places_[at] != nullptr) continue;
      if (most > 0) names[0] = plan_.tensors[at].name.c_str();
      return 1;
    }
    return 0;
  }
  Dims getTensorShape(char const *name) const noexcept override {
    const PlanTensor &tensor = plan_.tensors[Find(name)];
    Dims dims = shapes_[SourceOf(Find(name))];
    if (tensor.flags.count("rows") != 0) dims.d[0] = -1;
    return dims;
  }
  int64_t getMaxOutputSize(char const *name) const noexcept override {
    const size_t at = Find(name);
    if (Fails("output")) return -1;
    return CountOf(shapes_[SourceOf(at)]) * static_cast<int64_t>(BytesOf(plan_.tensors[at].type));
  }
  bool enqueueV3(cudaStream_t stream) noexcept override {
    if (Fails("enqueue")) {
      LogError(log_, "the engine has failed.");
      LogError(log_, "what called it gave up.");
      return false;
    }
    StandinQueue(stream, &Run, this);
    for (size_t at = 0; at < plan_.tensors.size(); ++at) {
      // TensorRT too waits for a shape that depends on the data.
      if (plan_.tensors[at].flags.count("rows") != 0) StandinFlush(stream);
    }
    return true;
  }

 private:
  static void Run(void *context) { static_cast<Context *>(context)->RunAll(); }
  void RunAll() {
    for (size_t at = 0; at < plan_.tensors.size(); ++at) {
      if (!plan_.tensors[at].is_input) RunOne(at);
    }
  }
  void RunOne(size_t at) {
    const PlanTensor &tensor = plan_.tensors[at];
    const size_t source = SourceOf(at);
    const auto count = static_cast<size_t>(CountOf(shapes_[source]));
    const size_t bytes = count * BytesOf(tensor.type);
    std::vector<char> made(bytes);
    if (bytes > 0) std::memcpy(made.data(), places_[source], bytes);
    auto *numbers = reinterpret_cast<float *>(made.data());
    for (size_t one = 0; tensor.type == DataType::kFLOAT && one < count; ++one) numbers[one] *= 2;
    if (tensor.flags.count("rows") == 0) {
      if (bytes > 0) std::memcpy(places_[at], made.data(), bytes);
      return;
    }
    Dims dims = shapes_[source];
    const int64_t columns = CountOf(dims) / std::max<int64_t>(dims.d[0], 1);
    std::vector<float> kept;
    for (size_t row = 0; row < count; row += static_cast<size_t>(columns)) {
      if (numbers[row] >= 0) kept.insert(kept.end(), numbers + row, numbers + row + columns);
    }
    dims.d[0] = static_cast<int64_t>(kept.size()) / columns;
    const size_t size = kept.size() * sizeof(float);
    void *place =
        allocators_[at]->reallocateOutputAsync(tensor.name.c_str(), nullptr, size, 256, nullptr);
    if (size > 0) std::memcpy(place, kept.data(), size);
    allocators_[at]->notifyShape(tensor.name.c_str(), dims);
  }

  bool Fails(const char *what) const { return plan_.fails.count(what) != 0; }
  size_t Find(const std::string &name) const {
    size_t at = 0;
    while (plan_.tensors[at].name != name) ++at;
    return at;
  }
  // The input that an output is made of: the one of the same number, or the last.
  size_t SourceOf(size_t tensor) const {
    if (plan_.tensors[tensor].is_input) return tensor;
    size_t wanted = 0, last = 0;
    for (size_t at = 0; at < tensor; ++at) wanted += plan_.tensors[at].is_input ? 0 : 1;
    for (size_t at = 0; at < plan_.tensors.size(); ++at) {
      if (!plan_.tensors[at].is_input) continue;
      last = at;
      if (wanted-- == 0) break;
    }
    return last;
  }

  const Plan &plan_;
  ILogger &log_;
  int32_t profile_ = 0;
  std::vector<Dims> shapes_;
  std::vector<void *> places_;
  std::vector<IOutputAllocator *> allocators_;
};

class Engine : public EngineStub {
 public:
  Engine(Plan plan, ILogger &log) : plan_(std::move(plan)), log_(log) {}

  int32_t getNbIOTensors() const noexcept override {
    return static_cast<int32_t>(plan_.tensors.size());
  }
  char const *getIOTensorName(int32_t index) const noexcept override {
    return plan_.tensors[static_cast<size_t>(index)].name.c_str();
  }
  TensorIOMode getTensorIOMode(char const *name) const noexcept override {
    return Find(name).is_input ? TensorIOMode::kINPUT : TensorIOMode::kOUTPUT;
  }
  Dims getTensorShape(char const *name) const noexcept override { return Find(name).shape; }
  DataType getTensorDataType(char const *name) const noexcept override { return Find(name).type; }
  TensorLocation getTensorLocation(char const *name) const noexcept override {
    return Find(name).flags.count("host") != 0 ? TensorLocation::kHOST : TensorLocation::kDEVICE;
  }
  TensorFormat getTensorFormatV2(char const *name, int32_t) const noexcept override {
    return Find(name).flags.count("chw4") != 0 ? TensorFormat::kCHW4 : TensorFormat::kLINEAR;
  }
  char const *getTensorFormatDescV2(char const *, int32_t) const noexcept override {
    return "four channels together";
  }
  int32_t getNbOptimizationProfiles() const noexcept override { return plan_.profiles; }
  Dims getProfileShape(char const *name, int32_t profile,
                       OptProfileSelector which) const noexcept override {
    const size_t first = static_cast<size_t>(profile) * 3;
    return Find(name).ranges.at(first + static_cast<size_t>(which));
  }
  IExecutionContext *createExecutionContext(ExecutionContextAllocationStrategy) noexcept override {
    if (plan_.fails.count("context") == 0) {
      return new Facade<IExecutionContext, Context>(plan_, log_);
    }
    LogError(log_, "out of memory.");
    return nullptr;
  }

 private:
  const PlanTensor &Find(const std::string &name) const {
    return *std::find_if(plan_.tensors.begin(), plan_.tensors.end(),
                         [&](const PlanTensor &one) { return one.name == name; });
  }

  Plan plan_;
  ILogger &log_;
};

class Runtime : public RuntimeStub {
 public:
  explicit Runtime(ILogger &log) : log_(log) {}

  ICudaEngine *deserializeCudaEngine(void const *data, std::size_t size) noexcept override {
    const std::string text(static_cast<const char *>(data), size);
    if (text.rfind("ftrt", 0) != 0) {
      LogError(log_, "Version tag does not match.");
      log_.log(ILogger::Severity::kERROR, "Engine deserialization failed.");
      return nullptr;
    }
    log_.log(ILogger::Severity::kWARNING, "a warning of\nthe stand-in");
    std::istringstream words(text.substr(4));
    return new Facade<ICudaEngine, Engine>(ReadPlan(words), log_);
  }

 private:
  ILogger &log_;
};

}  // namespace
}  // namespace standin

extern "C" {

int32_t getInferLibVersion() noexcept { return NV_TENSORRT_VERSION; }

void *createInferRuntime_INTERNAL(void *log, int32_t version) noexcept {
  if (version / 10000 != NV_TENSORRT_MAJOR) return nullptr;
  static nvinfer1::IRuntime *made = new standin::Facade<nvinfer1::IRuntime, standin::Runtime>(
      *static_cast<nvinfer1::ILogger *>(log));
  return made;
}
}
