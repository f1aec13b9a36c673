// TensorRT and CUDA's runtime, opened when a model is loaded: what includes this builds, starts and
// tests where neither is installed.
// tensorrt.hpp includes it.
#ifndef GRPS_TENSORRT_LIBRARIES_HPP
#define GRPS_TENSORRT_LIBRARIES_HPP

#include <NvInferRuntime.h>
#include <cuda_runtime_api.h>
#include <dlfcn.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>

static_assert(NV_TENSORRT_MAJOR >= 10, "headers of TensorRT 10 or newer are needed");

namespace grps::tensorrt {

namespace detail {

// "grps opens libx.so.11", or "grps may open" for one that is not always needed: the server finds
// these words in the file of a plugin, and loads such libraries if they are beside the plugin, in
// the project's folder lib or in Python packages. What is opened by its name later is what was
// loaded.
template <size_t Size>
struct Opens {
  char words[Size + 2];  // of the name without its version, and a number of two digits

  constexpr Opens(const char (&name)[Size], int major) : words() {
    for (size_t at = 0; at + 1 < Size; ++at) words[at] = name[at];
    words[Size - 1] = static_cast<char>('0' + major / 10);
    words[Size] = static_cast<char>('0' + major % 10);
  }
  const char *library() const { return std::strrchr(words, ' ') + 1; }
};

// The major versions are those of the headers: in others, functions are at other places.
inline constexpr int kMajor = NV_TENSORRT_MAJOR, kCudaMajor = CUDART_VERSION / 1000;
__attribute__((used)) inline constexpr Opens kOpens("grps opens libnvinfer.so.", kMajor);
__attribute__((used)) inline constexpr Opens kOpensPlugins("grps may open libnvinfer_plugin.so.",
                                                           kMajor);
__attribute__((used)) inline constexpr Opens kOpensCuda("grps opens libcudart.so.", kCudaMajor);

// The functions of CUDA's runtime that are used.
struct Cuda {
  cudaError_t (*device_count)(int *count);
  cudaError_t (*select)(int device);
  cudaError_t (*allocate)(void **memory, size_t bytes);
  cudaError_t (*release)(void *memory);
  cudaError_t (*allocate_host)(void **memory, size_t bytes);
  cudaError_t (*release_host)(void *memory);
  cudaError_t (*copy)(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                      cudaStream_t stream);
  cudaError_t (*create_stream)(cudaStream_t *stream, unsigned int flags);
  cudaError_t (*destroy_stream)(cudaStream_t stream);
  cudaError_t (*synchronize)(cudaStream_t stream);
  const char *(*name)(cudaError_t status);
  const char *(*text)(cudaError_t status);
};

// Opens a library, which is never closed: its threads may run until the process ends.
class Library {
 public:
  // Throws std::runtime_error with what is missing and the package that has it.
  Library(const std::string &name, const std::string &title, const std::string &package)
      : name_(name), library_(dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    if (library_ != nullptr) return;
    throw std::runtime_error(title + " is not installed: " + dlerror() + "; pip install '" +
                             package + "', or put the folder of " + name + " into LD_LIBRARY_PATH");
  }

  template <typename Function>
  void Find(const char *symbol, Function **function) const {
    *function = reinterpret_cast<Function *>(dlsym(library_, symbol));
    if (*function == nullptr) {
      throw std::runtime_error(name_ + " has no function " + symbol);
    }
  }

 private:
  std::string name_;
  void *library_;
};

inline Cuda OpenCuda() {
  const Library library(kOpensCuda.library(), "CUDA's runtime",
                        "nvidia-cuda-runtime==" + std::to_string(kCudaMajor) + ".*");
  Cuda cuda = {};
  library.Find("cudaGetDeviceCount", &cuda.device_count);
  library.Find("cudaSetDevice", &cuda.select);
  library.Find("cudaMalloc", &cuda.allocate);
  library.Find("cudaFree", &cuda.release);
  library.Find("cudaMallocHost", &cuda.allocate_host);
  library.Find("cudaFreeHost", &cuda.release_host);
  library.Find("cudaMemcpyAsync", &cuda.copy);
  library.Find("cudaStreamCreateWithFlags", &cuda.create_stream);
  library.Find("cudaStreamDestroy", &cuda.destroy_stream);
  library.Find("cudaStreamSynchronize", &cuda.synchronize);
  library.Find("cudaGetErrorName", &cuda.name);
  library.Find("cudaGetErrorString", &cuda.text);
  return cuda;
}

}  // namespace detail

// What was opened, once for the process.
class Libraries {
 public:
  // Throws std::runtime_error with what is not installed, also at the next call.
  static const Libraries &Get() {
    static std::mutex mutex;
    static std::optional<Libraries> opened;
    const std::lock_guard<std::mutex> lock(mutex);
    if (!opened) opened = Libraries();
    return *opened;
  }

  const detail::Cuda &cuda() const { return cuda_; }
  // Such as 11.4.0: what runs, which may be newer than the headers.
  const std::string &version() const { return version_; }
  // Makes the runtime, which lives until the process ends: it keeps the log that engines write to.
  nvinfer1::IRuntime &Runtime(nvinfer1::ILogger &log) const {
    static std::mutex mutex;
    static nvinfer1::IRuntime *made = nullptr;
    const std::lock_guard<std::mutex> lock(mutex);
    if (made != nullptr) return *made;
    // The operators that NVIDIA brings along; engines without them need no such library.
    void *plugins = dlopen(detail::kOpensPlugins.library(), RTLD_NOW | RTLD_LOCAL);
    if (plugins != nullptr) {
      using Init = bool (*)(void *log, const char *library_namespace);
      const auto init = reinterpret_cast<Init>(dlsym(plugins, "initLibNvInferPlugins"));
      if (init != nullptr) init(&log, "");
    }
    made = static_cast<nvinfer1::IRuntime *>(create_runtime_(&log, NV_TENSORRT_VERSION));
    if (made == nullptr) {
      throw std::runtime_error("TensorRT " + version_ + " can't be used by what was built with " +
                               Text(NV_TENSORRT_VERSION) + ", or finds no GPU");
    }
    return *made;
  }

 private:
  Libraries() {
    const detail::Library library(detail::kOpens.library(), "TensorRT",
                                  "tensorrt==" + std::to_string(detail::kMajor) + ".*");
    int32_t (*lib_version)() = nullptr;
    library.Find("getInferLibVersion", &lib_version);
    library.Find("createInferRuntime_INTERNAL", &create_runtime_);
    version_ = Text(lib_version());
    cuda_ = detail::OpenCuda();
  }
  // TensorRT 10 and newer write 10.9.0 as 100900.
  static std::string Text(int64_t version) {
    return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
           std::to_string(version % 100);
  }

  detail::Cuda cuda_ = {};
  void *(*create_runtime_)(void *log, int32_t version) = nullptr;
  std::string version_;
};

}  // namespace grps::tensorrt

#endif
