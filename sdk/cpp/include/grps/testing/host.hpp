// The table of plugin.h for a test: it does in the process of the test what a service does.
#ifndef GRPS_TESTING_HOST_HPP
#define GRPS_TESTING_HOST_HPP

#include <cstddef>
#include <cstdio>
#include <grps/testing/arguments.hpp>
#include <grps/testing/requests.hpp>
#include <string>
#include <string_view>

namespace grps::testing::detail {

inline int32_t Refuse(grps_error *error, const std::string &text) noexcept {
  error->Set(GRPS_FAILED, text);
  return GRPS_ERROR;
}

// Lines go to stderr, where the test runner shows them when a test fails.
inline void Log(int32_t level, const char *text, uint64_t length) noexcept {
  static constexpr const char *names[] = {"debug", "info", "warning", "error"};
  const int32_t known = level < 0 ? 0 : (level > 3 ? 3 : level);
  std::fprintf(stderr, "%s: %.*s\n", names[known], static_cast<int>(length), text);
}
inline int32_t Record(int32_t, const char *, size_t, double) noexcept { return GRPS_MONITOR_OK; }
inline void Fail(grps_error *error, int32_t failure, const char *text, uint64_t length) noexcept {
  error->Set(failure, {text, static_cast<size_t>(length)});
}
inline int32_t Argument(const grps_args *args, const char *pointer, uint64_t length,
                        grps_value *value) noexcept {
  const Json *found = args->Find({pointer, static_cast<size_t>(length)});
  *value = {};
  value->struct_size = sizeof(*value);
  if (found == nullptr) return GRPS_OK;
  value->kind = found->kind;
  value->integer = found->integer;
  value->number = found->number;
  value->text = found->text.data();
  value->length = found->kind == GRPS_TEXT ? found->text.size() : found->entries.size();
  return GRPS_OK;
}

inline uint64_t RequestCount(const grps_batch *batch) noexcept { return batch->requests.size(); }
inline uint64_t Rows(const grps_batch *batch) noexcept { return batch->rows; }
inline uint64_t InputCount(const grps_batch *batch) noexcept { return batch->inputs.size(); }

// The view of a tensor of strings needs memory of its own, which lasts until the next view.
inline void DescribeStrings(const TensorData &tensor, grps_tensor *view) {
  thread_local std::deque<std::pair<std::vector<uint64_t>, std::string>> kept;
  if (kept.size() == 64) kept.pop_front();
  auto &[offsets, text] = kept.emplace_back();
  offsets.push_back(0);
  for (const std::string &one : tensor.strings()) offsets.push_back((text += one).size());
  view->offsets = offsets.data();
  view->text = text.data();
}

inline void DescribeTensor(const TensorData &tensor, grps_tensor *view) {
  *view = {};
  view->struct_size = sizeof(*view);
  view->dtype = tensor.dtype();
  view->rank = static_cast<uint32_t>(tensor.shape().size());
  view->shape = tensor.shape().data();
  view->name = tensor.name().data();
  view->name_length = tensor.name().size();
  if (tensor.dtype() == GRPS_STRING) {
    DescribeStrings(tensor, view);
  } else {
    view->data = tensor.bytes().data();
    view->bytes = tensor.bytes().size();
  }
}

inline int32_t Input(const grps_batch *batch, uint64_t index, grps_tensor *view) noexcept {
  if (index >= batch->inputs.size()) {
    return Refuse(&batch->wrong_call, "input: no input " + std::to_string(index));
  }
  DescribeTensor(batch->inputs[index], view);
  return GRPS_OK;
}

// Calls of other models fail: a test has none.
inline grps_call *BeginCall(const grps_request *, const char *, uint64_t) noexcept {
  return reinterpret_cast<grps_call *>(new grps_outputs);
}
inline grps_outputs *CallInputs(grps_call *call) noexcept {
  return reinterpret_cast<grps_outputs *>(call);
}
inline int32_t RunCall(grps_call *) noexcept { return GRPS_CALL_FAILED; }
inline uint64_t CallOutputCount(const grps_call *) noexcept { return 0; }
inline int32_t CallOutput(const grps_call *, uint64_t, grps_tensor *) noexcept {
  return GRPS_ERROR;
}
inline const void *CallMessage(const grps_call *, uint64_t *length) noexcept {
  *length = 0;
  return nullptr;
}
inline int32_t CallFailure(const grps_call *, grps_text *message) noexcept {
  *message = grps::detail::TextOf("a test has no other models");
  return GRPS_FAILED;
}
inline void EndCall(grps_call *call) noexcept { delete reinterpret_cast<grps_outputs *>(call); }

// Of step models.
inline int32_t AddSlot(grps_slots *slots, const grps_tensor *like) noexcept {
  const std::string name(like->name == nullptr ? "" : like->name, like->name_length);
  if (like->dtype < GRPS_BOOL || like->dtype >= GRPS_STRING) {
    return Refuse(&slots->error, "add_slot: '" + name + "': no type for rows");
  }
  size_t bytes = grps::detail::SizeOf(like->dtype);
  for (uint32_t axis = 0; axis < like->rank; ++axis) {
    if (like->shape[axis] < 0) {
      return Refuse(&slots->error, "add_slot: '" + name + "': a dimension is negative");
    }
    bytes *= static_cast<size_t>(like->shape[axis]);
  }
  slots->row_bytes.push_back(bytes);
  return GRPS_OK;
}
inline int32_t ViewOne(const grps_request *request, const std::vector<TensorData> &tensors,
                       uint64_t index, grps_tensor *view) noexcept {
  if (index >= tensors.size()) {
    auto *failed = const_cast<grps_request *>(request);
    return Refuse(&failed->wrong_call, "no tensor " + std::to_string(index));
  }
  DescribeTensor(tensors[index], view);
  return GRPS_OK;
}
inline uint64_t RequestInputCount(const grps_request *request) noexcept {
  return request->data->inputs.size();
}
inline int32_t RequestInput(const grps_request *request, uint64_t index,
                            grps_tensor *view) noexcept {
  return ViewOne(request, request->data->inputs, index, view);
}
inline uint64_t EarlierOutputCount(const grps_request *request) noexcept {
  return request->data->earlier.size();
}
inline int32_t EarlierOutput(const grps_request *request, uint64_t index,
                             grps_tensor *view) noexcept {
  return ViewOne(request, request->data->earlier, index, view);
}

inline grps_outputs *BatchOutputs(const grps_batch *batch) noexcept { return &batch->outputs; }
inline grps_request *RequestAt(const grps_batch *batch, uint64_t index) noexcept {
  if (index < batch->requests.size()) {
    return const_cast<grps_request *>(&batch->requests[index]);
  }
  Refuse(&batch->wrong_call, "request: no request " + std::to_string(index));
  return nullptr;
}
inline const char *RequestId(const grps_request *request, uint64_t *length) noexcept {
  *length = request->data->id.size();
  return request->data->id.data();
}
inline int32_t RequestRows(const grps_request *request, uint64_t *first, uint64_t *count) noexcept {
  *first = request->first;
  *count = request->rows;
  return GRPS_OK;
}
inline int32_t IsStreaming(const grps_request *request) noexcept {
  return request->data->is_streaming ? 1 : 0;
}
inline int32_t IsCancelled(const grps_request *request) noexcept {
  return request->data->is_cancelled || request->chunks.size() >= request->data->most_chunks;
}
inline int64_t RemainingUs(const grps_request *request) noexcept {
  return request->data->remaining.count();
}
inline int32_t FailRequest(grps_request *request, int32_t failure, const char *text,
                           uint64_t length) noexcept {
  Fail(&request->failure, failure, text, length);
  return GRPS_OK;
}
inline grps_outputs *RequestOutputs(grps_request *request) noexcept {
  request->outputs.is_used = true;
  return &request->outputs;
}
inline int32_t SendChunk(grps_request *request) noexcept {
  if (!request->data->is_streaming) return GRPS_NOT_STREAMING;
  if (IsCancelled(request) != 0) return GRPS_CLIENT_LEFT;
  request->outputs.is_used = true;
  request->outputs.Move(request->chunks.emplace_back());
  return GRPS_OK;
}

// Adds an output without its elements; nullptr after a wrong call.
inline TensorData *AddOutput(grps_outputs *outputs, const grps_tensor *like) noexcept {
  const std::string name(like->name == nullptr ? "" : like->name, like->name_length);
  const std::vector<int64_t> shape(like->shape, like->shape + like->rank);
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    if (shape[axis] >= 0) continue;
    Refuse(outputs->error, "output '" + name + "': dimension " + std::to_string(axis) + " is " +
                               std::to_string(shape[axis]));
    return nullptr;
  }
  if (like->dtype < GRPS_BOOL || like->dtype > GRPS_STRING) {
    Refuse(outputs->error, "output '" + name + "': no type " + std::to_string(like->dtype));
    return nullptr;
  }
  for (const TensorData &other : outputs->tensors) {
    if (other.name() != name) continue;
    Refuse(outputs->error, "two outputs are called '" + name + "'");
    return nullptr;
  }
  outputs->is_used = true;
  return &outputs->tensors.emplace_back(name, like->dtype, shape);
}

inline size_t BytesOf(const TensorData &tensor) {
  return static_cast<size_t>(grps::detail::CountOf(tensor.shape())) *
         grps::detail::SizeOf(tensor.dtype());
}

inline int32_t Allocate(grps_outputs *outputs, const grps_tensor *like, void **data) noexcept {
  TensorData *made = AddOutput(outputs, like);
  if (made == nullptr) return GRPS_ERROR;
  if (made->dtype() == GRPS_STRING) {
    return Refuse(outputs->error,
                  "output '" + made->name() + "': strings can't be allocated; use copy");
  }
  made->bytes().resize(BytesOf(*made));
  *data = made->bytes().data();
  return GRPS_OK;
}

inline int32_t Copy(grps_outputs *outputs, const grps_tensor *tensor) noexcept {
  TensorData *made = AddOutput(outputs, tensor);
  if (made == nullptr) return GRPS_ERROR;
  if (made->dtype() == GRPS_STRING) {
    for (int64_t index = 0; index < grps::detail::CountOf(made->shape()); ++index) {
      const uint64_t begin = tensor->offsets[index];
      made->strings().emplace_back(tensor->text + begin, tensor->offsets[index + 1] - begin);
    }
    return GRPS_OK;
  }
  if (tensor->bytes != BytesOf(*made)) {
    return Refuse(outputs->error, "output '" + made->name() + "' has " +
                                      std::to_string(tensor->bytes) + " bytes, but its shape has " +
                                      std::to_string(BytesOf(*made)));
  }
  const auto *begin = static_cast<const char *>(tensor->data);
  made->bytes().assign(begin, begin + tensor->bytes);
  return GRPS_OK;
}

inline int32_t Lend(grps_outputs *outputs, const grps_tensor *tensor, grps_release release,
                    void *context) noexcept {
  const int32_t status = Copy(outputs, tensor);
  release(context);
  return status;
}

inline const void *Message(const grps_request *request, uint64_t *length) noexcept {
  *length = request->data->message.size();
  return request->data->message.data();
}
inline int32_t PutMessage(grps_outputs *outputs, const void *data, uint64_t length) noexcept {
  outputs->is_used = true;
  outputs->message.assign(static_cast<const char *>(data), length);
  return GRPS_OK;
}

inline int32_t HttpRequestOf(const grps_request *request, grps_http_request *view) noexcept {
  if (!request->data->http) return GRPS_NONE;
  const HttpRequestData &http = *request->data->http;
  auto &headers = const_cast<grps_request *>(request)->http_headers;
  headers.clear();
  for (const auto &[name, value] : http.headers) {
    headers.push_back({grps::detail::TextOf(name), grps::detail::TextOf(value)});
  }
  *view = {};
  view->struct_size = sizeof(*view);
  view->flags = http.is_streaming ? GRPS_HTTP_STREAMING : 0;
  view->method = grps::detail::TextOf(http.method);
  view->path = grps::detail::TextOf(http.path);
  view->query = grps::detail::TextOf(http.query);
  view->peer = grps::detail::TextOf("127.0.0.1");
  view->body = grps::detail::TextOf(http.body);
  view->headers = headers.data();
  view->header_count = headers.size();
  return GRPS_OK;
}
inline int32_t Respond(grps_request *request, const grps_http_response *response) noexcept {
  if (!request->data->http) {
    return Refuse(&request->wrong_call, "respond: the request came another way");
  }
  if (!request->body_chunks.empty()) {
    return Refuse(&request->wrong_call, "respond: a part of the body was sent already");
  }
  if (response->status < 200 || response->status > 999) {
    return Refuse(&request->wrong_call,
                  "respond: the status is " + std::to_string(response->status));
  }
  HttpResponse &made = request->response.emplace();
  made.status = response->status;
  made.body = grps::detail::ViewOf(response->body);
  made.content_type.clear();
  for (uint64_t index = 0; index < response->header_count; ++index) {
    const grps_http_header &header = response->headers[index];
    const std::string_view name = grps::detail::ViewOf(header.name);
    const std::string value(grps::detail::ViewOf(header.value));
    if (grps::detail::IsSameName(name, "content-type")) made.content_type = value;
    if (!grps::detail::IsSameName(name, "content-type")) made.headers.emplace_back(name, value);
  }
  return GRPS_OK;
}
inline int32_t SendBody(grps_request *request, const void *data, uint64_t length) noexcept {
  if (!request->data->http) {
    return Refuse(&request->wrong_call, "send_body: the request came another way");
  }
  const bool has_left = request->body_chunks.size() >= request->data->most_chunks;
  if (request->data->is_cancelled || has_left) return GRPS_CLIENT_LEFT;
  if (!request->response) request->response.emplace();
  request->body_chunks.emplace_back(static_cast<const char *>(data), length);
  return GRPS_OK;
}

// It lasts until infer returns: a test has no graph whose next model could read it.
inline int32_t SetUserData(grps_request *request, const char *type, uint64_t type_length,
                           void *data, grps_release release) noexcept {
  request->user_data.Set({type, static_cast<size_t>(type_length)}, data, release);
  return GRPS_OK;
}
inline void *UserData(const grps_request *request, const char *type,
                      uint64_t type_length) noexcept {
  const bool is_same = request->user_data.type == std::string_view(type, type_length);
  return is_same ? request->user_data.data : nullptr;
}

inline grps_host MakeHost() {
  grps_host host = {};
  host.struct_size = sizeof(host);
  host.major = GRPS_PLUGIN_MAJOR;
  host.minor = GRPS_PLUGIN_MINOR;
  host.version = "test";
  host.log = Log;
  host.record = Record;
  host.fail = Fail;
  host.argument = Argument;
  host.request_count = RequestCount;
  host.rows = Rows;
  host.input_count = InputCount;
  host.input = Input;
  host.batch_outputs = BatchOutputs;
  host.request = RequestAt;
  host.request_id = RequestId;
  host.request_rows = RequestRows;
  host.is_streaming = IsStreaming;
  host.is_cancelled = IsCancelled;
  host.remaining_us = RemainingUs;
  host.fail_request = FailRequest;
  host.request_outputs = RequestOutputs;
  host.send_chunk = SendChunk;
  host.allocate = Allocate;
  host.copy = Copy;
  host.lend = Lend;
  host.message = Message;
  host.put_message = PutMessage;
  host.http_request = HttpRequestOf;
  host.respond = Respond;
  host.send_body = SendBody;
  host.set_user_data = SetUserData;
  host.user_data = UserData;
  host.begin_call = BeginCall;
  host.call_inputs = CallInputs;
  host.run_call = RunCall;
  host.call_output_count = CallOutputCount;
  host.call_output = CallOutput;
  host.call_message = CallMessage;
  host.call_failure = CallFailure;
  host.end_call = EndCall;
  host.add_slot = AddSlot;
  host.request_input_count = RequestInputCount;
  host.request_input = RequestInput;
  host.earlier_output_count = EarlierOutputCount;
  host.earlier_output = EarlierOutput;
  return host;
}

inline const grps_host *Host() {
  static const grps_host host = MakeHost();
  return &host;
}

}  // namespace grps::testing::detail

#endif
