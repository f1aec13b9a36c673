// Calls of other models of the service.
// plugin.hpp includes it.
#ifndef GRPS_PLUGIN_CALL_HPP
#define GRPS_PLUGIN_CALL_HPP

#include <grps/plugin/tensors.hpp>
#include <memory>

namespace grps {

// A called model failed. If it is not caught, the run of this model fails with its message.
class CallError : public std::runtime_error {
 public:
  CallError(const std::string &message, int32_t failure)
      : std::runtime_error(message), failure_(failure) {}
  // A grps_failure, or an HTTP status from 400 to 499.
  int32_t failure() const { return failure_; }

 private:
  int32_t failure_;
};

// A call of another model or graph, made by Request::call.
class Call {
 public:
  explicit Call(grps_call *call) : call_(call) {
    if (call == nullptr) detail::Check(GRPS_ERROR);
  }

  // Where tensors are added.
  Outputs inputs() { return Outputs(detail::host->call_inputs(call_.get())); }
  // Makes an encoded GrpsMessage the input.
  void PutMessage(std::string_view message) {
    grps_outputs *inputs = detail::host->call_inputs(call_.get());
    detail::Check(detail::host->put_message(inputs, message.data(), message.size()));
  }
  // Runs the model and waits for its outputs; throws CallError if it fails, is unknown, or calls
  // this one, and when the client has left.
  void Run() {
    const int32_t status = detail::host->run_call(call_.get());
    detail::Check(status);
    if (status == GRPS_OK) return;
    grps_text text = {};
    const int32_t failure = detail::host->call_failure(call_.get(), &text);
    throw CallError(std::string(text.data, text.length), failure);
  }
  size_t output_count() const { return detail::host->call_output_count(call_.get()); }
  // An output; valid as long as the call is. Throws std::out_of_range without one.
  Tensor output(size_t index) const {
    if (index >= output_count()) throw std::out_of_range("the called model has no such output");
    grps_tensor view = {};
    view.struct_size = sizeof(view);
    detail::Check(detail::host->call_output(call_.get(), index, &view));
    return Tensor(view);
  }
  Tensor output(std::string_view name) const {
    for (size_t index = 0; index < output_count(); ++index) {
      if (const Tensor tensor = output(index); tensor.name() == name) return tensor;
    }
    throw std::out_of_range("the called model has no output '" + std::string(name) + "'");
  }
  // The encoded GrpsMessage that answers a message; else empty.
  std::string_view message() const {
    uint64_t length = 0;
    const void *data = detail::host->call_message(call_.get(), &length);
    return {static_cast<const char *>(data), static_cast<size_t>(length)};
  }

 private:
  struct End {
    void operator()(grps_call *call) const { detail::host->end_call(call); }
  };

  std::unique_ptr<grps_call, End> call_;
};

}  // namespace grps

#endif
