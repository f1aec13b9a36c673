// TensorFlow: tensors of messages, and saved models by the C API, as the C++ one is not exported.
#include <tensorflow/c/c_api.h>
#include <tensorflow/core/framework/tensor.h>

#include <algorithm>
#include <cstring>

#include "converter/tf_tensor_converter.h"
#include "devices.h"
#include "logger/logger.h"
#include "model_infer/tf_inferer.h"
#include "wire.h"

namespace netease::grps {
namespace {

using TfGenericTensor = ::grps::protos::v1::GenericTensor;
using TfMessage = ::grps::protos::v1::GrpsMessage;
using TfTensors = ModelInferer::Tensors;

template <typename T, typename Field>
tensorflow::Tensor TfFromField(const TfGenericTensor &source, const Field &field,
                               tensorflow::DataType type) {
  tensorflow::TensorShape shape;
  for (const uint32_t size : source.shape()) shape.AddDim(size);
  tensorflow::Tensor made(type, shape);
  if (made.NumElements() != field.size()) {
    throw Converter::ConverterException(
        "tensor '" + source.name() + "' has " + std::to_string(field.size()) +
        " elements, but its shape has " + std::to_string(made.NumElements()));
  }
  T *target = made.flat<T>().data();
  for (const auto &value : field) *target++ = static_cast<T>(value);
  return made;
}

tensorflow::Tensor ToTf(const TfGenericTensor &tensor) {
  switch (tensor.dtype()) {
    case ::grps::protos::v1::DT_UINT8:
      return TfFromField<uint8_t>(tensor, tensor.flat_uint8(), tensorflow::DT_UINT8);
    case ::grps::protos::v1::DT_INT8:
      return TfFromField<int8_t>(tensor, tensor.flat_int8(), tensorflow::DT_INT8);
    case ::grps::protos::v1::DT_INT16:
      return TfFromField<int16_t>(tensor, tensor.flat_int16(), tensorflow::DT_INT16);
    case ::grps::protos::v1::DT_INT32:
      return TfFromField<int32_t>(tensor, tensor.flat_int32(), tensorflow::DT_INT32);
    case ::grps::protos::v1::DT_INT64:
      return TfFromField<int64_t>(tensor, tensor.flat_int64(), tensorflow::DT_INT64);
    case ::grps::protos::v1::DT_FLOAT16:
      return TfFromField<Eigen::half>(tensor, tensor.flat_float16(), tensorflow::DT_HALF);
    case ::grps::protos::v1::DT_FLOAT32:
      return TfFromField<float>(tensor, tensor.flat_float32(), tensorflow::DT_FLOAT);
    case ::grps::protos::v1::DT_FLOAT64:
      return TfFromField<double>(tensor, tensor.flat_float64(), tensorflow::DT_DOUBLE);
    case ::grps::protos::v1::DT_STRING:
      return TfFromField<tensorflow::tstring>(tensor, tensor.flat_string(), tensorflow::DT_STRING);
    default:
      throw Converter::ConverterException("a tensor without a type");
  }
}

// Adds elements of a tensor to a field: `count` of them, from `first` on.
template <typename T, typename Field>
void TfToField(const tensorflow::Tensor &tensor, int64_t first, int64_t count, Field *field) {
  const T *data = tensor.flat<T>().data() + first;
  field->Add(data, data + count);
}

// Makes rows of a tensor a part of a message; all of them, with those of a scalar, for rows < 0.
void TfFillMessage(const std::string &name, const tensorflow::Tensor &tensor, int64_t first,
                   int64_t rows, TfGenericTensor *made) {
  made->set_name(name);
  int64_t count = tensor.NumElements(), from = 0;
  for (int at = 0; at < tensor.dims(); ++at) {
    made->add_shape(static_cast<uint32_t>(at == 0 && rows >= 0 ? rows : tensor.dim_size(at)));
  }
  if (rows >= 0) {
    if (tensor.dims() == 0 || first + rows > tensor.dim_size(0)) {
      throw Converter::ConverterException("output '" + name + "' has no rows of each request");
    }
    const int64_t of_row = tensor.dim_size(0) == 0 ? 0 : count / tensor.dim_size(0);
    from = first * of_row;
    count = rows * of_row;
  }
  switch (tensor.dtype()) {
    case tensorflow::DT_BOOL:
      made->set_dtype(::grps::protos::v1::DT_UINT8);
      return TfToField<bool>(tensor, from, count, made->mutable_flat_uint8());
    case tensorflow::DT_UINT8:
      made->set_dtype(::grps::protos::v1::DT_UINT8);
      return TfToField<uint8_t>(tensor, from, count, made->mutable_flat_uint8());
    case tensorflow::DT_INT8:
      made->set_dtype(::grps::protos::v1::DT_INT8);
      return TfToField<int8_t>(tensor, from, count, made->mutable_flat_int8());
    case tensorflow::DT_INT16:
      made->set_dtype(::grps::protos::v1::DT_INT16);
      return TfToField<int16_t>(tensor, from, count, made->mutable_flat_int16());
    case tensorflow::DT_INT32:
      made->set_dtype(::grps::protos::v1::DT_INT32);
      return TfToField<int32_t>(tensor, from, count, made->mutable_flat_int32());
    case tensorflow::DT_INT64:
      made->set_dtype(::grps::protos::v1::DT_INT64);
      return TfToField<int64_t>(tensor, from, count, made->mutable_flat_int64());
    case tensorflow::DT_HALF:
      made->set_dtype(::grps::protos::v1::DT_FLOAT16);
      return TfToField<Eigen::half>(tensor, from, count, made->mutable_flat_float16());
    case tensorflow::DT_FLOAT:
      made->set_dtype(::grps::protos::v1::DT_FLOAT32);
      return TfToField<float>(tensor, from, count, made->mutable_flat_float32());
    case tensorflow::DT_DOUBLE:
      made->set_dtype(::grps::protos::v1::DT_FLOAT64);
      return TfToField<double>(tensor, from, count, made->mutable_flat_float64());
    case tensorflow::DT_STRING:
      made->set_dtype(::grps::protos::v1::DT_STRING);
      for (int64_t at = 0; at < count; ++at) {
        made->add_flat_string(std::string(tensor.flat<tensorflow::tstring>()(from + at)));
      }
      return;
    default:
      throw Converter::ConverterException("output '" + name + "' is of a type that messages lack");
  }
}

const tensorflow::Tensor &TfTensorOf(const std::pair<std::string, TensorWrapper> &entry) {
  if (entry.second.tf_tensor != nullptr) return *entry.second.tf_tensor;
  throw Converter::ConverterException("tensor '" + entry.first + "' is no TensorFlow tensor");
}

// A status of the C API; the exception has its text.
class TfStatus {
 public:
  ~TfStatus() { TF_DeleteStatus(status_); }
  TF_Status *get() { return status_; }
  void Check(const std::string &what) {
    if (TF_GetCode(status_) == TF_OK) return;
    throw ModelInferer::InfererException(what + ": " + TF_Message(status_));
  }

 private:
  TF_Status *status_ = TF_NewStatus();
};

using TfOwned = std::unique_ptr<TF_Tensor, decltype(&TF_DeleteTensor)>;

TfOwned ToC(const tensorflow::Tensor &tensor) {
  std::vector<int64_t> shape;
  for (int at = 0; at < tensor.dims(); ++at) shape.push_back(tensor.dim_size(at));
  const bool is_text = tensor.dtype() == tensorflow::DT_STRING;
  const auto count = static_cast<size_t>(tensor.NumElements());
  const size_t bytes = is_text ? count * sizeof(TF_TString) : tensor.tensor_data().size();
  TfOwned made(TF_AllocateTensor(static_cast<TF_DataType>(tensor.dtype()), shape.data(),
                                 tensor.dims(), bytes),
               &TF_DeleteTensor);
  if (!is_text) {
    std::memcpy(TF_TensorData(made.get()), tensor.tensor_data().data(), bytes);
    return made;
  }
  auto *texts = static_cast<TF_TString *>(TF_TensorData(made.get()));
  for (size_t at = 0; at < count; ++at) {
    const tensorflow::tstring &text = tensor.flat<tensorflow::tstring>()(at);
    TF_TString_Init(&texts[at]);
    TF_TString_Copy(&texts[at], text.data(), text.size());
  }
  return made;
}

tensorflow::Tensor FromC(const TF_Tensor *tensor) {
  tensorflow::TensorShape shape;
  for (int at = 0; at < TF_NumDims(tensor); ++at) shape.AddDim(TF_Dim(tensor, at));
  tensorflow::Tensor made(static_cast<tensorflow::DataType>(TF_TensorType(tensor)), shape);
  if (made.dtype() != tensorflow::DT_STRING) {
    std::memcpy(made.data(), TF_TensorData(tensor), TF_TensorByteSize(tensor));
    return made;
  }
  const auto *texts = static_cast<const TF_TString *>(TF_TensorData(tensor));
  for (int64_t at = 0; at < made.NumElements(); ++at) {
    made.flat<tensorflow::tstring>()(at) =
        tensorflow::tstring(TF_TString_GetDataPointer(&texts[at]), TF_TString_GetSize(&texts[at]));
  }
  return made;
}

using WireReader = ::grps::protos::v1::detail::Reader;
using WireMap = ::grps::protos::v1::Map<std::string>;

// The entries of map fields of an encoded message, by the number of the field.
std::map<uint32_t, WireMap> MapsOf(const std::string &encoded,
                                   const std::vector<uint32_t> &fields) {
  std::map<uint32_t, WireMap> maps;
  WireReader reader(encoded.data(), encoded.size());
  while (reader.Next()) {
    if (std::find(fields.begin(), fields.end(), reader.field()) == fields.end()) {
      reader.Skip();
    } else {
      reader.Entry(&maps[reader.field()]);
    }
  }
  return maps;
}

std::string NameOfTensor(const std::string &info) {
  std::string name;
  WireReader reader(info.data(), info.size());
  while (reader.Next()) {
    if (reader.field() == 1) {
      reader.Text(&name);
    } else {
      reader.Skip();
    }
  }
  return name;
}

}  // namespace

TensorWrapper TfTensorConverter::FromMessage(const TfGenericTensor &tensor) {
  return TensorWrapper(ToTf(tensor));
}

void TfTensorConverter::ToMessage(const std::pair<std::string, TensorWrapper> &tensor,
                                  int64_t first, int64_t rows, TfGenericTensor *made) {
  TfFillMessage(tensor.first, TfTensorOf(tensor), first, rows, made);
}

// A loaded model.
class TfModelInferer::Session {
 public:
  explicit Session(const std::string &path) {
    TfStatus status;
    const std::unique_ptr<TF_SessionOptions, decltype(&TF_DeleteSessionOptions)> options(
        TF_NewSessionOptions(), &TF_DeleteSessionOptions);
    const std::unique_ptr<TF_Buffer, decltype(&TF_DeleteBuffer)> meta(TF_NewBuffer(),
                                                                      &TF_DeleteBuffer);
    const char *const tags[] = {"serve"};
    session_ = TF_LoadSessionFromSavedModel(options.get(), nullptr, path.c_str(), tags, 1, graph_,
                                            meta.get(), status.get());
    status.Check(path);
    meta_.assign(static_cast<const char *>(meta->data), meta->length);
  }
  ~Session() {
    TfStatus ignored;
    if (session_ != nullptr) TF_DeleteSession(session_, ignored.get());
    TF_DeleteGraph(graph_);
  }
  // The encoded MetaGraphDef.
  const std::string &meta() const { return meta_; }

  // A tensor of the graph by its name, such as "StatefulPartitionedCall:0".
  TF_Output Find(const std::string &name) const {
    const size_t colon = name.rfind(':');
    const std::string operation = name.substr(0, colon);
    TF_Operation *found = TF_GraphOperationByName(graph_, operation.c_str());
    if (found == nullptr) throw InfererException("the graph has no tensor '" + name + "'");
    return {found, colon == std::string::npos ? 0 : std::stoi(name.substr(colon + 1))};
  }

  std::vector<tensorflow::Tensor> Run(const std::vector<TF_Output> &inputs,
                                      const std::vector<TfOwned> &values,
                                      const std::vector<TF_Output> &outputs) const {
    std::vector<TF_Tensor *> given;
    for (const TfOwned &value : values) given.push_back(value.get());
    std::vector<TF_Tensor *> made(outputs.size(), nullptr);
    TfStatus status;
    TF_SessionRun(session_, nullptr, inputs.data(), given.data(), static_cast<int>(given.size()),
                  outputs.data(), made.data(), static_cast<int>(made.size()), nullptr, 0, nullptr,
                  status.get());
    status.Check("the model failed");
    std::vector<tensorflow::Tensor> tensors;
    for (TF_Tensor *tensor : made)
      tensors.push_back(FromC(TfOwned(tensor, &TF_DeleteTensor).get()));
    return tensors;
  }

 private:
  TF_Graph *graph_ = TF_NewGraph();
  TF_Session *session_ = nullptr;
  std::string meta_;
};

TfModelInferer::TfModelInferer() = default;
TfModelInferer::~TfModelInferer() = default;

void TfModelInferer::Init(const std::string &path, const std::string &device,
                          const YAML::Node &args) {
  ModelInferer::Init(path, device, args);
  DeviceName::Parse(device);  // TensorFlow itself puts operations where they can run
  const YAML::Node paths = args.IsMap() ? args["customized_op_paths"] : YAML::Node();
  for (const YAML::Node &library : paths) {
    TfStatus status;
    TF_LoadLibrary(library.as<std::string>().c_str(), status.get());
    status.Check("custom operators " + library.as<std::string>());
  }
}

void TfModelInferer::Load() {
  session_ = std::make_unique<Session>(path_);
  // Numbers of fields: signature_def of MetaGraphDef, inputs and outputs of SignatureDef.
  const WireMap signatures = MapsOf(session_->meta(), {5})[5];
  const auto found = signatures.find("serving_default");
  if (found == signatures.end()) {
    throw InfererException(path_ + " has no signature 'serving_default'");
  }
  auto maps = MapsOf(found->second, {1, 2});
  for (const auto &[name, info] : maps[1]) {
    inp_name_to_tensor_name_[name] = NameOfTensor(info);
    inp_tensor_names_.push_back(inp_name_to_tensor_name_[name]);
  }
  for (const auto &[name, info] : maps[2]) {
    out_tensor_names_.push_back(NameOfTensor(info));
    tensor_name_to_out_name_[out_tensor_names_.back()] = name;
  }
  LOG4(INFO, "loaded " << path_ << ", inputs " << inp_tensor_names_);
}

void TfModelInferer::Infer(const TfTensors &inputs, TfTensors &outputs, GrpsContext &) {
  std::vector<TF_Output> places, wanted;
  std::vector<TfOwned> values;
  for (size_t at = 0; at < inputs.size(); ++at) {
    const std::string &name = inputs[at].first;
    const auto found = inp_name_to_tensor_name_.find(name);
    if (at >= inp_tensor_names_.size() ||
        (!name.empty() && found == inp_name_to_tensor_name_.end())) {
      throw InfererException("the model has no input '" + name + "'");
    }
    places.push_back(session_->Find(name.empty() ? inp_tensor_names_[at] : found->second));
    values.push_back(ToC(TfTensorOf(inputs[at])));
  }
  for (const std::string &name : out_tensor_names_) wanted.push_back(session_->Find(name));
  auto made = session_->Run(places, values, wanted);
  outputs.clear();
  for (size_t at = 0; at < made.size(); ++at) {
    outputs.emplace_back(tensor_name_to_out_name_.at(out_tensor_names_[at]), std::move(made[at]));
  }
}

}  // namespace netease::grps
