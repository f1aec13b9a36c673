// Runs models by ONNX Runtime 1.20 or newer, through the part of its C interface that is needed
// here: the Python package has the library, but no headers. With those of ONNX Runtime, its own
// C and C++ interfaces work as well.
//
//   find_package(grps REQUIRED COMPONENTS onnxruntime)   # the target grps::onnxruntime
#ifndef GRPS_ONNXRUNTIME_HPP
#define GRPS_ONNXRUNTIME_HPP

#include <cstddef>
#include <cstdint>
#include <grps/plugin.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace grps::onnxruntime {

namespace detail {

struct Status;
struct Env;
struct SessionOptions;
struct Session;
struct Value;
struct MemoryInfo;
struct TensorInfo;
struct Allocator;

// The functions of OrtApi that are used, at their places; it only grows at its end.
struct Api {
  const void *unused_0[2];
  const char *(*message)(const Status *status);
  Status *(*create_env)(int level, const char *name, Env **env);
  const void *unused_4[3];
  Status *(*create_session)(const Env *env, const char *path, const SessionOptions *options,
                            Session **session);
  const void *unused_8;
  Status *(*run)(Session *session, const void *options, const char *const *input_names,
                 const Value *const *inputs, size_t input_count, const char *const *output_names,
                 size_t output_count, Value **outputs);
  Status *(*create_options)(SessionOptions **options);
  const void *unused_11[13];
  Status *(*set_threads)(SessionOptions *options, int threads);
  const void *unused_25[5];
  Status *(*input_count)(const Session *session, size_t *count);
  Status *(*output_count)(const Session *session, size_t *count);
  const void *unused_32[4];
  Status *(*input_name)(const Session *session, size_t index, Allocator *allocator, char **name);
  Status *(*output_name)(const Session *session, size_t index, Allocator *allocator, char **name);
  const void *unused_38[11];
  Status *(*create_tensor)(const MemoryInfo *memory, void *data, size_t bytes, const int64_t *shape,
                           size_t rank, int type, Value **value);
  const void *unused_50;
  Status *(*data)(Value *value, void **data);
  const void *unused_52[8];
  Status *(*type)(const TensorInfo *info, int *type);
  Status *(*rank)(const TensorInfo *info, size_t *rank);
  Status *(*shape)(const TensorInfo *info, int64_t *shape, size_t rank);
  const void *unused_63[2];
  Status *(*tensor_info)(const Value *value, TensorInfo **info);
  const void *unused_66[3];
  Status *(*cpu_memory)(int allocator_type, int memory_type, MemoryInfo **memory);
  const void *unused_70[6];
  Status *(*free)(Allocator *allocator, void *memory);
  const void *unused_77;
  Status *(*allocator)(Allocator **allocator);
  const void *unused_79[14];
  void (*release_status)(Status *status);
  void (*release_memory)(MemoryInfo *memory);
  void (*release_session)(Session *session);
  void (*release_value)(Value *value);
  const void *unused_97[2];
  void (*release_info)(TensorInfo *info);
  void (*release_options)(SessionOptions *options);
};
static_assert(offsetof(Api, run) == 9 * sizeof(void *));
static_assert(offsetof(Api, set_threads) == 24 * sizeof(void *));
static_assert(offsetof(Api, input_name) == 36 * sizeof(void *));
static_assert(offsetof(Api, create_tensor) == 49 * sizeof(void *));
static_assert(offsetof(Api, tensor_info) == 65 * sizeof(void *));
static_assert(offsetof(Api, allocator) == 78 * sizeof(void *));
static_assert(offsetof(Api, release_options) == 100 * sizeof(void *));

struct ApiBase {
  const Api *(*get)(uint32_t version);
  const char *(*version)();
};

extern "C" const ApiBase *OrtGetApiBase();

inline const Api &Functions() {
  static const Api *api = OrtGetApiBase()->get(20);
  if (api == nullptr) {
    throw std::runtime_error(std::string("ONNX Runtime ") + OrtGetApiBase()->version() +
                             " is older than 1.20");
  }
  return *api;
}

inline void Check(Status *status) {
  if (status == nullptr) return;
  const std::string message = Functions().message(status);
  Functions().release_status(status);
  throw std::runtime_error(message);
}

// One for the process, which never ends before the process does.
inline Env *SharedEnv() {
  static Env *env = [] {
    Env *made = nullptr;
    Check(Functions().create_env(/*level: warnings*/ 2, "grps", &made));
    return made;
  }();
  return env;
}

// Element types by their number in ONNX; -1 where a plugin has none.
inline constexpr int32_t kTypes[] = {
    -1,          GRPS_FLOAT32, GRPS_UINT8, GRPS_INT8, GRPS_UINT16,  GRPS_INT16,
    GRPS_INT32,  GRPS_INT64,   -1,         GRPS_BOOL, GRPS_FLOAT16, GRPS_FLOAT64,
    GRPS_UINT32, GRPS_UINT64,  -1,         -1,        GRPS_BFLOAT16};
inline constexpr int kTypeCount = sizeof(kTypes) / sizeof(kTypes[0]);

inline int TypeOf(int32_t dtype) {
  for (int type = 1; type < kTypeCount; ++type) {
    if (kTypes[type] == dtype) return type;
  }
  throw InputError(std::string("tensors of ") + grps::detail::NameOf(dtype) +
                   " are not supported by this model");
}

struct ReleaseValue {
  void operator()(Value *value) const { Functions().release_value(value); }
};
using OwnedValue = std::unique_ptr<Value, ReleaseValue>;

struct Output {
  OwnedValue value;
};

}  // namespace detail

// A loaded model. Several threads may run it at once.
class Session {
 public:
  // Loads a model; throws std::runtime_error. `threads` work on one run; 0 for all processors.
  explicit Session(const std::string &path, int threads = 1) {
    using detail::Check;
    const detail::Api &api = detail::Functions();
    detail::SessionOptions *options = nullptr;
    Check(api.create_options(&options));
    detail::Status *status = api.set_threads(options, threads);
    if (status == nullptr) {
      status = api.create_session(detail::SharedEnv(), path.c_str(), options, &session_);
    }
    api.release_options(options);
    Check(status);
    Check(api.cpu_memory(/*device*/ 0, /*default*/ 0, &memory_));
    inputs_ = Names(api.input_count, api.input_name);
    outputs_ = Names(api.output_count, api.output_name);
  }
  ~Session() {
    if (memory_ != nullptr) detail::Functions().release_memory(memory_);
    if (session_ != nullptr) detail::Functions().release_session(session_);
  }
  Session(const Session &) = delete;
  Session &operator=(const Session &) = delete;

  const std::vector<std::string> &inputs() const { return inputs_; }
  const std::vector<std::string> &outputs() const { return outputs_; }

  // Runs the model on the inputs of a batch, without copies. A model with one input takes the
  // first one, whatever its name.
  void Run(const Batch &batch, Outputs outputs) const {
    std::vector<Tensor> tensors;
    for (const std::string &name : inputs_) {
      tensors.push_back(inputs_.size() == 1 ? batch.input(0) : batch.input(name));
    }
    std::vector<detail::OwnedValue> results = Run(tensors);
    for (size_t index = 0; index < results.size(); ++index) {
      Add(outputs_[index], std::move(results[index]), outputs);
    }
  }

 private:
  template <typename Count, typename Name>
  std::vector<std::string> Names(Count count_of, Name name_of) const {
    detail::Allocator *allocator = nullptr;
    detail::Check(detail::Functions().allocator(&allocator));
    size_t count = 0;
    detail::Check(count_of(session_, &count));
    std::vector<std::string> names;
    for (size_t index = 0; index < count; ++index) {
      char *name = nullptr;
      detail::Check(name_of(session_, index, allocator, &name));
      names.emplace_back(name);
      detail::Check(detail::Functions().free(allocator, name));
    }
    return names;
  }

  std::vector<detail::OwnedValue> Run(const std::vector<Tensor> &tensors) const {
    std::vector<detail::OwnedValue> values, results;
    std::vector<const detail::Value *> inputs;
    std::vector<const char *> input_names, output_names;
    for (size_t index = 0; index < tensors.size(); ++index) {
      const Tensor &tensor = tensors[index];
      const std::vector<int64_t> shape = tensor.shape();
      detail::Value *value = nullptr;
      // The runtime reads inputs only, though its interface takes memory that it could write.
      detail::Check(detail::Functions().create_tensor(memory_, const_cast<void *>(tensor.data()),
                                                      tensor.bytes(), shape.data(), shape.size(),
                                                      detail::TypeOf(tensor.dtype()), &value));
      values.emplace_back(value);
      inputs.push_back(value);
      input_names.push_back(inputs_[index].c_str());
    }
    for (const std::string &name : outputs_) output_names.push_back(name.c_str());
    std::vector<detail::Value *> made(outputs_.size(), nullptr);
    detail::Check(detail::Functions().run(session_, nullptr, input_names.data(), inputs.data(),
                                          inputs.size(), output_names.data(), made.size(),
                                          made.data()));
    for (detail::Value *value : made) results.emplace_back(value);
    return results;
  }

  static void Add(const std::string &name, detail::OwnedValue value, Outputs &outputs) {
    using detail::Check;
    const detail::Api &api = detail::Functions();
    detail::TensorInfo *info = nullptr;
    Check(api.tensor_info(value.get(), &info));
    const auto release = [&api](detail::TensorInfo *one) { api.release_info(one); };
    const std::unique_ptr<detail::TensorInfo, decltype(release)> owned(info, release);
    int type = 0;
    size_t rank = 0;
    Check(api.type(info, &type));
    Check(api.rank(info, &rank));
    std::vector<int64_t> shape(rank);
    Check(api.shape(info, shape.data(), rank));
    const int32_t dtype = type > 0 && type < detail::kTypeCount ? detail::kTypes[type] : -1;
    if (dtype < 0) {
      throw std::runtime_error("output '" + name + "' has ONNX's element type " +
                               std::to_string(type) + ", which is not supported here");
    }
    void *data = nullptr;
    Check(api.data(value.get(), &data));
    const size_t bytes =
        static_cast<size_t>(grps::detail::CountOf(shape)) * grps::detail::SizeOf(dtype);
    outputs.Lend(name, dtype, shape, data, bytes,
                 std::make_unique<detail::Output>(detail::Output{std::move(value)}));
  }

  detail::Session *session_ = nullptr;
  detail::MemoryInfo *memory_ = nullptr;
  std::vector<std::string> inputs_, outputs_;
};

}  // namespace grps::onnxruntime

#endif
