// TensorRT: tensors of messages, and engines.
#include <NvInfer.h>
#include <NvInferPlugin.h>
#include <dlfcn.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <mutex>

#include "converter/trt_tensor_converter.h"
#include "devices.h"
#include "logger/logger.h"
#include "model_infer/trt_inferer.h"

namespace netease::grps {
namespace {

using TrtGenericTensor = ::grps::protos::v1::GenericTensor;
using TrtTensors = ModelInferer::Tensors;

class TrtLogger : public nvinfer1::ILogger {
 public:
  void log(Severity severity, const char *text) noexcept override {
    if (severity <= Severity::kERROR) {
      LOG4(ERROR, text);
    } else if (severity == Severity::kWARNING) {
      LOG4(WARN, text);
    }
  }
};

TrtLogger &TheTrtLogger() {
  static TrtLogger logger;
  return logger;
}

// A binding with a name of its own, which the binding only points to.
struct NamedBinding {
  NamedBinding(std::string of, const nvinfer1::Dims &dims, nvinfer1::DataType type)
      : name(std::move(of)), binding(name.c_str(), dims, type) {}
  std::string name;
  TrtHostBinding binding;
};

TensorWrapper TrtMake(const std::string &name, const nvinfer1::Dims &dims,
                      nvinfer1::DataType type) {
  auto made = std::make_shared<NamedBinding>(name, dims, type);
  return TensorWrapper(std::shared_ptr<TrtHostBinding>(made, &made->binding));
}

TrtHostBinding &TrtBindingOf(const std::pair<std::string, TensorWrapper> &entry) {
  if (entry.second.trt_host_binding != nullptr) return *entry.second.trt_host_binding;
  throw Converter::ConverterException("tensor '" + entry.first + "' is no TensorRT binding");
}

template <typename T, typename Field>
TensorWrapper TrtFromField(const TrtGenericTensor &tensor, const Field &field,
                           nvinfer1::DataType type) {
  nvinfer1::Dims dims = {};
  if (tensor.shape_size() > nvinfer1::Dims::MAX_DIMS) {
    throw Converter::ConverterException("tensor '" + tensor.name() + "' has too many dimensions");
  }
  dims.nbDims = tensor.shape_size();
  for (int at = 0; at < dims.nbDims; ++at) dims.d[at] = tensor.shape(at);
  TensorWrapper made = TrtMake(tensor.name(), dims, type);
  if (made.trt_host_binding->volume() != static_cast<size_t>(field.size())) {
    throw Converter::ConverterException("tensor '" + tensor.name() +
                                        "' has another number of elements than its shape");
  }
  std::transform(field.begin(), field.end(),
                 static_cast<T *>(made.trt_host_binding->buffer().Get()),
                 [](auto value) { return static_cast<T>(value); });
  return made;
}

TensorWrapper TrtToBinding(const TrtGenericTensor &tensor) {
  switch (tensor.dtype()) {
    case ::grps::protos::v1::DT_UINT8:
      return TrtFromField<uint8_t>(tensor, tensor.flat_uint8(), nvinfer1::DataType::kUINT8);
    case ::grps::protos::v1::DT_INT8:
      return TrtFromField<int8_t>(tensor, tensor.flat_int8(), nvinfer1::DataType::kINT8);
    case ::grps::protos::v1::DT_INT32:
      return TrtFromField<int32_t>(tensor, tensor.flat_int32(), nvinfer1::DataType::kINT32);
    case ::grps::protos::v1::DT_INT64:
      return TrtFromField<int64_t>(tensor, tensor.flat_int64(), nvinfer1::DataType::kINT64);
    case ::grps::protos::v1::DT_FLOAT32:
      return TrtFromField<float>(tensor, tensor.flat_float32(), nvinfer1::DataType::kFLOAT);
    default:
      throw Converter::ConverterException("TensorRT takes no tensors of " +
                                          ::grps::protos::v1::DataType_Name(tensor.dtype()));
  }
}

template <typename T, typename Field>
void TrtAdd(TrtHostBinding &binding, size_t first, size_t count, Field *field) {
  const T *data = static_cast<const T *>(binding.buffer().Get()) + first;
  field->Add(data, data + count);
}

// Makes rows of an output a part of a message; all of them for rows < 0.
void TrtFillMessage(const std::string &name, TrtHostBinding &binding, int64_t first, int64_t rows,
                    TrtGenericTensor *made) {
  const nvinfer1::Dims &dims = binding.dims();
  size_t from = 0, count = binding.volume();
  if (rows >= 0) {
    if (dims.nbDims == 0 || first + rows > dims.d[0]) {
      throw Converter::ConverterException("output '" + name + "' has no rows of each request");
    }
    const size_t of_row = dims.d[0] == 0 ? 0 : count / static_cast<size_t>(dims.d[0]);
    from = static_cast<size_t>(first) * of_row;
    count = static_cast<size_t>(rows) * of_row;
  }
  made->set_name(name);
  for (int at = 0; at < dims.nbDims; ++at) {
    made->add_shape(static_cast<uint32_t>(at == 0 && rows >= 0 ? rows : dims.d[at]));
  }
  switch (binding.data_type()) {
    case nvinfer1::DataType::kBOOL:
    case nvinfer1::DataType::kUINT8:
      made->set_dtype(::grps::protos::v1::DT_UINT8);
      return TrtAdd<uint8_t>(binding, from, count, made->mutable_flat_uint8());
    case nvinfer1::DataType::kINT8:
      made->set_dtype(::grps::protos::v1::DT_INT8);
      return TrtAdd<int8_t>(binding, from, count, made->mutable_flat_int8());
    case nvinfer1::DataType::kINT32:
      made->set_dtype(::grps::protos::v1::DT_INT32);
      return TrtAdd<int32_t>(binding, from, count, made->mutable_flat_int32());
    case nvinfer1::DataType::kINT64:
      made->set_dtype(::grps::protos::v1::DT_INT64);
      return TrtAdd<int64_t>(binding, from, count, made->mutable_flat_int64());
    case nvinfer1::DataType::kFLOAT:
      made->set_dtype(::grps::protos::v1::DT_FLOAT32);
      return TrtAdd<float>(binding, from, count, made->mutable_flat_float32());
    default:
      throw Converter::ConverterException("output '" + name + "' is of a type that messages lack");
  }
}

}  // namespace

TensorWrapper TrtTensorConverter::FromMessage(const TrtGenericTensor &tensor) {
  return TrtToBinding(tensor);
}

void TrtTensorConverter::ToMessage(const std::pair<std::string, TensorWrapper> &tensor,
                                   int64_t first, int64_t rows, TrtGenericTensor *made) {
  TrtFillMessage(tensor.first, TrtBindingOf(tensor), first, rows, made);
}

// A context of the engine with its memory on the device. One request at a time runs in it.
class TrtModelInferer::Stream {
 public:
  explicit Stream(nvinfer1::ICudaEngine &engine)
      : engine_(engine), context_(engine.createExecutionContext()) {
    if (context_ == nullptr) throw InfererException("there is no room for an execution context");
    buffers_.resize(static_cast<size_t>(engine.getNbIOTensors()));
  }

  void Run(const TrtTensors &inputs, TrtTensors *outputs) {
    const std::lock_guard<std::mutex> lock(mutex_);
    size_t input = 0;
    for (int at = 0; at < engine_.getNbIOTensors(); ++at) {
      const char *name = engine_.getIOTensorName(at);
      if (engine_.getTensorIOMode(name) == nvinfer1::TensorIOMode::kINPUT) {
        PutInput(name, Choose(inputs, input++, name), &buffers_[static_cast<size_t>(at)]);
      }
    }
    TrtTensors made;
    std::vector<DeviceBuffer *> sources;
    for (int at = 0; at < engine_.getNbIOTensors(); ++at) {
      const char *name = engine_.getIOTensorName(at);
      if (engine_.getTensorIOMode(name) != nvinfer1::TensorIOMode::kOUTPUT) continue;
      made.emplace_back(
          name, TrtMake(name, context_->getTensorShape(name), engine_.getTensorDataType(name)));
      DeviceBuffer &buffer = buffers_[static_cast<size_t>(at)];
      Bind(name, made.back().second.trt_host_binding->buffer_size(), &buffer);
      sources.push_back(&buffer);
    }
    if (!context_->enqueueV3(stream_.Get())) throw InfererException("the engine failed");
    for (size_t at = 0; at < made.size(); ++at) {
      TrtHostBinding &target = *made[at].second.trt_host_binding;
      D2H(stream_, *sources[at], target.buffer(), target.buffer_size());
    }
    CudaCheck(cudaStreamSynchronize(stream_.Get()));
    *outputs = std::move(made);
  }

 private:
  static TrtHostBinding &Choose(const TrtTensors &inputs, size_t index, const std::string &name) {
    if (index < inputs.size() && inputs[index].first.empty()) return TrtBindingOf(inputs[index]);
    for (const auto &entry : inputs) {
      if (entry.first == name) return TrtBindingOf(entry);
    }
    throw InfererException("the model needs input '" + name + "'");
  }
  void PutInput(const char *name, TrtHostBinding &source, DeviceBuffer *buffer) {
    if (source.data_type() != engine_.getTensorDataType(name)) {
      throw InfererException(std::string("input '") + name + "' is of another type");
    }
    if (!context_->setInputShape(name, source.dims())) {
      throw InfererException(std::string("input '") + name +
                             "' has a shape that the engine refuses");
    }
    Bind(name, source.buffer_size(), buffer);
    H2D(stream_, source.buffer(), *buffer, source.buffer_size());
  }
  void Bind(const char *name, size_t bytes, DeviceBuffer *buffer) {
    // An address is needed for an empty tensor as well.
    if (buffer->Size() < bytes || buffer->Get() == nullptr) {
      buffer->Allocate(std::max<size_t>(bytes, 1));
    }
    if (!context_->setTensorAddress(name, buffer->Get())) {
      throw InfererException(std::string("tensor '") + name + "' can't be bound");
    }
  }

  nvinfer1::ICudaEngine &engine_;
  TrtUniquePtr<nvinfer1::IExecutionContext> context_;
  CudaStream stream_;
  std::vector<DeviceBuffer> buffers_;
  std::mutex mutex_;
};

TrtModelInferer::TrtModelInferer() = default;
TrtModelInferer::~TrtModelInferer() = default;

void TrtModelInferer::Init(const std::string &path, const std::string &device,
                           const YAML::Node &args) {
  ModelInferer::Init(path, device, args);
  const DeviceName name = DeviceName::Parse(device);
  if (name.kind != "cuda") throw InfererException("TensorRT needs device: cuda, or cuda:N");
  device_id_ = name.index;
  const YAML::Node paths = args.IsMap() ? args["customized_op_paths"] : YAML::Node();
  for (const YAML::Node &library : paths) {
    const auto file = library.as<std::string>();
    if (!file.empty() && dlopen(file.c_str(), RTLD_LAZY) == nullptr) {
      throw InfererException("custom operators " + file + ": " + dlerror());
    }
  }
}

void TrtModelInferer::Load() {
  std::ifstream file(path_, std::ios::binary);
  const std::string plan((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (plan.empty()) throw InfererException(path_ + ": no such engine");
  CudaCheck(cudaSetDevice(device_id_));
  initLibNvInferPlugins(&TheTrtLogger(), "");
  const std::shared_ptr<nvinfer1::IRuntime> runtime(nvinfer1::createInferRuntime(TheTrtLogger()));
  if (runtime == nullptr) throw InfererException("TensorRT can't be initialized");
  nvinfer1::ICudaEngine *engine = runtime->deserializeCudaEngine(plan.data(), plan.size());
  if (engine == nullptr) throw InfererException(path_ + ": no engine of this version of TensorRT");
  // The runtime must outlive its engines.
  engine_.reset(engine, [runtime](nvinfer1::ICudaEngine *last) { delete last; });
  const YAML::Node streams = args_.IsMap() ? args_["streams"] : YAML::Node();
  const int count = streams.IsScalar() ? streams.as<int>() : 1;
  if (count < 1) throw InfererException("inferer_args: streams must be 1 or more");
  for (int at = 0; at < count; ++at) streams_.push_back(std::make_unique<Stream>(*engine_));
}

void TrtModelInferer::Infer(const TrtTensors &inputs, TrtTensors &outputs, GrpsContext &) {
  static std::atomic<size_t> next{0};
  CudaCheck(cudaSetDevice(device_id_));
  streams_.at(next++ % streams_.size())->Run(inputs, &outputs);
}

}  // namespace netease::grps
