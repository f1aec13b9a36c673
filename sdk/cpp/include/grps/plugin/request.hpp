// One request of a batch, and the batch.
// plugin.hpp includes it.
#ifndef GRPS_PLUGIN_REQUEST_HPP
#define GRPS_PLUGIN_REQUEST_HPP

#include <chrono>
#include <grps/plugin/call.hpp>
#include <grps/plugin/http.hpp>
#include <grps/plugin/tensors.hpp>
#include <optional>
#include <typeinfo>
#include <utility>

namespace grps {

// One request of a batch; valid until Infer returns. Any thread may use it.
class Request {
 public:
  explicit Request(grps_request *request) : request_(request) {}

  // For functions of the table that this class has not.
  grps_request *raw() const { return request_; }
  std::string_view id() const {
    uint64_t length = 0;
    const char *text = detail::host->request_id(request_, &length);
    return {text, static_cast<size_t>(length)};
  }
  // The encoded GrpsMessage, if the class takes messages; else empty.
  std::string_view message() const {
    uint64_t length = 0;
    const void *data = detail::host->message(request_, &length);
    return {static_cast<const char *>(data), static_cast<size_t>(length)};
  }
  // Its rows in the inputs: the first one, and how many.
  std::pair<size_t, size_t> rows() const {
    uint64_t first = 0, count = 0;
    detail::Check(detail::host->request_rows(request_, &first, &count));
    return {static_cast<size_t>(first), static_cast<size_t>(count)};
  }
  // Whether the client takes chunks.
  bool is_streaming() const { return detail::host->is_streaming(request_) != 0; }
  // Whether nobody waits any more: the client left, or the deadline passed.
  bool is_cancelled() const { return detail::host->is_cancelled(request_) != 0; }
  // How long the client still waits; microseconds::max() without a deadline.
  std::chrono::microseconds remaining() const {
    return std::chrono::microseconds(detail::host->remaining_us(request_));
  }
  // Fails this request; the others of the batch go on. `failure` is a grps_failure, or an HTTP
  // status from 400 to 499. With GRPS_PLAIN, the client gets the message as it is.
  void Fail(std::string_view message, int32_t failure = GRPS_FAILED) {
    detail::Check(detail::host->fail_request(request_, failure, message.data(), message.size()));
  }
  // An answer of its own, or its next chunk. It takes no part of the outputs of the batch then.
  Outputs outputs() { return Outputs(detail::host->request_outputs(request_)); }
  // Makes an encoded GrpsMessage its answer or its next chunk.
  void PutMessage(std::string_view message) {
    grps_outputs *outputs = detail::host->request_outputs(request_);
    detail::Check(detail::host->put_message(outputs, message.data(), message.size()));
  }
  // Sends the outputs of this request as a chunk, and waits while the client is slow. Returns
  // whether the client still receives. Throws InputError when the client requested no stream.
  bool Send() {
    const int32_t status = detail::host->send_chunk(request_);
    detail::Check(status);
    if (status == GRPS_NOT_STREAMING) {
      throw InputError(
          "this model answers in chunks; request a stream: streaming=true over HTTP, "
          "PredictStreaming over gRPC");
    }
    return status == GRPS_OK;
  }
  // The HTTP request, if the model responds to it itself (`customized_predict_http` of server.yml).
  std::optional<HttpRequest> http() const {
    grps_http_request view = {};
    view.struct_size = sizeof(view);
    const int32_t status = detail::host->http_request(request_, &view);
    detail::Check(status);
    return status == GRPS_OK ? std::optional<HttpRequest>(view) : std::nullopt;
  }
  // Sets the HTTP response, which replaces an earlier one. Before the first SendBody, it sets the
  // status and the headers of the stream.
  void Respond(const HttpResponse &response) {
    std::vector<grps_http_header> headers;
    const auto add = [&headers](std::string_view name, std::string_view value) {
      headers.push_back({detail::TextOf(name), detail::TextOf(value)});
    };
    if (!response.content_type.empty()) add("content-type", response.content_type);
    for (const auto &[name, value] : response.headers) add(name, value);
    const grps_http_response view = {sizeof(view), response.status, headers.data(), headers.size(),
                                     detail::TextOf(response.body)};
    detail::Check(detail::host->respond(request_, &view));
  }
  // Sends the next part of the body of the HTTP response, and waits while the client is slow.
  // Returns whether the client still receives.
  bool SendBody(std::string_view data) {
    const int32_t status = detail::host->send_body(request_, data.data(), data.size());
    detail::Check(status);
    return status == GRPS_OK;
  }
  // Keeps a value with the request, in place of an earlier one: for later calls, and for the next
  // models of a sequential graph if plugins of the same process run them.
  template <typename T>
  void SetUserData(T value) {
    const std::string_view type = typeid(T).name();
    detail::Check(detail::host->set_user_data(request_, type.data(), type.size(),
                                              new T(std::move(value)), &Delete<T>));
  }
  // A call of another model or graph of the service, by its name or name-version. It takes part in
  // this request: its deadline, its client. A model that calls this one can't be called.
  Call call(std::string_view model) const {
    return Call(detail::host->begin_call(request_, model.data(), model.size()));
  }
  // The value that is kept, if it is of this type; nullptr otherwise.
  template <typename T>
  T *user_data() const {
    const std::string_view type = typeid(T).name();
    return static_cast<T *>(detail::host->user_data(request_, type.data(), type.size()));
  }

 private:
  template <typename T>
  static void Delete(void *value) noexcept {
    delete static_cast<T *>(value);
  }

  grps_request *request_;
};

// Requests that run together; valid until Infer returns. Only the thread of Infer uses it.
class Batch {
 public:
  explicit Batch(const grps_batch *batch) : batch_(batch) {}

  // For functions of the table that this class has not.
  const grps_batch *raw() const { return batch_; }
  // How many requests there are.
  size_t size() const { return detail::host->request_count(batch_); }
  Request request(size_t index) const {
    grps_request *request = detail::host->request(batch_, index);
    if (request == nullptr) detail::Check(GRPS_ERROR);
    return Request(request);
  }
  size_t input_count() const { return detail::host->input_count(batch_); }
  // An input: the rows of all requests.
  Tensor input(size_t index) const {
    if (index >= input_count()) {
      throw InputError("the model needs " + std::to_string(index + 1) + " inputs");
    }
    return View(index);
  }
  // An input by its name; throws InputError without one.
  Tensor input(std::string_view name) const {
    for (size_t index = 0; index < input_count(); ++index) {
      if (const Tensor tensor = View(index); tensor.name() == name) return tensor;
    }
    throw InputError("input '" + std::string(name) + "' is missing");
  }
  // The outputs of all requests, each of which gets its rows.
  Outputs outputs() { return Outputs(detail::host->batch_outputs(batch_)); }

 private:
  Tensor View(size_t index) const {
    grps_tensor view = {};
    view.struct_size = sizeof(view);
    detail::Check(detail::host->input(batch_, index, &view));
    return Tensor(view);
  }

  const grps_batch *batch_;
};

}  // namespace grps

#endif
