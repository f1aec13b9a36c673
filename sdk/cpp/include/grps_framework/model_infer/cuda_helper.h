// Memory, streams and events of CUDA that free themselves.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdlib>
#include <new>
#include <string>
#include <utility>

#include "detail/failure.h"

namespace netease::grps {

GRPS_EXCEPTION(CudaException)

// Throws CudaException for a failed call. Its text has "OOM" if there is no memory.
inline void CudaCheck(cudaError_t code) {
  if (code == cudaSuccess) return;
  const std::string text = cudaGetErrorString(code);
  throw CudaException(code == cudaErrorMemoryAllocation ? "OOM, " + text : text);
}

class CudaEvent;

class CudaStream {
 public:
  CudaStream() { CudaCheck(cudaStreamCreate(&stream_)); }
  ~CudaStream() { cudaStreamDestroy(stream_); }
  CudaStream(const CudaStream &) = delete;
  CudaStream &operator=(const CudaStream &) = delete;

  [[nodiscard]] cudaStream_t Get() const { return stream_; }
  // What follows in this stream waits for the event.
  void Wait(CudaEvent &event);

 private:
  cudaStream_t stream_ = nullptr;
};

class CudaEvent {
 public:
  explicit CudaEvent(bool blocking = true) {
    CudaCheck(
        cudaEventCreateWithFlags(&event_, blocking ? cudaEventBlockingSync : cudaEventDefault));
  }
  ~CudaEvent() { cudaEventDestroy(event_); }
  CudaEvent(const CudaEvent &) = delete;
  CudaEvent &operator=(const CudaEvent &) = delete;

  [[nodiscard]] cudaEvent_t Get() const { return event_; }
  void Record(const CudaStream &stream) { CudaCheck(cudaEventRecord(event_, stream.Get())); }
  void Synchronize() { CudaCheck(cudaEventSynchronize(event_)); }
  // Milliseconds since another event.
  float operator-(const CudaEvent &earlier) const {
    float elapsed = 0;
    CudaCheck(cudaEventElapsedTime(&elapsed, earlier.Get(), Get()));
    return elapsed;
  }

 private:
  cudaEvent_t event_ = nullptr;
};

inline void CudaStream::Wait(CudaEvent &event) {
  CudaCheck(cudaStreamWaitEvent(stream_, event.Get(), 0));
}

// Memory of one owner. `Allocate` and `Free` are classes with a call operator.
template <typename Allocator, typename Deallocator>
class CudaBuffer {
 public:
  CudaBuffer() = default;
  explicit CudaBuffer(size_t size) { Allocate(size); }
  ~CudaBuffer() { Reset(); }
  CudaBuffer(const CudaBuffer &) = delete;
  CudaBuffer &operator=(const CudaBuffer &) = delete;
  CudaBuffer(CudaBuffer &&other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  CudaBuffer &operator=(CudaBuffer &&other) noexcept {
    if (this != &other) Reset(std::exchange(other.data_, nullptr), std::exchange(other.size_, 0));
    return *this;
  }

  void Allocate(size_t size) {
    Reset();
    Allocator()(&data_, size);
    size_ = size;
  }
  void Reset(void *data = nullptr, size_t size = 0) {
    if (data_ != nullptr) Deallocator()(data_);
    data_ = data;
    size_ = size;
  }
  [[nodiscard]] void *Get() const { return data_; }
  [[nodiscard]] size_t Size() const { return size_; }

 private:
  void *data_ = nullptr;
  size_t size_ = 0;
};

struct DeviceAllocator {
  void operator()(void **data, size_t size) const { CudaCheck(cudaMalloc(data, size)); }
};
struct DeviceDeallocator {
  void operator()(void *data) const { cudaFree(data); }
};
struct HostAllocator {
  void operator()(void **data, size_t size) const {
    *data = std::malloc(size == 0 ? 1 : size);
    if (*data == nullptr) throw std::bad_alloc();
  }
};
struct HostDeallocator {
  void operator()(void *data) const { std::free(data); }
};

using DeviceBuffer = CudaBuffer<DeviceAllocator, DeviceDeallocator>;
using HostBuffer = CudaBuffer<HostAllocator, HostDeallocator>;

// Copies in a stream, which the caller waits for.
inline void H2D(CudaStream &stream, HostBuffer &from, DeviceBuffer &to, size_t size) {
  CudaCheck(cudaMemcpyAsync(to.Get(), from.Get(), size, cudaMemcpyHostToDevice, stream.Get()));
}
inline void D2H(CudaStream &stream, DeviceBuffer &from, HostBuffer &to, size_t size) {
  CudaCheck(cudaMemcpyAsync(to.Get(), from.Get(), size, cudaMemcpyDeviceToHost, stream.Get()));
}

}  // namespace netease::grps
