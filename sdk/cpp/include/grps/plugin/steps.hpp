// Models that make their output in steps, for `batching.type: continuous`.
// plugin.hpp includes it.
#ifndef GRPS_PLUGIN_STEPS_HPP
#define GRPS_PLUGIN_STEPS_HPP

#include <grps/plugin/request.hpp>
#include <grps/plugin/settings.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

namespace grps {

// An array with one row per sequence, which the service makes and keeps: the type and the shape of
// a row.
struct Slot {
  std::string name;
  int32_t dtype;                    // a grps_dtype other than GRPS_STRING
  std::vector<int64_t> shape = {};  // of a row; none for one element
};

namespace detail {

// What a sequence has besides its rows.
struct StateBox {
  virtual ~StateBox() = default;
};

template <typename T>
struct StateOf final : StateBox {
  explicit StateOf(T with) : value(std::move(with)) {}
  T value;
};

// Returns the value of a state; throws std::logic_error when it has another type.
template <typename T>
T &ValueOf(void *state) {
  auto *box = static_cast<StateBox *>(state);
  if (box == nullptr || typeid(*box) != typeid(StateOf<T>)) {
    throw std::logic_error("a sequence has no state of this type");
  }
  return static_cast<StateOf<T> *>(box)->value;
}

template <typename View>
Tensor ViewOf(View view, const grps_request *request, size_t index) {
  grps_tensor tensor = {};
  tensor.struct_size = sizeof(tensor);
  Check(view(request, index, &tensor));
  return Tensor(tensor);
}

}  // namespace detail

// The rows of a slot. `rows[i]` is the first element of row i, which is its only one if the slot
// has no shape.
template <typename T>
class Rows {
 public:
  Rows(T *data, size_t row_size) : data_(data), row_size_(row_size) {}
  T *data() const { return data_; }
  // Elements of a row.
  size_t row_size() const { return row_size_; }
  T *row(size_t index) const { return data_ + index * row_size_; }
  T &operator[](size_t index) const { return data_[index * row_size_]; }

 private:
  T *data_;
  size_t row_size_;
};

// Sequences that run together, by their numbers from 0 on; valid until the function returns.
class Sequences {
 public:
  Sequences(const grps_sequences *sequences, const std::vector<Slot> &slots)
      : sequences_(sequences), slots_(slots) {}

  // For what this class has not.
  const grps_sequences *raw() const { return sequences_; }
  size_t size() const { return sequences_->count; }
  // The request of a sequence: its deadline, whether its client has left, `Fail`.
  Request request(size_t index) const { return Request(sequences_->requests[At(index)]); }
  // Fails one sequence; the others go on.
  void Fail(size_t index, std::string_view message, int32_t failure = GRPS_FAILED) const {
    request(index).Fail(message, failure);
  }
  // The row of a sequence in a slot, to be read and written. Throws std::invalid_argument for a
  // slot of another name or type.
  template <typename T>
  T *row(std::string_view slot, size_t index) const {
    return Find<T>(slot).row(sequences_->rows[At(index)]);
  }

 protected:
  size_t At(size_t index) const {
    if (index < size()) return index;
    throw std::out_of_range("there is no sequence " + std::to_string(index) + " in a batch of " +
                            std::to_string(size()));
  }
  template <typename T>
  T &State(size_t index) const {
    return detail::ValueOf<T>(sequences_->states[At(index)]);
  }
  // All rows of a slot.
  template <typename T>
  Rows<T> Find(std::string_view name) const {
    for (size_t index = 0; index < slots_.size(); ++index) {
      if (slots_[index].name != name) continue;
      if (!IsOf<T>(slots_[index].dtype)) {
        throw std::invalid_argument("slot '" + std::string(name) + "' is " +
                                    detail::NameOf(slots_[index].dtype));
      }
      const auto row_size = static_cast<size_t>(detail::CountOf(slots_[index].shape));
      return {static_cast<T *>(sequences_->slots[index]), row_size};
    }
    throw std::invalid_argument("there is no slot '" + std::string(name) + "'");
  }

  const grps_sequences *sequences_;
  const std::vector<Slot> &slots_;

 private:
  // Whether elements are of type T; those of 16 bits that C++ has no type for are uint16_t.
  template <typename T>
  static bool IsOf(int32_t dtype) {
    const bool is_half = dtype == GRPS_FLOAT16 || dtype == GRPS_BFLOAT16;
    return dtype == detail::DTypeOf<T>() || (is_half && std::is_same_v<T, uint16_t>);
  }
};

// Sequences that begin.
class BeginBatch : public Sequences {
 public:
  BeginBatch(const grps_sequences *sequences, const std::vector<Slot> &slots, void **states)
      : Sequences(sequences, slots), states_(states) {}

  size_t input_count(size_t index) const {
    return detail::host->request_input_count(sequences_->requests[At(index)]);
  }
  Tensor input(size_t index, size_t number) const {
    if (number >= input_count(index)) {
      throw InputError("the model needs " + std::to_string(number + 1) + " inputs");
    }
    return Input(index, number);
  }
  // An input by its name; throws InputError without one.
  Tensor input(size_t index, std::string_view name) const {
    for (size_t number = 0; number < input_count(index); ++number) {
      if (const Tensor tensor = Input(index, number); tensor.name() == name) return tensor;
    }
    throw InputError("input '" + std::string(name) + "' is missing");
  }
  // An output of the steps that a sequence made before it lost its state (`preemption: recompute`),
  // joined along the first dimension: it goes on behind them. None for a sequence that is new.
  std::optional<Tensor> earlier(size_t index, std::string_view name) const {
    grps_request *request = sequences_->requests[At(index)];
    for (size_t at = 0; at < detail::host->earlier_output_count(request); ++at) {
      const Tensor tensor = detail::ViewOf(detail::host->earlier_output, request, at);
      if (tensor.name() == name) return tensor;
    }
    return std::nullopt;
  }
  // Gives a sequence a state of any type, which is destroyed once the sequence has ended.
  template <typename T>
  void SetState(size_t index, T value) const {
    delete static_cast<detail::StateBox *>(states_[At(index)]);
    states_[index] = nullptr;
    states_[index] = static_cast<detail::StateBox *>(new detail::StateOf<T>(std::move(value)));
  }

 private:
  Tensor Input(size_t index, size_t number) const {
    return detail::ViewOf(detail::host->request_input, sequences_->requests[index], number);
  }

  void **states_;
};

// One sequence that begins.
class Sequence {
 public:
  Sequence(const BeginBatch &batch, size_t index) : batch_(batch), index_(index) {}

  Request request() const { return batch_.request(index_); }
  // An input by its number or its name; throws InputError without one.
  template <typename Which>
  Tensor input(Which which) const {
    return batch_.input(index_, which);
  }
  // See BeginBatch.
  std::optional<Tensor> earlier(std::string_view name) const {
    return batch_.earlier(index_, name);
  }
  // Its row in a slot, which is zeroed.
  template <typename T>
  T *row(std::string_view slot) const {
    return batch_.row<T>(slot, index_);
  }
  // See BeginBatch.
  template <typename T>
  void SetState(T value) const {
    batch_.SetState(index_, std::move(value));
  }

 private:
  const BeginBatch &batch_;
  size_t index_;
};

// Sequences of which a part of a long input is read.
class PrefillBatch : public Sequences {
 public:
  using Sequences::Sequences;

  // The first position of the part of a sequence, and the one behind its last.
  size_t start(size_t index) const { return sequences_->starts[At(index)]; }
  size_t stop(size_t index) const { return sequences_->stops[At(index)]; }
  template <typename T>
  T &state(size_t index) const {
    return State<T>(index);
  }
};

// The sequences of a step.
class StepBatch : public Sequences {
 public:
  StepBatch(const grps_sequences *sequences, const std::vector<Slot> &slots,
            const grps_step_result *result)
      : Sequences(sequences, slots), result_(result) {}

  // The same as size(), for the shapes of outputs.
  int64_t rows() const { return static_cast<int64_t>(size()); }
  // The rows of a slot: row i is that of sequence i.
  template <typename T>
  Rows<T> slot(std::string_view name) const {
    return Find<T>(name);
  }
  template <typename T>
  T &state(size_t index) const {
    return State<T>(index);
  }
  // Tensors whose first dimension is size(): row i is the output of sequence i.
  Outputs outputs() const { return Outputs(result_->outputs); }
  // Ends a sequence with this step.
  void Finish(size_t index) const { result_->finished[At(index)] = 1; }
  // Says how many bytes the state of a sequence has, where it grows.
  void SetStateBytes(size_t index, size_t bytes) const { result_->state_bytes[At(index)] = bytes; }

 private:
  const grps_step_result *result_;
};

// One loaded copy of a model that makes its output in steps: a decoder, an RNN, a diffusion model.
// One thread creates, runs and destroys it.
//
// A static member `std::vector<Slot> Slots(const Settings &)` declares its slots, and it implements
// one of the functions that begin. What they throw fails their sequences, InputError as the
// client's fault.
class StepModel {
 public:
  virtual ~StepModel() = default;
  // Begins one sequence: writes its rows, and gives it a state if it needs one.
  virtual void Begin(Sequence &sequence) {
    (void)sequence;
    throw std::logic_error("the model implements neither Begin nor BeginAll");
  }
  // Begins several together, if that is faster. What it throws is no failure of all of them: they
  // are tried again one by one.
  virtual void BeginAll(BeginBatch &batch) {
    for (size_t index = 0; index < batch.size(); ++index) {
      Sequence sequence(batch, index);
      try {
        Begin(sequence);
      } catch (const InputError &fault) {
        batch.Fail(index, fault.what(), fault.status());
      } catch (const BrokenError &) {
        throw;
      } catch (const detail::WrongCall &) {
        throw;
      } catch (const std::exception &fault) {
        batch.Fail(index, fault.what());
      }
    }
  }
  // Reads parts of long inputs, with `batching.steps.max_chunk`.
  virtual void Prefill(PrefillBatch &batch) { (void)batch; }
  // Makes one step of each sequence.
  virtual void Step(StepBatch &batch) = 0;
  // Runs once before the model is ready, unless it has `warm_up: false`.
  virtual void WarmUp() {}
};

namespace detail {

// A created step model, and the slots that its views need.
struct StepCopy {
  std::unique_ptr<StepModel> model;
  std::vector<Slot> slots;
};

template <typename T, typename = void>
struct HasSlots : std::false_type {};
template <typename T>
struct HasSlots<T, std::void_t<decltype(T::Slots(std::declval<const Settings &>()))>>
    : std::true_type {};

// Whether a model has a Prefill of its own.
template <typename T, typename = void>
struct HasPrefill : std::true_type {};
template <typename T>
struct HasPrefill<T, std::void_t<decltype(&T::Prefill)>>
    : std::bool_constant<!std::is_same_v<decltype(&T::Prefill), decltype(&StepModel::Prefill)>> {};

template <typename T>
std::vector<Slot> SlotsOf(const Settings &settings) {
  if constexpr (HasSlots<T>::value) return T::Slots(settings);
  return {};
}

template <typename T>
void *CreateSteps(const grps_settings *given, grps_error *error) noexcept {
  std::unique_ptr<StepCopy> made;
  const bool is_made = Guard(error, [&] {
    const Settings settings(given);
    made = std::make_unique<StepCopy>();
    made->slots = SlotsOf<T>(settings);
    if constexpr (std::is_constructible_v<T, const Settings &>) {
      made->model = std::make_unique<T>(settings);
    } else {
      made->model = std::make_unique<T>();
    }
  });
  return is_made ? made.release() : nullptr;
}

template <typename T>
int32_t DeclareSlots(const grps_settings *settings, grps_slots *slots, grps_error *error) noexcept {
  const bool is_done = Guard(error, [&] {
    for (const Slot &slot : SlotsOf<T>(Settings(settings))) {
      const grps_tensor like = Describe(slot.name, slot.shape, slot.dtype);
      Check(host->add_slot(slots, &like));
    }
  });
  return is_done ? GRPS_OK : GRPS_ERROR;
}

// Runs a function of a copy.
template <typename F>
int32_t RunSteps(void *copy, grps_error *error, F &&run) noexcept {
  auto *steps = static_cast<StepCopy *>(copy);
  return Guard(error, [&] { run(*steps->model, steps->slots); }) ? GRPS_OK : GRPS_ERROR;
}

inline void EndSteps(void *, void *const *states, uint64_t count) noexcept {
  for (uint64_t index = 0; index < count; ++index) delete static_cast<StateBox *>(states[index]);
}

inline int32_t BeginSteps(void *copy, const grps_sequences *sequences, void **states,
                          grps_error *error) noexcept {
  const int32_t status = RunSteps(copy, error, [&](StepModel &model, const auto &slots) {
    BeginBatch batch(sequences, slots, states);
    model.BeginAll(batch);
  });
  // Nothing has begun then, so the states are still its own.
  if (status != GRPS_OK) EndSteps(copy, states, sequences->count);
  return status;
}

inline int32_t PrefillSteps(void *copy, const grps_sequences *sequences,
                            grps_error *error) noexcept {
  return RunSteps(copy, error, [&](StepModel &model, const auto &slots) {
    PrefillBatch batch(sequences, slots);
    model.Prefill(batch);
  });
}

inline int32_t MakeStep(void *copy, const grps_sequences *sequences, const grps_step_result *result,
                        grps_error *error) noexcept {
  return RunSteps(copy, error, [&](StepModel &model, const auto &slots) {
    StepBatch batch(sequences, slots, result);
    model.Step(batch);
  });
}

inline int32_t WarmUpSteps(void *copy, grps_error *error) noexcept {
  return RunSteps(copy, error, [](StepModel &model, const auto &) { model.WarmUp(); });
}

inline void DestroySteps(void *copy) noexcept { delete static_cast<StepCopy *>(copy); }

// How a class makes steps, for as long as the process runs.
template <typename T>
const grps_step_class *StepsOf() {
  static const grps_step_class made = {
      sizeof(grps_step_class),
      0,
      &DeclareSlots<T>,
      &BeginSteps,
      HasPrefill<T>::value ? &PrefillSteps : nullptr,
      &MakeStep,
      &EndSteps,
  };
  return &made;
}

}  // namespace detail

}  // namespace grps

#endif
