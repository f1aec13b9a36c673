// Runs step models in a test: sequences join and leave between two steps, as they do in a service.
#ifndef GRPS_TESTING_STEPS_HPP
#define GRPS_TESTING_STEPS_HPP

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <grps/testing/copy.hpp>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace grps::testing {

// How a step model is run; as the keys of the same names in `batching` and `batching.steps`.
struct StepOptions {
  size_t max_batch_size = 4;
  size_t max_steps = 4096;
  size_t max_chunk = 0;            // 0: an input is read as a whole
  std::string prefill_input = "";  // with max_chunk: its last dimension is read in parts
};

namespace detail {

// The rows of all slots.
class SlotRows {
 public:
  SlotRows(const grps_slots &slots, size_t rows) {
    for (const size_t row_bytes : slots.row_bytes) {
      const size_t bytes = (std::max<size_t>(row_bytes * rows, 1) + 63) / 64 * 64;
      void *memory = std::aligned_alloc(64, bytes);
      if (memory == nullptr) throw std::bad_alloc();
      std::memset(memory, 0, bytes);
      memory_.emplace_back(memory, &std::free);
      addresses_.push_back(memory);
      row_bytes_.push_back(row_bytes);
    }
  }
  void *const *addresses() const { return addresses_.data(); }
  void Clear(size_t row) {
    for (size_t slot = 0; slot < row_bytes_.size(); ++slot) {
      std::memset(At(slot, row), 0, row_bytes_[slot]);
    }
  }
  void Copy(size_t from, size_t to) {
    for (size_t slot = 0; slot < row_bytes_.size(); ++slot) {
      std::memcpy(At(slot, to), At(slot, from), row_bytes_[slot]);
    }
  }

 private:
  char *At(size_t slot, size_t row) const {
    return static_cast<char *>(addresses_[slot]) + row * row_bytes_[slot];
  }

  std::vector<std::unique_ptr<void, void (*)(void *)>> memory_;
  std::vector<void *> addresses_;
  std::vector<size_t> row_bytes_;
};

// A request with a row.
struct Running {
  std::unique_ptr<grps_request> request;
  Answer *answer = nullptr;
  void *state = nullptr;
  bool has_begun = false;
  bool is_over = false;
  size_t steps = 0;
};

}  // namespace detail

// One copy of a step model. The program runs in the folder of the project, or `folder` says where
// it is.
class StepModel {
 public:
  // Creates the inferer of this name; throws std::runtime_error with what keeps it from that.
  explicit StepModel(std::string_view inferer, std::string args = "{}", StepOptions options = {},
                     std::string folder = ".", std::string device = "cpu")
      : options_(std::move(options)),
        copy_(inferer, true, std::move(args), std::move(folder), std::move(device)),
        steps_(copy_.plugin_class()->steps),
        rows_(copy_.Slots(), options_.max_batch_size) {
    if (options_.max_chunk > 0 && steps_->prefill == nullptr) {
      throw std::runtime_error("max_chunk needs a prefill function");
    }
  }
  ~StepModel() {
    while (!running_.empty()) End(running_.size() - 1);
  }
  StepModel(const StepModel &) = delete;
  StepModel &operator=(const StepModel &) = delete;

  // Runs a request of these inputs to its end. The chunks of the answer are the outputs of its
  // steps, and its tensors are these joined.
  Answer Run(std::vector<TensorData> inputs) {
    RequestData request;
    request.inputs = std::move(inputs);
    return RunAll({std::move(request)}).front();
  }

  // Runs requests to their ends: each begins as soon as a row is free. One that is cancelled, or
  // has got its most chunks, ends with status 499.
  std::vector<Answer> RunAll(const std::vector<RequestData> &requests) {
    std::vector<Answer> answers(requests.size());
    for (size_t next = 0; next < requests.size() || !running_.empty();) {
      const size_t first = running_.size();
      for (; next < requests.size() && running_.size() < options_.max_batch_size; ++next) {
        Add(requests[next], answers[next]);
      }
      if (running_.size() > first) Begin(first);
      Leave();
      if (options_.max_chunk > 0) Prefill();
      Leave();
      if (!running_.empty()) Step();
      Leave();
    }
    return answers;
  }

 private:
  void Add(const RequestData &data, Answer &answer) {
    detail::Running &made = running_.emplace_back();
    made.request = std::make_unique<grps_request>();
    made.request->data = &data;
    made.request->outputs.error = &made.request->wrong_call;
    made.answer = &answer;
    rows_.Clear(running_.size() - 1);
  }

  // What a function of the plugin gets of some rows.
  struct Given {
    std::vector<grps_request *> requests;
    std::vector<void *> states;
    std::vector<uint64_t> rows, starts, stops;
  };
  grps_sequences View(const Given &given) const {
    const bool is_part = !given.starts.empty();
    return {sizeof(grps_sequences),
            0,
            given.rows.size(),
            given.requests.data(),
            given.states.empty() ? nullptr : given.states.data(),
            given.rows.data(),
            rows_.addresses(),
            is_part ? given.starts.data() : nullptr,
            is_part ? given.stops.data() : nullptr};
  }
  void Give(Given &given, size_t row, bool with_state) const {
    given.requests.push_back(running_[row].request.get());
    given.rows.push_back(row);
    if (with_state) given.states.push_back(running_[row].state);
  }

  // Begins the rows from `first` on; several that fail together are tried again one by one.
  void Begin(size_t first) {
    if (BeginOnce(first, running_.size(), running_.size() == first + 1)) return;
    for (size_t row = first; row < running_.size(); ++row) {
      rows_.Clear(row);
      if (!running_[row].request->failure.is_set()) BeginOnce(row, row + 1, true);
    }
  }

  // Returns whether the outcome is that of these rows.
  bool BeginOnce(size_t from, size_t to, bool is_last_try) {
    Given given;
    for (size_t row = from; row < to; ++row) Give(given, row, false);
    std::vector<void *> states(to - from, nullptr);
    const grps_sequences sequences = View(given);
    grps_error error;
    const int32_t status = steps_->begin(copy_.inferer(), &sequences, states.data(), &error);
    if (status != GRPS_OK && !error.is_set()) error.Set(GRPS_FAILED, "begin failed");
    if (status != GRPS_OK && !is_last_try) return false;
    for (size_t row = from; row < to; ++row) {
      detail::Running &one = running_[row];
      one.state = states[row - from];
      one.has_begun = status == GRPS_OK && (!IsFailed(one) || one.state != nullptr);
      if (error.is_set()) one.request->failure.Set(error.failure, error.text);
    }
    return true;
  }

  // Reads the inputs of those that have begun in parts, until all are read.
  void Prefill() {
    for (bool is_left = true; is_left;) {
      Given given;
      std::vector<size_t> rows;
      for (size_t row = 0; row < running_.size(); ++row) {
        const detail::Running &one = running_[row];
        const size_t all = Positions(*one.request->data);
        if (one.request->prefilled >= all || IsFailed(one)) continue;
        Give(given, row, true);
        given.starts.push_back(one.request->prefilled);
        given.stops.push_back(std::min(all, one.request->prefilled + options_.max_chunk));
        rows.push_back(row);
      }
      is_left = !rows.empty();
      if (!is_left) return;
      const grps_sequences sequences = View(given);
      grps_error error;
      const int32_t status = steps_->prefill(copy_.inferer(), &sequences, &error);
      Note(status, error, "prefill failed", rows);
      for (size_t index = 0; index < rows.size(); ++index) {
        running_[rows[index]].request->prefilled = given.stops[index];
      }
    }
  }

  size_t Positions(const RequestData &data) const {
    for (const TensorData &input : data.inputs) {
      if (input.name() == options_.prefill_input && !input.shape().empty()) {
        return static_cast<size_t>(input.shape().back());
      }
    }
    return 1;
  }

  void Step() {
    Given given;
    std::vector<size_t> rows(running_.size());
    for (size_t row = 0; row < rows.size(); ++row) {
      Give(given, row, true);
      rows[row] = row;
    }
    const grps_sequences sequences = View(given);
    grps_error error, wrong_call;
    grps_outputs outputs;
    outputs.error = &wrong_call;
    std::vector<uint8_t> finished(rows.size(), 0);
    std::vector<uint64_t> state_bytes(rows.size(), UINT64_MAX);
    const grps_step_result result = {sizeof(grps_step_result), 0, &outputs, finished.data(),
                                     state_bytes.data()};
    const int32_t status = steps_->step(copy_.inferer(), &sequences, &result, &error);
    for (const TensorData &output : outputs.tensors) {
      if (output.rows() == rows.size() && !output.shape().empty()) continue;
      wrong_call.Set(GRPS_FAILED, "output '" + output.name() + "' of a step has " +
                                      std::to_string(output.rows()) + " rows, not " +
                                      std::to_string(rows.size()));
    }
    if (wrong_call.is_set()) error = wrong_call;
    Note(wrong_call.is_set() ? GRPS_ERROR : status, error, "step failed", rows);
    for (size_t row : rows) TakeOver(running_[row], outputs, row, finished[row] != 0);
  }

  // Gives a sequence its row of the outputs.
  void TakeOver(detail::Running &one, const grps_outputs &outputs, size_t row, bool is_finished) {
    if (IsFailed(one)) return;
    Contents &made = one.request->chunks.emplace_back();
    for (const TensorData &output : outputs.tensors) made.tensors.push_back(output.Rows(row, 1));
    one.answer->chunks.push_back(made);
    std::vector<TensorData> &joined = one.answer->tensors;
    for (size_t index = 0; index < made.tensors.size(); ++index) {
      if (joined.size() <= index) {
        joined.push_back(made.tensors[index]);
      } else {
        joined[index].Append(made.tensors[index]);
      }
    }
    one.steps += 1;
    one.is_over = is_finished || one.steps >= options_.max_steps;
  }

  // Notes on each of these rows what a function failed with.
  void Note(int32_t status, const grps_error &error, const char *unnamed,
            const std::vector<size_t> &rows) {
    if (status == GRPS_OK) return;
    for (const size_t row : rows) {
      grps_error &failure = running_[row].request->failure;
      if (error.is_set()) failure.Set(error.failure, error.text);
      failure.Set(GRPS_FAILED, unnamed);
    }
  }

  // Whether a request failed, by its model or by a wrong call.
  static bool IsFailed(const detail::Running &one) {
    return one.request->failure.is_set() || one.request->wrong_call.is_set();
  }

  // Ends the sequences that have failed, have finished, or whose clients have left.
  void Leave() {
    for (size_t row = running_.size(); row-- > 0;) {
      detail::Running &one = running_[row];
      const bool has_left = detail::IsCancelled(one.request.get()) != 0;
      if (!IsFailed(one) && !one.is_over && !has_left) continue;
      if (IsFailed(one)) {
        const grps_request &request = *one.request;
        const grps_error &cause =
            request.wrong_call.is_set() ? request.wrong_call : request.failure;
        one.answer->status = cause.status();
        one.answer->error = cause.text;
        one.answer->is_broken = cause.failure == GRPS_BROKEN;
      } else if (!one.is_over) {
        one.answer->status = 499;
        one.answer->error = "the client has left";
      }
      End(row);
    }
  }

  // Ends the sequence of a row, into which the last one moves.
  void End(size_t row) {
    if (running_[row].has_begun) steps_->end(copy_.inferer(), &running_[row].state, 1);
    const size_t last = running_.size() - 1;
    if (row != last) {
      rows_.Copy(last, row);
      std::swap(running_[row], running_[last]);
    }
    running_.pop_back();
  }

  StepOptions options_;
  detail::ModelCopy copy_;
  const grps_step_class *steps_;
  detail::SlotRows rows_;
  std::vector<detail::Running> running_;
};

}  // namespace grps::testing

#endif
