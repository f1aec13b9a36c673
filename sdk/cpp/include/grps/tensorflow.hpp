// Runs SavedModels by the C interface of TensorFlow.
//
//   find_package(grps REQUIRED COMPONENTS tensorflow)   # the target grps::tensorflow
#ifndef GRPS_TENSORFLOW_HPP
#define GRPS_TENSORFLOW_HPP

#include <tensorflow/c/c_api.h>

#include <cstdint>
#include <cstring>
#include <grps/plugin.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace grps::tensorflow {

namespace detail {

template <auto Function>
struct Delete {
  template <typename T>
  void operator()(T *value) const {
    Function(value);
  }
};
using Status = std::unique_ptr<TF_Status, Delete<TF_DeleteStatus>>;
using Graph = std::unique_ptr<TF_Graph, Delete<TF_DeleteGraph>>;
using Options = std::unique_ptr<TF_SessionOptions, Delete<TF_DeleteSessionOptions>>;
using Buffer = std::unique_ptr<TF_Buffer, Delete<TF_DeleteBuffer>>;
using OwnedTensor = std::unique_ptr<TF_Tensor, Delete<TF_DeleteTensor>>;

inline void Check(const Status &status) {
  if (TF_GetCode(status.get()) != TF_OK) throw std::runtime_error(TF_Message(status.get()));
}

struct Type {
  int32_t dtype;
  TF_DataType type;
};
inline constexpr Type kTypes[] = {
    {GRPS_BOOL, TF_BOOL},         {GRPS_UINT8, TF_UINT8},   {GRPS_UINT16, TF_UINT16},
    {GRPS_UINT32, TF_UINT32},     {GRPS_UINT64, TF_UINT64}, {GRPS_INT8, TF_INT8},
    {GRPS_INT16, TF_INT16},       {GRPS_INT32, TF_INT32},   {GRPS_INT64, TF_INT64},
    {GRPS_FLOAT16, TF_HALF},      {GRPS_FLOAT32, TF_FLOAT}, {GRPS_FLOAT64, TF_DOUBLE},
    {GRPS_BFLOAT16, TF_BFLOAT16},
};

struct Kept {
  OwnedTensor tensor;
};

// A number of protobuf's encoding, taken off the message.
inline uint64_t TakeNumber(std::string_view &message) {
  uint64_t number = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (message.empty()) break;
    const auto byte = static_cast<uint8_t>(message.front());
    message.remove_prefix(1);
    number |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return number;
  }
  throw std::runtime_error("the description of the model is broken");
}

// Calls `visit(number, bytes)` for the fields of an encoded message that have a length. Protobuf
// itself stays out of plugins, as each engine brings another version of it.
template <typename F>
void EachField(std::string_view message, F &&visit) {
  while (!message.empty()) {
    const uint64_t tag = TakeNumber(message);
    uint64_t length = (tag & 7) == 1 ? 8 : 4;
    if ((tag & 7) == 0) {
      TakeNumber(message);
      continue;
    }
    if ((tag & 7) == 2) length = TakeNumber(message);
    if (length > message.size()) throw std::runtime_error("the description of the model is broken");
    if ((tag & 7) == 2) visit(tag >> 3, message.substr(0, length));
    message.remove_prefix(length);
  }
}

inline std::string_view FieldOf(std::string_view message, uint64_t wanted) {
  std::string_view found;
  EachField(message, [&](uint64_t number, std::string_view bytes) {
    if (number == wanted) found = bytes;
  });
  return found;
}

}  // namespace detail

// One input or output of a model.
struct Binding {
  std::string name;       // what clients call it
  std::string operation;  // its operation in the graph, such as serving_default_x:0
};

// A loaded model. Several threads may run it at once.
class SavedModel {
 public:
  // Loads a SavedModel; throws std::runtime_error. `threads` work on one run; 0 for all processors.
  explicit SavedModel(const std::string &folder, int threads = 1,
                      const std::string &signature = "serving_default")
      : graph_(TF_NewGraph()) {
    const detail::Status status(TF_NewStatus());
    const detail::Options options(TF_NewSessionOptions());
    SetThreads(options.get(), threads);
    const detail::Buffer description(TF_NewBuffer());
    const char *tags[] = {"serve"};
    session_ = TF_LoadSessionFromSavedModel(options.get(), nullptr, folder.c_str(), tags, 1,
                                            graph_.get(), description.get(), status.get());
    detail::Check(status);
    ReadSignature({static_cast<const char *>(description->data), description->length}, signature);
    if (outputs_.empty()) {
      throw std::runtime_error(folder + " has no signature '" + signature + "' with outputs");
    }
    for (const Binding &one : inputs_) feeds_.push_back(Find(one.operation));
    for (const Binding &one : outputs_) fetches_.push_back(Find(one.operation));
  }
  ~SavedModel() {
    if (session_ == nullptr) return;
    const detail::Status status(TF_NewStatus());
    TF_DeleteSession(session_, status.get());
  }
  SavedModel(const SavedModel &) = delete;
  SavedModel &operator=(const SavedModel &) = delete;

  const std::vector<Binding> &inputs() const { return inputs_; }
  const std::vector<Binding> &outputs() const { return outputs_; }

  // Runs the model on the inputs of a batch. A model with one input takes the first one, whatever
  // its name. Inputs are copied, as TensorFlow wants memory of its own; outputs are not.
  void Run(const Batch &batch, Outputs outputs) const {
    std::vector<detail::OwnedTensor> owned;
    std::vector<TF_Tensor *> inputs;
    for (const Binding &one : inputs_) {
      owned.push_back(Copy(inputs_.size() == 1 ? batch.input(0) : batch.input(one.name)));
      inputs.push_back(owned.back().get());
    }
    std::vector<TF_Tensor *> results(outputs_.size(), nullptr);
    const detail::Status status(TF_NewStatus());
    TF_SessionRun(session_, nullptr, feeds_.data(), inputs.data(), static_cast<int>(inputs.size()),
                  fetches_.data(), results.data(), static_cast<int>(results.size()), nullptr, 0,
                  nullptr, status.get());
    std::vector<detail::OwnedTensor> made;
    for (TF_Tensor *one : results) made.emplace_back(one);
    detail::Check(status);
    for (size_t index = 0; index < made.size(); ++index) {
      Add(outputs_[index].name, std::move(made[index]), outputs);
    }
  }

 private:
  // The options are a ConfigProto, encoded by hand: protobuf stays out of plugins.
  static void SetThreads(TF_SessionOptions *options, int threads) {
    if (threads <= 0 || threads > 127) return;
    const auto count = static_cast<uint8_t>(threads);
    const uint8_t config[] = {/*intra_op_parallelism_threads*/ 0x10, count,
                              /*inter_op_parallelism_threads*/ 0x28, count};
    const detail::Status status(TF_NewStatus());
    TF_SetConfig(options, config, sizeof(config), status.get());
    detail::Check(status);
  }

  // Reads the names of a MetaGraphDef: its field 5 has the signatures by their names, and fields 1
  // and 2 of one have its inputs and outputs.
  void ReadSignature(std::string_view description, const std::string &wanted) {
    detail::EachField(description, [&](uint64_t number, std::string_view entry) {
      if (number != 5 || detail::FieldOf(entry, 1) != wanted) return;
      detail::EachField(detail::FieldOf(entry, 2), [&](uint64_t side, std::string_view binding) {
        if (side != 1 && side != 2) return;
        const std::string_view operation = detail::FieldOf(detail::FieldOf(binding, 2), 1);
        const std::string_view name = detail::FieldOf(binding, 1);
        (side == 1 ? inputs_ : outputs_).push_back({std::string(name), std::string(operation)});
      });
    });
  }

  TF_Output Find(const std::string &operation) const {
    const size_t colon = operation.rfind(':');
    const int index = colon == std::string::npos ? 0 : std::stoi(operation.substr(colon + 1));
    TF_Operation *found = TF_GraphOperationByName(graph_.get(), operation.substr(0, colon).c_str());
    if (found == nullptr) throw std::runtime_error("the model has no operation " + operation);
    return {found, index};
  }

  static detail::OwnedTensor Copy(const Tensor &tensor) {
    for (const auto &[dtype, type] : detail::kTypes) {
      if (dtype != tensor.dtype()) continue;
      const std::vector<int64_t> shape = tensor.shape();
      detail::OwnedTensor made(
          TF_AllocateTensor(type, shape.data(), static_cast<int>(shape.size()), tensor.bytes()));
      if (tensor.bytes() > 0) std::memcpy(TF_TensorData(made.get()), tensor.data(), tensor.bytes());
      return made;
    }
    throw InputError("input '" + std::string(tensor.name()) + "' is " +
                     grps::detail::NameOf(tensor.dtype()) + ", which this model does not take");
  }

  static void Add(const std::string &name, detail::OwnedTensor tensor, Outputs &outputs) {
    std::vector<int64_t> shape;
    for (int axis = 0; axis < TF_NumDims(tensor.get()); ++axis) {
      shape.push_back(TF_Dim(tensor.get(), axis));
    }
    for (const auto &[dtype, type] : detail::kTypes) {
      if (type != TF_TensorType(tensor.get())) continue;
      const void *data = TF_TensorData(tensor.get());
      const size_t bytes = TF_TensorByteSize(tensor.get());
      outputs.Lend(name, dtype, shape, data, bytes,
                   std::make_unique<detail::Kept>(detail::Kept{std::move(tensor)}));
      return;
    }
    throw std::runtime_error("output '" + name + "' has an element type that is not supported");
  }

  std::vector<Binding> inputs_, outputs_;
  detail::Graph graph_;
  TF_Session *session_ = nullptr;
  std::vector<TF_Output> feeds_, fetches_;
};

}  // namespace grps::tensorflow

#endif
