// A stand-in for libcudart in the memory of the host, for tests without a GPU. It is strict where a
// GPU would fail or return nonsense: copies and kernels run when their stream is synchronized, and
// each address must be where its use says.
//
// STANDIN_CUDA_DEVICES is how many devices there are, 1 without it. STANDIN_CUDA_FAILS is the name
// of a function that fails and the number of the error, such as cudaMalloc=2.
#include "standin_cuda.h"

#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace {

struct Memory {
  size_t bytes;
  int device;  // -1 for pinned memory of the host
};

std::mutex mutex;
std::map<const char *, Memory> memories;
thread_local int current = 0;

int DeviceCount() {
  const char *given = std::getenv("STANDIN_CUDA_DEVICES");
  return given == nullptr ? 1 : std::atoi(given);
}

// The error that a function has to fail with, or none.
cudaError_t Failure(const std::string &function) {
  const char *given = std::getenv("STANDIN_CUDA_FAILS");
  if (given == nullptr || std::string(given).rfind(function + "=", 0) != 0) return cudaSuccess;
  return static_cast<cudaError_t>(std::atoi(given + function.size() + 1));
}

bool IsIn(const void *address, size_t bytes, int device) {
  const std::lock_guard<std::mutex> lock(mutex);
  const auto *at = static_cast<const char *>(address);
  auto found = memories.upper_bound(at);
  if (found == memories.begin()) return false;
  --found;
  return found->second.device == device && at + bytes <= found->first + found->second.bytes;
}

cudaError_t Allocate(void **memory, size_t bytes, int device) {
  auto *made = static_cast<char *>(std::malloc(bytes));
  std::memset(made, 0x5A, bytes);
  const std::lock_guard<std::mutex> lock(mutex);
  memories[made] = {bytes, device};
  *memory = made;
  return cudaSuccess;
}

cudaError_t Free(void *memory, bool is_on_host) {
  const std::lock_guard<std::mutex> lock(mutex);
  const auto found = memories.find(static_cast<char *>(memory));
  if (found == memories.end() || (found->second.device < 0) != is_on_host) {
    return cudaErrorInvalidValue;
  }
  memories.erase(found);
  std::free(memory);
  return cudaSuccess;
}

}  // namespace

struct CUstream_st {
  std::vector<std::function<void()>> queued;
};

extern "C" {

void StandinQueue(cudaStream_t stream, void (*run)(void *), void *argument) {
  stream->queued.push_back([run, argument] { run(argument); });
}

void StandinFlush(cudaStream_t stream) {
  for (auto &one : std::exchange(stream->queued, {})) one();
}

bool StandinIsOnDevice(const void *address, size_t bytes) { return IsIn(address, bytes, current); }

size_t StandinBytes() {
  const std::lock_guard<std::mutex> lock(mutex);
  size_t bytes = 0;
  for (const auto &[address, memory] : memories) bytes += memory.bytes;
  return bytes;
}

cudaError_t cudaGetDeviceCount(int *count) {
  *count = DeviceCount();
  return *count > 0 ? cudaSuccess : cudaErrorNoDevice;
}

cudaError_t cudaSetDevice(int device) {
  if (device < 0 || device >= DeviceCount()) return cudaErrorInvalidDevice;
  current = device;
  return Failure("cudaSetDevice");
}

cudaError_t cudaMalloc(void **memory, size_t bytes) {
  const cudaError_t failure = Failure("cudaMalloc");
  return failure != cudaSuccess ? failure : Allocate(memory, bytes, current);
}

cudaError_t cudaFree(void *memory) { return Free(memory, /*is_on_host*/ false); }

cudaError_t cudaMallocHost(void **memory, size_t bytes) {
  const cudaError_t failure = Failure("cudaMallocHost");
  return failure != cudaSuccess ? failure : Allocate(memory, bytes, -1);
}

cudaError_t cudaFreeHost(void *memory) { return Free(memory, /*is_on_host*/ true); }

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  const cudaError_t failure = Failure("cudaMemcpyAsync");
  if (failure != cudaSuccess) return failure;
  const void *device = kind == cudaMemcpyHostToDevice ? to : from;
  const void *host = kind == cudaMemcpyHostToDevice ? from : to;
  // Copies from memory that is not pinned would not be asynchronous.
  if (!IsIn(device, bytes, current) || !IsIn(host, bytes, -1)) return cudaErrorInvalidValue;
  stream->queued.push_back([to, from, bytes] { std::memcpy(to, from, bytes); });
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned int flags) {
  if (flags != cudaStreamNonBlocking) return cudaErrorInvalidValue;
  const cudaError_t failure = Failure("cudaStreamCreateWithFlags");
  if (failure == cudaSuccess) *stream = new CUstream_st();
  return failure;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream;
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const cudaError_t failure = Failure("cudaStreamSynchronize");
  if (failure == cudaSuccess) StandinFlush(stream);
  return failure;
}

const char *cudaGetErrorName(cudaError_t error) {
  return error == cudaErrorMemoryAllocation ? "cudaErrorMemoryAllocation"
         : error == cudaErrorNoDevice       ? "cudaErrorNoDevice"
                                            : "cudaErrorStandin";
}

const char *cudaGetErrorString(cudaError_t error) {
  return error == cudaErrorNoDevice ? "no CUDA-capable device is detected" : "words for an error";
}
}
