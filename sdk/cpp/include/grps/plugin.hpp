// Inferers in C++17 for a GRPS service: types, exceptions and RAII over plugin.h. Header only.
//
//   class Double : public grps::Inferer {
//    public:
//     void Infer(grps::Batch &batch) override { ... }
//   };
//   GRPS_PLUGIN("my-plugin", "1.0.0", grps::Class<Double>("double"))
//
// What an inferer throws fails the batch: grps::InputError as the client's fault, grps::BrokenError
// so that the inferer is created again, anything else as a failed run. A batch of several requests
// that fails is run again one by one, so that a bad request fails alone.
#ifndef GRPS_PLUGIN_HPP
#define GRPS_PLUGIN_HPP

#include <grps/monitor.h>
#include <grps/plugin.h>

#include <chrono>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace grps {

// The client's fault; its message goes to the client with this HTTP status, 400 to 499.
class InputError : public std::runtime_error {
 public:
  explicit InputError(const std::string &message, int status = 400)
      : std::runtime_error(message), status_(status) {}
  int status() const { return status_; }

 private:
  int status_;
};

// The inferer is unusable, such as after an error of its device.
class BrokenError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {

// Each plugin has its own: it must not be shared with another library of the process.
__attribute__((visibility("hidden"))) inline const grps_host *host = nullptr;

template <typename T>
constexpr int32_t DTypeOf() {
  if constexpr (std::is_same_v<T, bool>) return GRPS_BOOL;
  if constexpr (std::is_same_v<T, uint8_t>) return GRPS_UINT8;
  if constexpr (std::is_same_v<T, uint16_t>) return GRPS_UINT16;
  if constexpr (std::is_same_v<T, uint32_t>) return GRPS_UINT32;
  if constexpr (std::is_same_v<T, uint64_t>) return GRPS_UINT64;
  if constexpr (std::is_same_v<T, int8_t>) return GRPS_INT8;
  if constexpr (std::is_same_v<T, int16_t>) return GRPS_INT16;
  if constexpr (std::is_same_v<T, int32_t>) return GRPS_INT32;
  if constexpr (std::is_same_v<T, int64_t>) return GRPS_INT64;
  if constexpr (std::is_same_v<T, float>) return GRPS_FLOAT32;
  if constexpr (std::is_same_v<T, double>) return GRPS_FLOAT64;
  return -1;
}

inline const char *NameOf(int32_t dtype) {
  static constexpr const char *names[] = {"bool",     "uint8",   "uint16",  "uint32", "uint64",
                                          "int8",     "int16",   "int32",   "int64",  "float16",
                                          "bfloat16", "float32", "float64", "string"};
  return dtype >= GRPS_BOOL && dtype <= GRPS_STRING ? names[dtype] : "unknown";
}

inline void Check(int32_t status) {
  // The host has noted what was wrong, and its message is the one that counts.
  if (status == GRPS_ERROR) throw std::logic_error("a wrong call of the plugin interface");
}

inline int64_t CountOf(const std::vector<int64_t> &shape) {
  int64_t count = 1;
  for (int64_t size : shape) count *= size;
  return count;
}

// Calls a function of the project, and reports what it throws.
template <typename F>
bool Guard(grps_error *error, F &&call) noexcept {
  const auto fail = [error](int32_t failure, std::string_view text) {
    host->fail(error, failure, text.data(), text.size());
    return false;
  };
  try {
    call();
    return true;
  } catch (const InputError &fault) {
    return fail(fault.status(), fault.what());
  } catch (const BrokenError &fault) {
    return fail(GRPS_BROKEN, fault.what());
  } catch (const std::exception &fault) {
    return fail(GRPS_FAILED, fault.what());
  } catch (...) {
    return fail(GRPS_FAILED, "an exception that is no std::exception");
  }
}

}  // namespace detail

// Lines in the log of the server.
inline void Log(int32_t level, std::string_view text) {
  detail::host->log(level, text.data(), text.size());
}
inline void LogDebug(std::string_view text) { Log(GRPS_DEBUG, text); }
inline void LogInfo(std::string_view text) { Log(GRPS_INFO, text); }
inline void LogWarning(std::string_view text) { Log(GRPS_WARNING, text); }
inline void LogError(std::string_view text) { Log(GRPS_ERROR_LEVEL, text); }

// Records a metric; returns a grps_monitor_status.
inline int32_t Record(grps_metric_kind kind, std::string_view name, double value) {
  return detail::host->record(kind, name.data(), name.size(), value);
}

// Elements in memory of somebody else.
template <typename T>
class Span {
 public:
  Span(const T *data, size_t size) : data_(data), size_(size) {}
  const T *data() const { return data_; }
  size_t size() const { return size_; }
  const T *begin() const { return data_; }
  const T *end() const { return data_ + size_; }
  const T &operator[](size_t index) const { return data_[index]; }

 private:
  const T *data_;
  size_t size_;
};

// An input; valid until Infer returns.
class Tensor {
 public:
  explicit Tensor(const grps_tensor &view) : view_(view) {}

  std::string_view name() const { return {view_.name, view_.name_length}; }
  int32_t dtype() const { return view_.dtype; }
  const void *data() const { return view_.data; }
  size_t bytes() const { return view_.bytes; }
  std::vector<int64_t> shape() const { return {view_.shape, view_.shape + view_.rank}; }
  size_t count() const { return static_cast<size_t>(detail::CountOf(shape())); }

  // The elements; throws InputError when they are of another type.
  template <typename T>
  Span<T> As() const {
    Expect(detail::DTypeOf<T>());
    return {static_cast<const T *>(view_.data), view_.bytes / sizeof(T)};
  }

  // A string; throws InputError when the elements are none, std::out_of_range without one.
  std::string_view String(size_t index) const {
    Expect(GRPS_STRING);
    if (index >= count()) throw std::out_of_range("the tensor has no such string");
    const uint64_t begin = view_.offsets[index];
    return {view_.text + begin, static_cast<size_t>(view_.offsets[index + 1] - begin)};
  }

 private:
  void Expect(int32_t dtype) const {
    if (view_.dtype == dtype) return;
    throw InputError("input '" + std::string(name()) + "' is " + detail::NameOf(view_.dtype) +
                     ", not " + detail::NameOf(dtype));
  }

  grps_tensor view_;
};

// Tensors on their way out; valid until Infer returns.
class Outputs {
 public:
  explicit Outputs(grps_outputs *outputs) : outputs_(outputs) {}

  // Adds a tensor and returns the memory for its elements, which is zeroed.
  template <typename T>
  T *Add(std::string_view name, const std::vector<int64_t> &shape) {
    const grps_tensor like = Describe(name, shape, detail::DTypeOf<T>());
    void *data = nullptr;
    detail::Check(detail::host->allocate(outputs_, &like, &data));
    return static_cast<T *>(data);
  }

  // Adds strings.
  void AddStrings(std::string_view name, const std::vector<int64_t> &shape,
                  const std::vector<std::string> &strings) {
    if (detail::CountOf(shape) != static_cast<int64_t>(strings.size())) {
      throw std::logic_error("output '" + std::string(name) + "' has " +
                             std::to_string(strings.size()) + " strings, which its shape has not");
    }
    grps_tensor tensor = Describe(name, shape, GRPS_STRING);
    std::vector<uint64_t> offsets = {0};
    std::string text;
    for (const std::string &one : strings) offsets.push_back((text += one).size());
    tensor.offsets = offsets.data();
    tensor.text = text.data();
    detail::Check(detail::host->copy(outputs_, &tensor));
  }

  // Adds a vector without a copy: it lives until the answer is written.
  template <typename T>
  void Lend(std::string_view name, const std::vector<int64_t> &shape, std::vector<T> values) {
    auto *owner = new std::vector<T>(std::move(values));
    grps_tensor tensor = Describe(name, shape, detail::DTypeOf<T>());
    tensor.data = owner->data();
    tensor.bytes = owner->size() * sizeof(T);
    detail::Check(detail::host->lend(outputs_, &tensor, &Release<T>, owner));
  }

 private:
  static grps_tensor Describe(std::string_view name, const std::vector<int64_t> &shape,
                              int32_t dtype) {
    grps_tensor tensor = {};
    tensor.struct_size = sizeof(tensor);
    tensor.dtype = dtype;
    tensor.rank = static_cast<uint32_t>(shape.size());
    tensor.shape = shape.data();
    tensor.name = name.data();
    tensor.name_length = name.size();
    return tensor;
  }

  template <typename T>
  static void Release(void *owner) noexcept {
    delete static_cast<std::vector<T> *>(owner);
  }

  grps_outputs *outputs_;
};

// One request of a batch; valid until Infer returns. Any thread may use it.
class Request {
 public:
  explicit Request(grps_request *request) : request_(request) {}

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
  // status from 400 to 499.
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

 private:
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

// What an inferer is created by; valid in its constructor only.
class Settings {
 public:
  explicit Settings(const grps_settings *settings) : settings_(settings) {}

  std::string model() const { return settings_->model; }
  std::string folder() const { return settings_->folder; }
  std::string device() const { return settings_->device; }
  size_t instance() const { return settings_->instance; }
  // inferer_args as JSON, which is YAML as well.
  std::string json() const { return settings_->json; }

  // Values of inferer_args by JSON pointers, such as "/labels/0". They throw std::invalid_argument
  // for values of another kind, and return the default where there is none.
  double Number(std::string_view pointer, double missing) const {
    const grps_value value = Find(pointer);
    if (value.kind == GRPS_MISSING) return missing;
    Expect(value.kind == GRPS_NUMBER || value.kind == GRPS_INTEGER, pointer, "a number");
    return value.number;
  }
  int64_t Integer(std::string_view pointer, int64_t missing) const {
    const grps_value value = Find(pointer);
    if (value.kind == GRPS_MISSING) return missing;
    Expect(value.kind == GRPS_INTEGER, pointer, "an integer");
    return value.integer;
  }
  bool Flag(std::string_view pointer, bool missing) const {
    const grps_value value = Find(pointer);
    if (value.kind == GRPS_MISSING) return missing;
    Expect(value.kind == GRPS_BOOLEAN, pointer, "true or false");
    return value.integer != 0;
  }
  std::string Text(std::string_view pointer, std::string_view missing) const {
    const grps_value value = Find(pointer);
    if (value.kind == GRPS_MISSING) return std::string(missing);
    Expect(value.kind == GRPS_TEXT, pointer, "a text");
    return {value.text, static_cast<size_t>(value.length)};
  }
  // How many entries a list or a map has; 0 for anything else.
  size_t Length(std::string_view pointer) const {
    const grps_value value = Find(pointer);
    return value.kind == GRPS_LIST || value.kind == GRPS_MAP ? value.length : 0;
  }

 private:
  grps_value Find(std::string_view pointer) const {
    grps_value value = {};
    value.struct_size = sizeof(value);
    detail::Check(detail::host->argument(settings_->args, pointer.data(), pointer.size(), &value));
    return value;
  }
  static void Expect(bool is_expected, std::string_view pointer, const char *what) {
    if (is_expected) return;
    throw std::invalid_argument("inferer_args" + std::string(pointer) + " must be " + what);
  }

  const grps_settings *settings_;
};

// One loaded copy of a model. One thread creates, runs and destroys it.
class Inferer {
 public:
  virtual ~Inferer() = default;
  virtual void Infer(Batch &batch) = 0;
};

namespace detail {

template <typename T>
void *Create(const grps_settings *settings, grps_error *error) noexcept {
  std::unique_ptr<Inferer> made;
  Guard(error, [&] {
    if constexpr (std::is_constructible_v<T, const Settings &>) {
      made = std::make_unique<T>(Settings(settings));
    } else {
      made = std::make_unique<T>();
    }
  });
  return made.release();
}

inline int32_t Infer(void *inferer, const grps_batch *requests, grps_error *error) noexcept {
  const bool is_done = Guard(error, [&] {
    Batch batch(requests);
    static_cast<Inferer *>(inferer)->Infer(batch);
  });
  return is_done ? GRPS_OK : GRPS_ERROR;
}

inline void Destroy(void *inferer) noexcept { delete static_cast<Inferer *>(inferer); }

// What a plugin returns to the host; never freed.
struct Opened {
  std::vector<grps_inferer_class> classes;
  std::vector<const grps_inferer_class *> list;
  grps_plugin table = {};
};

template <typename F>
const grps_plugin *Open(const grps_host *with, grps_error *error, const char *name,
                        const char *version, F &&classes) noexcept {
  static const grps_plugin wrong_version = {
      sizeof(grps_plugin), GRPS_PLUGIN_MAJOR, GRPS_PLUGIN_MINOR, 0, "", "", nullptr};
  // The host sees the version and reports it.
  if (with->major != GRPS_PLUGIN_MAJOR || with->minor < GRPS_PLUGIN_MINOR) return &wrong_version;
  // Once: inferers of the library may run while it is opened for another model.
  if (host != with) host = with;
  const grps_plugin *table = nullptr;
  Guard(error, [&] {
    auto opened = std::make_unique<Opened>();
    opened->classes = classes();
    for (const auto &one : opened->classes) opened->list.push_back(&one);
    const auto count = static_cast<uint32_t>(opened->list.size());
    opened->table = {
        sizeof(grps_plugin), GRPS_PLUGIN_MAJOR, GRPS_PLUGIN_MINOR, count, name, version,
        opened->list.data()};
    table = &opened.release()->table;
  });
  return table;
}

}  // namespace detail

// A class of inferers, under the name that `inferer_name` of inference.yml has. It is created by
// `T(const Settings &)`, or by `T()` if there is no such constructor. With GRPS_TAKES_MESSAGES, it
// gets the messages of single requests instead of tensors.
template <typename T>
grps_inferer_class Class(const char *name, uint32_t flags = 0) {
  static_assert(std::is_base_of_v<Inferer, T>, "an inferer derives from grps::Inferer");
  return {sizeof(grps_inferer_class), flags,          name,
          &detail::Create<T>,         &detail::Infer, &detail::Destroy};
}

}  // namespace grps

// Makes a library a plugin: its name, its version, and its classes. Once in a library.
#define GRPS_PLUGIN(name, version, ...)                                                     \
  extern "C" __attribute__((visibility("default"))) const grps_plugin *grps_plugin_open(    \
      const grps_host *host, grps_error *error) noexcept {                                  \
    return grps::detail::Open(host, error, name, version,                                   \
                              [] { return std::vector<grps_inferer_class>{__VA_ARGS__}; }); \
  }

#endif
