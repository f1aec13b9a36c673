// A stream with an execution context and its memory: what runs one batch at a time.
// tensorrt.hpp includes it.
#ifndef GRPS_TENSORRT_EXECUTION_HPP
#define GRPS_TENSORRT_EXECUTION_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <grps/plugin/tensors.hpp>
#include <grps/tensorrt/causes.hpp>
#include <grps/tensorrt/device.hpp>
#include <grps/tensorrt/engine.hpp>
#include <grps/tensorrt/profiles.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace grps::tensorrt {

namespace detail {

// Gives TensorRT the memory that was reserved for an output whose shape depends on the data, and
// keeps its true shape.
class Reserved : public nvinfer1::IOutputAllocator {
 public:
  void Offer(void *place, size_t bytes) {
    place_ = place;
    bytes_ = bytes;
    is_known_ = false;
  }
  void *reallocateOutputAsync(const char *, void *, uint64_t bytes, uint64_t,
                              cudaStream_t) noexcept override {
    // CUDA's own alignment is enough for any tensor.
    return bytes <= bytes_ ? place_ : nullptr;
  }
  void notifyShape(const char *, const nvinfer1::Dims &dims) noexcept override {
    dims_ = dims;
    is_known_ = true;
  }
  // Throws std::runtime_error before TensorRT has said it.
  Shape shape(const std::string &name) const {
    if (is_known_) return ShapeOf(dims_);
    throw std::runtime_error("TensorRT did not report the shape of output " + name);
  }

 private:
  void *place_ = nullptr;
  size_t bytes_ = 0;
  bool is_known_ = false;
  nvinfer1::Dims dims_ = {};
};

}  // namespace detail

// A run is: shapes, copies to the device, the engine, copies back, one wait. One thread at a time
// runs it.
class Execution {
 public:
  // Throws std::runtime_error without memory for it. The engine outlives it.
  explicit Execution(const Engine &engine)
      : engine_(engine), stream_(Selected(engine)), context_(engine.CreateContext()) {
    for (const EngineTensor &tensor : engine.inputs()) {
      inputs_.emplace_back(engine.device(), tensor.is_on_host);
    }
    for (const EngineTensor &tensor : engine.outputs()) {
      outputs_.emplace_back(engine.device(), tensor.is_on_host);
      reserved_.push_back(std::make_unique<detail::Reserved>());
    }
  }
  ~Execution() {
    try {
      engine_.device().Select();
      stream_.Synchronize();
    } catch (const std::exception &error) {
      LogWarning(error.what());
    }
  }
  Execution(const Execution &) = delete;
  Execution &operator=(const Execution &) = delete;

  // Runs the engine on inputs in its order. `add(tensor, shape)` returns the memory for the
  // elements of an output. Throws InputError if the engine does not take the inputs, BrokenError if
  // the device can't be used any more, std::runtime_error for any other failure.
  template <typename Add>
  void Run(const std::vector<Tensor> &inputs, Add &&add) {
    const int32_t profile = ChooseProfile(engine_.inputs(), ShapesOf(inputs));
    engine_.device().Select();
    std::vector<Shape> shapes;
    try {
      Send(profile, inputs);
      shapes = Start();
      stream_.Synchronize();
    } catch (const std::exception &error) {
      Settle(error.what());
      throw;
    }
    for (size_t at = 0; at < shapes.size(); ++at) {
      const EngineTensor &tensor = engine_.outputs()[at];
      const auto count = static_cast<size_t>(grps::detail::CountOf(shapes[at]));
      detail::Decode(tensor.type, outputs_[at].host(), count, detail::BytesOf(tensor, shapes[at]),
                     add(tensor, shapes[at]));
    }
  }

 private:
  static const Device &Selected(const Engine &engine) {
    engine.device().Select();
    return engine.device();
  }

  // The shapes of inputs whose number and types are right.
  std::vector<Shape> ShapesOf(const std::vector<Tensor> &inputs) const {
    if (inputs.size() != engine_.inputs().size()) {
      throw InputError("the engine takes " + std::to_string(engine_.inputs().size()) +
                       " inputs, got " + std::to_string(inputs.size()));
    }
    std::vector<Shape> shapes;
    for (size_t at = 0; at < inputs.size(); ++at) {
      const EngineTensor &tensor = engine_.inputs()[at];
      const int32_t dtype = inputs[at].dtype();
      const bool is_bool = tensor.type == nvinfer1::DataType::kBOOL && dtype == GRPS_BOOL;
      if (dtype != tensor.dtype && !is_bool) {
        throw InputError("input '" + tensor.name + "' is " + grps::detail::NameOf(dtype) +
                         ", not " + grps::detail::NameOf(tensor.dtype));
      }
      shapes.push_back(inputs[at].shape());
    }
    return shapes;
  }

  void Send(int32_t profile, const std::vector<Tensor> &inputs) {
    Begin();
    if (profile != profile_) {
      // Half a switch leaves the context in neither profile.
      profile_ = -1;
      Check(context_->setOptimizationProfileAsync(profile, stream_.get()),
            "optimization profile " + std::to_string(profile) + " can't be used");
      profile_ = profile;
    }
    for (size_t at = 0; at < inputs.size(); ++at) {
      const EngineTensor &tensor = engine_.inputs()[at];
      const Shape shape = inputs[at].shape();
      const size_t bytes = detail::BytesOf(tensor, shape);
      Buffer &buffer = inputs_[at];
      buffer.Reserve(bytes);
      detail::Encode(tensor.type, inputs[at].data(), inputs[at].count(), bytes, buffer.host());
      buffer.Send(bytes, stream_);
      nvinfer1::Dims dims = {};
      dims.nbDims = static_cast<int32_t>(shape.size());
      std::copy(shape.begin(), shape.end(), dims.d);
      Check(context_->setInputShape(tensor.name.c_str(), dims),
            "input " + tensor.name + " can't have shape " + detail::TextOf(shape));
      Check(context_->setTensorAddress(tensor.name.c_str(), buffer.place()),
            "input " + tensor.name + " is refused");
    }
  }

  // Queues the run and the copies of its outputs, and returns their shapes.
  std::vector<Shape> Start() {
    const char *missing = nullptr;
    Begin();
    const int32_t missing_count = context_->inferShapes(1, &missing);
    Log::Get().Check(missing_count == 0,
                     missing_count > 0 && missing != nullptr
                         ? std::string("TensorRT misses the shape or the values of ") + missing
                         : "the shapes do not fit");
    for (size_t at = 0; at < outputs_.size(); ++at) Bind(at);
    Check(context_->enqueueV3(stream_.get()), "TensorRT could not start the run");
    std::vector<Shape> shapes;
    for (size_t at = 0; at < outputs_.size(); ++at) {
      const EngineTensor &tensor = engine_.outputs()[at];
      Shape shape = detail::ShapeOf(context_->getTensorShape(tensor.name.c_str()));
      if (!detail::IsFixed(shape)) shape = reserved_[at]->shape(tensor.name);
      outputs_[at].Fetch(detail::BytesOf(tensor, shape), stream_);
      shapes.push_back(std::move(shape));
    }
    return shapes;
  }

  // Says where an output goes; one whose shape depends on the data reports it in the run.
  void Bind(size_t at) {
    const std::string &name = engine_.outputs()[at].name;
    const int64_t most = context_->getMaxOutputSize(name.c_str());
    if (most < 0) {
      throw std::runtime_error("TensorRT has no limit for the size of output " + name);
    }
    Buffer &buffer = outputs_[at];
    buffer.Reserve(static_cast<size_t>(most));
    const Shape shape = detail::ShapeOf(context_->getTensorShape(name.c_str()));
    if (detail::IsFixed(shape)) {
      Check(context_->setTensorAddress(name.c_str(), buffer.place()),
            "output " + name + " is refused");
      return;
    }
    reserved_[at]->Offer(buffer.place(), buffer.capacity());
    Check(context_->setOutputAllocator(name.c_str(), reserved_[at].get()),
          "output " + name + " is refused");
  }

  // Waits for what was queued before a failure, which still uses the memory. Errors of CUDA kernels
  // stay until the process ends.
  void Settle(const std::string &cause) {
    try {
      stream_.Synchronize();
    } catch (const std::exception &) {
      throw BrokenError(cause);
    }
  }

  static void Begin() { Log::Get().Begin(); }
  // Throws if a call returned false; its errors are those since the call before.
  static void Check(bool is_done, const std::string &otherwise) {
    Log::Get().Check(is_done, otherwise);
    Begin();
  }

  const Engine &engine_;
  Stream stream_;
  int32_t profile_ = 0;  // a new context's own
  std::vector<Buffer> inputs_, outputs_;
  std::vector<std::unique_ptr<detail::Reserved>> reserved_;
  std::unique_ptr<nvinfer1::IExecutionContext> context_;  // freed first: it uses all the others
};

}  // namespace grps::tensorrt

#endif
