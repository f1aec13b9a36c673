// What the shims of all engines need around engine.h: failures, arguments and signatures.
#ifndef GRPS_SHIM_HPP
#define GRPS_SHIM_HPP

#include <cstdint>
#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "engine.h"

namespace grps::engine {

// The table of the host, which grps_engine_open gets.
inline const grps_host *host = nullptr;

// A failure with a kind of plugin.h or engine.h.
class Failure : public std::runtime_error {
 public:
  Failure(int32_t kind, const std::string &text) : std::runtime_error(text), kind_(kind) {}
  int32_t kind() const { return kind_; }

 private:
  int32_t kind_;
};

// The request is wrong.
inline Failure InputFailure(const std::string &text) { return {400, text}; }

// The model is, or its configuration.
inline Failure ModelFailure(const std::string &text) { return {GRPS_FAILED, text}; }

// What `what` names is there in Python only.
inline Failure NeedsPython(const std::string &what) {
  return {GRPS_FAILED, what + GRPS_NEEDS_PYTHON};
}

inline void Report(grps_error *error, int32_t kind, const std::string &text) noexcept {
  host->fail(error, kind, text.data(), text.size());
}

// Runs a function and reports what it throws; true if it throws nothing. `judge` says what an
// exception of the engine is: it rethrows the one that is handled, and returns a Failure.
template <typename Function, typename Judge>
bool Guarded(grps_error *error, Function function, Judge judge) noexcept {
  try {
    try {
      function();
      return true;
    } catch (const Failure &) {
      throw;
    } catch (const std::bad_alloc &) {
      throw ModelFailure("there is no memory left");
    } catch (...) {
      throw judge();
    }
  } catch (const Failure &failure) {
    Report(error, failure.kind(), failure.what());
  } catch (...) {
    host->fail(error, GRPS_FAILED, "an unknown exception", 20);
  }
  return false;
}

// An argument by its JSON pointer.
inline grps_value Argument(const grps_args *args, const std::string &pointer) {
  grps_value value{};
  value.struct_size = sizeof(value);
  host->argument(args, pointer.data(), pointer.size(), &value);
  return value;
}

inline std::vector<std::string> TextsOf(const grps_args *args, const std::string &pointer) {
  std::vector<std::string> texts;
  const uint64_t count = Argument(args, pointer).length;
  for (uint64_t index = 0; index < count; ++index) {
    const grps_value value = Argument(args, pointer + "/" + std::to_string(index));
    texts.emplace_back(value.text == nullptr ? "" : value.text, value.length);
  }
  return texts;
}

inline std::string NameOf(const grps_tensor &tensor) {
  return tensor.name_length == 0 ? std::string() : std::string(tensor.name, tensor.name_length);
}

// A shape as Python writes it.
inline std::string ShapeOf(const grps_tensor &tensor) {
  std::string text = "[";
  for (uint32_t axis = 0; axis < tensor.rank; ++axis) {
    text += (axis == 0 ? "" : ", ") + std::to_string(tensor.shape[axis]);
  }
  return text + "]";
}

// An input or output of a model.
struct Spec {
  std::string name;
  int32_t dtype = GRPS_UNKNOWN;
  bool has_shape = false;
  std::vector<int64_t> shape;
  bool is_optional = false;
};

// Inputs, outputs and notes of a model, and the views of them that a host reads.
class Signature {
 public:
  std::vector<Spec> inputs;
  std::vector<Spec> outputs;
  std::vector<std::string> notes;
  bool has_strict_names = false;

  // Prepares the views, after which nothing may change.
  void Seal() {
    for (const Spec &spec : inputs) input_views_.push_back(ViewOf(spec));
    for (const Spec &spec : outputs) output_views_.push_back(ViewOf(spec));
    for (const std::string &note : notes) note_views_.push_back({note.data(), note.size()});
  }

  void Fill(grps_engine_signature *view) const {
    view->flags = has_strict_names ? GRPS_STRICT_NAMES : 0;
    view->inputs = input_views_.data();
    view->input_count = input_views_.size();
    view->outputs = output_views_.data();
    view->output_count = output_views_.size();
    view->notes = note_views_.data();
    view->note_count = note_views_.size();
  }

 private:
  static grps_engine_tensor ViewOf(const Spec &spec) {
    grps_engine_tensor view{};
    view.struct_size = sizeof(view);
    view.dtype = spec.dtype;
    view.rank = spec.has_shape ? static_cast<int32_t>(spec.shape.size()) : GRPS_UNKNOWN;
    view.flags = spec.is_optional ? GRPS_OPTIONAL : 0;
    view.shape = spec.shape.data();
    view.name = {spec.name.data(), spec.name.size()};
    return view;
  }

  std::vector<grps_engine_tensor> input_views_;
  std::vector<grps_engine_tensor> output_views_;
  std::vector<grps_text> note_views_;
};

}  // namespace grps::engine

#endif
