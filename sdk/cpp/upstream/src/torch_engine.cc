// Torch: tensors of messages, and TorchScript models.
#include <dlfcn.h>
#include <torch/script.h>
#include <torch/version.h>

#include "converter/torch_tensor_converter.h"
#include "devices.h"
#include "logger/logger.h"
#include "model_infer/torch_inferer.h"

namespace netease::grps {
namespace {

using ::grps::protos::v1::DataType_Name;
using ::grps::protos::v1::GenericTensor;
using ::grps::protos::v1::GrpsMessage;
using Tensors = ModelInferer::Tensors;

template <typename T, typename Field>
at::Tensor FromField(const GenericTensor &tensor, const Field &field, at::ScalarType type) {
  const std::vector<int64_t> shape(tensor.shape().begin(), tensor.shape().end());
  at::Tensor made = torch::empty(shape, type);
  if (made.numel() != field.size()) {
    throw Converter::ConverterException(
        "tensor '" + tensor.name() + "' has " + std::to_string(field.size()) +
        " elements, but its shape has " + std::to_string(made.numel()));
  }
  std::transform(field.begin(), field.end(), made.data_ptr<T>(),
                 [](auto value) { return static_cast<T>(value); });
  return made;
}

at::Tensor ToTorch(const GenericTensor &tensor) {
  switch (tensor.dtype()) {
    case ::grps::protos::v1::DT_UINT8:
      return FromField<uint8_t>(tensor, tensor.flat_uint8(), at::kByte);
    case ::grps::protos::v1::DT_INT8:
      return FromField<int8_t>(tensor, tensor.flat_int8(), at::kChar);
    case ::grps::protos::v1::DT_INT16:
      return FromField<int16_t>(tensor, tensor.flat_int16(), at::kShort);
    case ::grps::protos::v1::DT_INT32:
      return FromField<int32_t>(tensor, tensor.flat_int32(), at::kInt);
    case ::grps::protos::v1::DT_INT64:
      return FromField<int64_t>(tensor, tensor.flat_int64(), at::kLong);
    case ::grps::protos::v1::DT_FLOAT16:
      return FromField<at::Half>(tensor, tensor.flat_float16(), at::kHalf);
    case ::grps::protos::v1::DT_FLOAT32:
      return FromField<float>(tensor, tensor.flat_float32(), at::kFloat);
    case ::grps::protos::v1::DT_FLOAT64:
      return FromField<double>(tensor, tensor.flat_float64(), at::kDouble);
    default:
      throw Converter::ConverterException("torch has no tensors of " +
                                          DataType_Name(tensor.dtype()));
  }
}

template <typename T, typename Field>
void ToField(const at::Tensor &tensor, Field *field) {
  const T *data = tensor.data_ptr<T>();
  field->Assign(data, data + tensor.numel());
}

void FillMessage(const std::string &name, const at::Tensor &given, GenericTensor *tensor) {
  const at::Tensor source = given.detach().to(torch::kCPU).contiguous();
  tensor->set_name(name);
  for (const int64_t size : source.sizes()) tensor->add_shape(static_cast<uint32_t>(size));
  switch (source.scalar_type()) {
    case at::kBool:
      tensor->set_dtype(::grps::protos::v1::DT_UINT8);
      return ToField<bool>(source, tensor->mutable_flat_uint8());
    case at::kByte:
      tensor->set_dtype(::grps::protos::v1::DT_UINT8);
      return ToField<uint8_t>(source, tensor->mutable_flat_uint8());
    case at::kChar:
      tensor->set_dtype(::grps::protos::v1::DT_INT8);
      return ToField<int8_t>(source, tensor->mutable_flat_int8());
    case at::kShort:
      tensor->set_dtype(::grps::protos::v1::DT_INT16);
      return ToField<int16_t>(source, tensor->mutable_flat_int16());
    case at::kInt:
      tensor->set_dtype(::grps::protos::v1::DT_INT32);
      return ToField<int32_t>(source, tensor->mutable_flat_int32());
    case at::kLong:
      tensor->set_dtype(::grps::protos::v1::DT_INT64);
      return ToField<int64_t>(source, tensor->mutable_flat_int64());
    case at::kHalf:
      tensor->set_dtype(::grps::protos::v1::DT_FLOAT16);
      return ToField<at::Half>(source, tensor->mutable_flat_float16());
    case at::kFloat:
      tensor->set_dtype(::grps::protos::v1::DT_FLOAT32);
      return ToField<float>(source, tensor->mutable_flat_float32());
    case at::kDouble:
      tensor->set_dtype(::grps::protos::v1::DT_FLOAT64);
      return ToField<double>(source, tensor->mutable_flat_float64());
    default:
      throw Converter::ConverterException("output '" + name + "' is " +
                                          c10::toString(source.scalar_type()) +
                                          ", which messages can't carry");
  }
}

const at::Tensor &TensorOf(const std::pair<std::string, TensorWrapper> &entry) {
  if (entry.second.torch_tensor != nullptr) return *entry.second.torch_tensor;
  throw Converter::ConverterException("tensor '" + entry.first + "' is no torch tensor");
}

torch::Device Place(const DeviceName &device) {
  if (device.kind != "cuda") return torch::kCPU;
  if (at::hasCUDA()) {
    return {torch::kCUDA, static_cast<torch::DeviceIndex>(device.index)};
  }
  LOG4(WARN, "this machine has no CUDA device; the model runs on the CPU");
  return torch::kCPU;
}

}  // namespace

TensorWrapper TorchTensorConverter::FromMessage(const GenericTensor &tensor) {
  return TensorWrapper(ToTorch(tensor));
}

void TorchTensorConverter::ToMessage(const std::pair<std::string, TensorWrapper> &tensor,
                                     int64_t first, int64_t rows, GenericTensor *made) {
  const at::Tensor &all = TensorOf(tensor);
  if (rows >= 0 && (all.dim() == 0 || first + rows > all.size(0))) {
    throw ConverterException("output '" + tensor.first + "' has no rows of each request");
  }
  FillMessage(tensor.first, rows < 0 ? all : all.narrow(0, first, rows), made);
}

void TorchModelInferer::Init(const std::string &path, const std::string &device,
                             const YAML::Node &args) {
  ModelInferer::Init(path, device, args);
  const DeviceName name = DeviceName::Parse(device);
  torch_dev_ = Place(name);
  inp_dev_ = name.kind == "original" ? Place(DeviceName::Parse(name.inputs)) : torch_dev_;
  device_ = name.kind == "original" ? name.kind : torch_dev_.str();
  const YAML::Node paths = args.IsMap() ? args["customized_op_paths"] : YAML::Node();
  for (const YAML::Node &library : paths) {
    const auto file = library.as<std::string>();
    if (!file.empty() && dlopen(file.c_str(), RTLD_LAZY) == nullptr) {
      throw InfererException("custom operators " + file + ": " + dlerror());
    }
  }
}

void TorchModelInferer::Load() {
  try {
    module_ = device_ == "original" ? torch::jit::load(path_) : torch::jit::load(path_, torch_dev_);
    module_.eval();
    const auto &schema = module_.get_method("forward").function().getSchema();
    // The first argument is the module itself.
    for (size_t at = 1; at < schema.arguments().size(); ++at) {
      inp_tensor_names_.push_back(schema.arguments()[at].name());
    }
    for (const auto &output : schema.returns()) out_tensor_names_.push_back(output.name());
  } catch (const c10::Error &error) {
    throw InfererException(path_ + ": " + error.what_without_backtrace());
  }
  if (inp_tensor_names_.empty()) throw InfererException(path_ + ": forward takes no tensors");
  LOG4(INFO, "loaded " << path_ << " on " << device_ << ", inputs " << inp_tensor_names_);
}

namespace {

at::Tensor InputAt(const Tensors &inputs, size_t index, const std::string &name) {
  if (index < inputs.size() && inputs[index].first.empty()) return TensorOf(inputs[index]);
  for (const auto &entry : inputs) {
    if (entry.first == name) return TensorOf(entry);
  }
  throw ModelInferer::InfererException("the model needs input '" + name + "'");
}

void AddOutput(std::string name, const at::Tensor &tensor, Tensors *outputs) {
  if (name.empty()) name = "output_" + std::to_string(outputs->size());
  outputs->emplace_back(std::move(name), tensor);
}

}  // namespace

void TorchModelInferer::Infer(const Tensors &inputs, Tensors &outputs, GrpsContext &) {
  const c10::InferenceMode inference(infer_mode_);
  const torch::NoGradGuard no_grad;
  std::vector<torch::jit::IValue> values;
  for (size_t index = 0; index < inp_tensor_names_.size(); ++index) {
    values.emplace_back(InputAt(inputs, index, inp_tensor_names_[index]).to(inp_dev_));
  }
  try {
    const torch::jit::IValue result = module_(values);
    outputs.clear();
    const auto name_at = [this](size_t at) {
      return at < out_tensor_names_.size() ? out_tensor_names_[at] : std::string();
    };
    if (result.isTensor()) {
      // One tensor has the name of the schema, even if that is empty.
      outputs.emplace_back(name_at(0), result.toTensor());
    } else if (result.isTuple()) {
      const auto &elements = result.toTupleRef().elements();
      for (size_t at = 0; at < elements.size(); ++at) {
        AddOutput(name_at(at), elements[at].toTensor(), &outputs);
      }
    } else if (result.isTensorList()) {
      for (const at::Tensor &tensor : result.toTensorVector()) {
        AddOutput(name_at(outputs.size()), tensor, &outputs);
      }
    } else if (result.isGenericDict()) {
      for (const auto &item : result.toGenericDict()) {
        AddOutput(item.key().toStringRef(), item.value().toTensor(), &outputs);
      }
    } else {
      throw InfererException("the model returned " + result.tagKind() + ", which is no tensors");
    }
  } catch (const c10::Error &error) {
    throw InfererException(error.what_without_backtrace());
  }
}

}  // namespace netease::grps
