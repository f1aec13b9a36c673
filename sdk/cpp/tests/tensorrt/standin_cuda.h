// What the stand-in for CUDA's runtime offers besides CUDA's own functions.
#pragma once

#include <cuda_runtime_api.h>

extern "C" {

// Queues a function on a stream: what is queued runs when the stream is synchronized, no earlier.
void StandinQueue(cudaStream_t stream, void (*run)(void *), void *argument);
// Runs what is queued, as a kernel does whose results its caller waits for.
void StandinFlush(cudaStream_t stream);
// Whether an address is in memory of the thread's device.
bool StandinIsOnDevice(const void *address, size_t bytes);
// Bytes of memory that are allocated, on devices and pinned.
size_t StandinBytes();
}
