// One CUDA device: its streams and its memory.
// tensorrt.hpp includes it.
#ifndef GRPS_TENSORRT_DEVICE_HPP
#define GRPS_TENSORRT_DEVICE_HPP

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdlib>
#include <grps/tensorrt/libraries.hpp>
#include <stdexcept>
#include <string>

namespace grps::tensorrt {

// A CUDA device. Each thread selects it before it uses anything of it.
class Device {
 public:
  // `text` is the key `device` of a model: cuda, cuda:N, gpu, gpu:N, original, or nothing for the
  // first one. Throws std::runtime_error for another, and where there is no such device.
  explicit Device(const std::string &text) : cuda_(&Libraries::Get().cuda()), index_(Parse(text)) {
    int count = 0;
    const cudaError_t status = cuda_->device_count(&count);
    if (status != cudaSuccess) {
      throw std::runtime_error(std::string("TensorRT needs an NVIDIA GPU: ") + cuda_->text(status) +
                               " (" + cuda_->name(status) + "); check nvidia-smi");
    }
    if (index_ >= count) {
      throw std::runtime_error("device " + name() + ": this machine has " + std::to_string(count) +
                               " CUDA device" + (count == 1 ? "" : "s"));
    }
  }

  const detail::Cuda &cuda() const { return *cuda_; }
  std::string name() const { return "cuda:" + std::to_string(index_); }

  // Throws std::runtime_error with CUDA's cause.
  void Check(cudaError_t status, const char *function) const {
    if (status == cudaSuccess) return;
    throw std::runtime_error(name() + ": " + cuda_->text(status) + " (" + cuda_->name(status) +
                             " in " + function + ")");
  }
  // Makes it the device of the calling thread.
  void Select() const { Check(cuda_->select(index_), "cudaSetDevice"); }

 private:
  static int Parse(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char one) { return static_cast<char>(std::tolower(one)); });
    // Engines contain no device: `original` leaves the choice to `original cuda:1`.
    if (text.rfind("original", 0) == 0) text.erase(0, text.find_first_not_of(' ', 8));
    for (const std::string kind : {"cuda", "gpu"}) {
      if (text == kind || text.empty()) return 0;
      const std::string number = text.substr(std::min(kind.size() + 1, text.size()));
      const bool is_number = !number.empty() && number.size() <= 3 &&
                             number.find_first_not_of("0123456789") == number.npos;
      if (text.rfind(kind + ":", 0) == 0 && is_number) return std::atoi(number.c_str());
    }
    if (text == "cpu") {
      throw std::runtime_error("device cpu: TensorRT runs on NVIDIA GPUs only; use device: cuda");
    }
    throw std::runtime_error("device: '" + text +
                             "' is not a device; allowed: cuda, cuda:N, gpu, "
                             "gpu:N, original, original <input device>");
  }

  const detail::Cuda *cuda_;
  int index_;
};

// A stream that does not wait for the default one. Its device outlives it.
class Stream {
 public:
  explicit Stream(const Device &device) : device_(device) {
    device.Check(device.cuda().create_stream(&stream_, cudaStreamNonBlocking),
                 "cudaStreamCreateWithFlags");
  }
  ~Stream() { device_.cuda().destroy_stream(stream_); }
  Stream(const Stream &) = delete;
  Stream &operator=(const Stream &) = delete;

  cudaStream_t get() const { return stream_; }
  // Waits until all that is queued on it has run.
  void Synchronize() const {
    device_.Check(device_.cuda().synchronize(stream_), "cudaStreamSynchronize");
  }

 private:
  const Device &device_;
  cudaStream_t stream_ = nullptr;
};

// Memory of one tensor: pinned on the host and, unless the engine reads it there, on the device. It
// grows to the largest request and stays. Its device outlives it.
class Buffer {
 public:
  Buffer(const Device &device, bool is_on_host) : device_(device), is_on_host_(is_on_host) {}
  ~Buffer() { Release(); }
  Buffer(Buffer &&other) noexcept
      : device_(other.device_),
        is_on_host_(other.is_on_host_),
        host_(other.host_),
        place_(other.place_),
        capacity_(other.capacity_) {
    other.host_ = other.place_ = nullptr;
    other.capacity_ = 0;
  }
  Buffer &operator=(Buffer &&) = delete;

  // Has room for `bytes`; what was inside is lost when it grows. One byte at least: TensorRT needs
  // an address for an empty tensor as well. After a failure it is empty and may be tried again.
  void Reserve(size_t bytes) {
    bytes = std::max<size_t>(bytes, 1);
    if (capacity_ >= bytes) return;
    Release();
    const detail::Cuda &cuda = device_.cuda();
    Check(cuda.allocate_host(&host_, bytes), "cudaMallocHost", bytes, " pinned bytes");
    if (!is_on_host_) {
      Check(cuda.allocate(&place_, bytes), "cudaMalloc", bytes, " bytes on " + device_.name());
    }
    capacity_ = bytes;
  }

  size_t capacity() const { return capacity_; }
  void *host() const { return host_; }
  // Where the engine finds the tensor.
  void *place() const { return is_on_host_ ? host_ : place_; }

  // Queues the copy from the host to where the engine reads.
  void Send(size_t bytes, const Stream &stream) const {
    if (is_on_host_ || bytes == 0) return;
    device_.Check(device_.cuda().copy(place_, host_, bytes, cudaMemcpyHostToDevice, stream.get()),
                  "cudaMemcpyAsync");
  }
  // Queues the copy from where the engine wrote to the host.
  void Fetch(size_t bytes, const Stream &stream) const {
    if (is_on_host_ || bytes == 0) return;
    device_.Check(device_.cuda().copy(host_, place_, bytes, cudaMemcpyDeviceToHost, stream.get()),
                  "cudaMemcpyAsync");
  }

 private:
  void Check(cudaError_t status, const char *function, size_t bytes, const std::string &what) {
    if (status == cudaSuccess) return;
    Release();
    if (status == cudaErrorMemoryAllocation) {
      throw std::runtime_error("out of memory: " + std::to_string(bytes) + what + " (" +
                               device_.cuda().name(status) + " in " + function + ")");
    }
    device_.Check(status, function);
  }
  void Release() noexcept {
    if (place_ != nullptr) device_.cuda().release(place_);
    if (host_ != nullptr) device_.cuda().release_host(host_);
    host_ = place_ = nullptr;
    capacity_ = 0;
  }

  const Device &device_;
  bool is_on_host_;
  void *host_ = nullptr;
  void *place_ = nullptr;
  size_t capacity_ = 0;
};

}  // namespace grps::tensorrt

#endif
