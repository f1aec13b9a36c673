// Tensors of a request as tensors of libtorch, and what a model returns as outputs.
#ifndef GRPS_TORCH_VALUES_HPP
#define GRPS_TORCH_VALUES_HPP

#include <torch/script.h>
#include <torch/version.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../shim.hpp"

namespace grps::engine {

struct TorchType {
  int32_t dtype;
  c10::ScalarType type;
};
// Types that messages and numpy have.
inline constexpr TorchType kTorchTypes[] = {
    {GRPS_BOOL, c10::kBool},     {GRPS_UINT8, c10::kByte},    {GRPS_INT8, c10::kChar},
    {GRPS_INT16, c10::kShort},   {GRPS_INT32, c10::kInt},     {GRPS_INT64, c10::kLong},
    {GRPS_FLOAT16, c10::kHalf},  {GRPS_FLOAT32, c10::kFloat}, {GRPS_FLOAT64, c10::kDouble},
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 3)
    {GRPS_UINT16, c10::kUInt16}, {GRPS_UINT32, c10::kUInt32}, {GRPS_UINT64, c10::kUInt64},
#endif
};

// What the engine in Python calls a type that it does not take.
inline const char *RefusedName(int32_t dtype) {
  switch (dtype) {
    case GRPS_STRING:
      return "object";
    case GRPS_BFLOAT16:
      return "bfloat16";
    default:
      return "such";
  }
}

// A view of a tensor of a request.
inline at::Tensor Borrowed(const grps_tensor &input) {
  for (const auto &[dtype, type] : kTorchTypes) {
    if (dtype != input.dtype) continue;
    const at::IntArrayRef shape(input.shape, input.rank);
    return at::from_blob(const_cast<void *>(input.data), shape, type);
  }
  throw InputFailure("input " + NameOf(input) + ": PyTorch takes no " + RefusedName(input.dtype) +
                     " tensors");
}

// The memory of requests that a run uses. What keeps a tensor in it beyond the run, such as the
// state of a model or an output, gets a copy of its own in its place.
class BorrowedMemory {
 public:
  BorrowedMemory() = default;
  BorrowedMemory(const BorrowedMemory &) = delete;
  BorrowedMemory &operator=(const BorrowedMemory &) = delete;
  ~BorrowedMemory() { Release(); }

  void Add(const at::Tensor &tensor) { storages_.push_back(tensor.storage()); }

  void Release() {
    for (const c10::Storage &storage : storages_) {
      if (storage.use_count() == 1) continue;
      auto *allocator = c10::GetAllocator(c10::kCPU);
      storage.set_data_ptr_noswap(allocator->clone(storage.data(), storage.nbytes()));
    }
    storages_.clear();
  }

 private:
  std::vector<c10::Storage> storages_;
};

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

// Names the tensors in what a model returned, as the engine in Python does.
inline void Flatten(const std::string &name, const c10::IValue &value, NamedTensors *found) {
  const auto below = [&](const std::string &key) { return name.empty() ? key : name + "_" + key; };
  if (value.isTensor()) {
    found->emplace_back(name, value.toTensor());
  } else if (value.isGenericDict()) {
    for (const auto &entry : value.toGenericDict()) {
      const c10::IValue &key = entry.key();
      Flatten(below(key.isString() ? key.toStringRef() : c10::str(key)), entry.value(), found);
    }
  } else if (value.isList()) {
    const auto elements = value.toListRef();
    for (size_t index = 0; index < elements.size(); ++index) {
      Flatten(below(std::to_string(index)), elements[index], found);
    }
  } else if (value.isTuple()) {
    const auto &elements = value.toTupleRef().elements();
    for (size_t index = 0; index < elements.size(); ++index) {
      Flatten(below(std::to_string(index)), elements[index], found);
    }
  } else if (value.isDouble()) {
    found->emplace_back(name, at::scalar_tensor(value.toDouble(), at::kDouble));
  } else if (value.isInt()) {
    found->emplace_back(name, at::scalar_tensor(value.toInt(), at::kLong));
  } else if (value.isBool()) {
    found->emplace_back(name, at::scalar_tensor(value.toBool(), at::kBool));
  } else {
    const std::string kind = value.isNone() ? "None" : "of type " + value.type()->annotation_str();
    throw ModelFailure("output " + (name.empty() ? "output" : name) + " is " + kind +
                       "; a model must return tensors");
  }
}

inline NamedTensors FlattenResult(const c10::IValue &result) {
  NamedTensors found;
  Flatten(result.isGenericDict() ? "" : "output", result, &found);
  for (size_t index = 0; index < found.size(); ++index) {
    for (size_t other = 0; other < index; ++other) {
      if (found[index].first == found[other].first) {
        throw ModelFailure("the model returned two outputs named " + found[index].first);
      }
    }
  }
  return found;
}

// What Python calls a type that messages have none of.
inline std::string TypeName(c10::ScalarType type) {
  switch (type) {
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 3)
    case c10::kUInt16:
      return "torch.uint16";
    case c10::kUInt32:
      return "torch.uint32";
    case c10::kUInt64:
      return "torch.uint64";
#endif
    case c10::ScalarType::ComplexFloat:
      return "torch.complex64";
    case c10::ScalarType::ComplexDouble:
      return "torch.complex128";
    default:
      return c10::toString(type);
  }
}

// A tensor on the CPU without gaps, in a type of messages.
inline at::Tensor Plain(const std::string &name, at::Tensor tensor) {
  if (tensor.layout() != at::kStrided) tensor = tensor.to_dense();
  if (tensor.scalar_type() == at::kBFloat16) tensor = tensor.to(at::kFloat);
  for (const auto &[dtype, type] : kTorchTypes) {
    const bool is_sent = dtype != GRPS_UINT16 && dtype != GRPS_UINT32 && dtype != GRPS_UINT64;
    if (type == tensor.scalar_type() && is_sent) return tensor.resolve_neg().contiguous();
  }
  throw ModelFailure("output " + name + " has the unsupported type " +
                     TypeName(tensor.scalar_type()));
}

inline int32_t DtypeOf(const at::Tensor &tensor) {
  for (const auto &[dtype, type] : kTorchTypes) {
    if (type == tensor.scalar_type()) return dtype;
  }
  return GRPS_UNKNOWN;
}

// Adds an output. Its memory is lent if nothing else has it: a weight or state is copied.
inline void AddOutput(grps_outputs *outputs, const std::string &name, at::Tensor tensor) {
  tensor = Plain(name, std::move(tensor));
  auto owner = std::make_unique<at::Tensor>(std::move(tensor));
  grps_tensor view{};
  view.struct_size = sizeof(view);
  view.dtype = DtypeOf(*owner);
  view.rank = static_cast<uint32_t>(owner->dim());
  view.shape = owner->sizes().data();
  view.data = owner->const_data_ptr();
  view.bytes = owner->nbytes();
  view.name = name.data();
  view.name_length = name.size();
  const bool is_own = owner->use_count() == 1 && owner->storage().use_count() == 1;
  if (!is_own || view.bytes == 0) {
    host->copy(outputs, &view);
    return;
  }
  const auto release = [](void *lent) noexcept { delete static_cast<at::Tensor *>(lent); };
  host->lend(outputs, &view, release, owner.release());
}

}  // namespace grps::engine

#endif
