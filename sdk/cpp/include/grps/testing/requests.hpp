// What a test sends, what it gets, and how a batch of requests runs.
#ifndef GRPS_TESTING_REQUESTS_HPP
#define GRPS_TESTING_REQUESTS_HPP

#include <chrono>
#include <cstdint>
#include <deque>
#include <grps/testing/tensors.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace grps::testing {

// An HTTP request that the plugin responds to itself (`customized_predict_http`).
struct HttpRequestData {
  std::string body;
  std::string method = "POST";
  std::string path = "/";
  std::string query;                                         // without the question mark
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  bool is_streaming = false;
};

// A request of a test.
struct RequestData {
  std::vector<TensorData> inputs;
  std::string message;  // the encoded GrpsMessage, for classes with GRPS_TAKES_MESSAGES
  std::optional<HttpRequestData> http;
  bool is_streaming = false;
  bool is_cancelled = false;
  // After so many chunks, the client has left.
  size_t most_chunks = SIZE_MAX;
  std::chrono::microseconds remaining = std::chrono::microseconds::max();
  std::string id = "test";
  // Of a step model: outputs of steps that it made before it lost its state.
  std::vector<TensorData> earlier;
};

// What one answer or chunk has.
struct Contents {
  std::vector<TensorData> tensors;
  std::string message;

  // An output by its name; throws std::out_of_range without one.
  const TensorData &tensor(std::string_view name) const {
    for (const TensorData &one : tensors) {
      if (one.name() == name) return one;
    }
    throw std::out_of_range("there is no output '" + std::string(name) + "'");
  }
};

// What a request got.
struct Answer : Contents {
  std::vector<Contents> chunks;
  std::optional<HttpResponse> http;      // what the plugin responded
  std::vector<std::string> body_chunks;  // the parts of the body that it sent
  int status = 200;                      // the HTTP status
  std::string error;                     // what a failed request is told
  bool is_broken = false;                // the inferer would be created again
};

}  // namespace grps::testing

// Where a failure is described.
struct grps_error {
  int32_t failure = 0;
  std::string text;

  bool is_set() const { return failure != 0; }
  void Set(int32_t with, std::string_view message) {
    if (is_set()) return;  // the first one is the cause
    failure = with == 0 ? GRPS_FAILED : with;
    text = message;
  }
  int status() const { return failure >= 400 && failure <= 499 ? failure : 500; }
};

// Tensors or a message on their way out.
struct grps_outputs {
  grps_error *error = nullptr;  // where wrong calls are noted
  // Their memory stays where it is while others are added.
  std::deque<grps::testing::TensorData> tensors;
  std::string message;
  bool is_used = false;

  void Move(grps::testing::Contents &to) {
    to.tensors.assign(tensors.begin(), tensors.end());
    to.message = message;
    tensors.clear();
    message.clear();
  }
};

// What a plugin keeps with a request.
struct grps_user_data {
  std::string type;
  void *data = nullptr;
  grps_release release = nullptr;

  grps_user_data() = default;
  ~grps_user_data() { Set("", nullptr, nullptr); }
  grps_user_data(const grps_user_data &) = delete;
  grps_user_data &operator=(const grps_user_data &) = delete;

  void Set(std::string_view with, void *value, grps_release end) {
    if (data != nullptr && release != nullptr) release(data);
    type = with;
    data = value;
    release = end;
  }
};

// A request that runs.
struct grps_request {
  const grps::testing::RequestData *data = nullptr;
  size_t first = 0, rows = 1;
  grps_error wrong_call, failure;
  grps_outputs outputs;
  std::vector<grps::testing::Contents> chunks;
  std::vector<grps_http_header> http_headers;  // what the view of the HTTP request refers to
  std::optional<grps::HttpResponse> response;
  std::vector<std::string> body_chunks;
  grps_user_data user_data;
  size_t prefilled = 0;  // of a step model: positions that are read
};

// The slots that a step model declares.
struct grps_slots {
  grps_error error;
  std::vector<size_t> row_bytes;
};

// Requests that run together.
struct grps_batch {
  std::deque<grps_request> requests;
  std::vector<grps::testing::TensorData> inputs;
  mutable grps_error wrong_call;
  mutable grps_outputs outputs;
  uint64_t rows = UINT64_MAX;
  bool takes_messages = false;

  grps_batch(const std::vector<grps::testing::RequestData> &all, bool messages)
      : takes_messages(messages) {
    if (all.empty()) throw std::invalid_argument("a batch has one request at least");
    outputs.error = &wrong_call;
    uint64_t total = 0;
    for (const auto &data : all) {
      grps_request &request = requests.emplace_back();
      request.data = &data;
      request.outputs.error = &request.wrong_call;
      request.first = total;
      request.rows = data.inputs.empty() ? 1 : data.inputs[0].rows();
      total += request.rows;
      if (!messages) Join(data.inputs);
    }
    if (all.size() > 1) rows = total;
  }

  // The answers, once the plugin has run; `error` is what it failed with, if it failed.
  std::vector<grps::testing::Answer> Answers(const grps_error &error) {
    std::vector<grps::testing::Answer> answers;
    for (grps_request &request : requests) {
      grps::testing::Answer &answer = answers.emplace_back();
      answer.chunks = std::move(request.chunks);
      answer.http = std::move(request.response);
      answer.body_chunks = std::move(request.body_chunks);
      Finish(request, error, answer);
    }
    return answers;
  }

 private:
  void Join(const std::vector<grps::testing::TensorData> &more) {
    if (inputs.empty()) {
      inputs = more;
      return;
    }
    if (more.size() != inputs.size()) {
      throw std::invalid_argument("the requests of a batch have as many inputs each");
    }
    for (size_t index = 0; index < more.size(); ++index) inputs[index].Append(more[index]);
  }

  void Finish(grps_request &request, const grps_error &error, grps::testing::Answer &answer) {
    const grps_error *causes[] = {&wrong_call, &request.wrong_call, &error, &request.failure};
    for (const grps_error *cause : causes) {
      if (!cause->is_set()) continue;
      // A response that was set counts all the same.
      answer.status = answer.http ? answer.http->status : cause->status();
      answer.error = cause->text;
      answer.is_broken = cause->failure == GRPS_BROKEN;
      return;
    }
    if (answer.http) answer.status = answer.http->status;
    if (answer.http || request.outputs.is_used) {
      request.outputs.Move(answer);
      return;
    }
    for (const grps::testing::TensorData &tensor : outputs.tensors) {
      if (rows != UINT64_MAX && tensor.rows() != rows) {
        answer.status = 500;
        answer.error = "output '" + tensor.name() + "' has " + std::to_string(tensor.rows()) +
                       " rows, but the requests have " + std::to_string(rows);
        return;
      }
      const bool is_whole = rows == UINT64_MAX;
      answer.tensors.push_back(is_whole ? tensor : tensor.Rows(request.first, request.rows));
    }
    if (answer.tensors.empty()) {
      answer.status = 500;
      answer.error = "infer returned no output";
    }
  }
};

#endif
