// The few functions of libcudart that the adapter calls, without a GPU: its memory is ours.
//
// FAKE_GPU     its name; "none": there is no device
// FAKE_MEMORY  bytes that can be had at once

#include <cuda_runtime_api.h>

#include <cstdlib>
#include <cstring>

namespace {

const char* Setting(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

}  // namespace

extern "C" {

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return std::strcmp(Setting("FAKE_GPU", ""), "none") == 0 ? cudaErrorNoDevice : cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int /*device*/) {
  std::strncpy(properties->name, Setting("FAKE_GPU", "Orin"), sizeof properties->name - 1);
  properties->major = 8;
  properties->minor = 7;
  return cudaSuccess;
}

const char* cudaGetErrorString(cudaError_t error) {
  if (error == cudaErrorNoDevice) return "no CUDA-capable device is detected";
  return error == cudaErrorMemoryAllocation ? "out of memory" : "unknown";
}

cudaError_t cudaMalloc(void** memory, size_t size) {
  if (size > std::strtoull(Setting("FAKE_MEMORY", "1000000"), nullptr, 10)) {
    return cudaErrorMemoryAllocation;
  }
  *memory = std::malloc(size);
  return cudaSuccess;
}

cudaError_t cudaFree(void* memory) {
  std::free(memory);
  return cudaSuccess;
}

cudaError_t cudaMallocHost(void** memory, size_t size) {
  *memory = std::malloc(size);
  return cudaSuccess;
}

cudaError_t cudaFreeHost(void* memory) {
  std::free(memory);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t size, cudaMemcpyKind /*kind*/,
                            cudaStream_t /*stream*/) {
  std::memcpy(to, from, size);
  return cudaSuccess;
}

cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  *stream = nullptr;
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t /*stream*/) { return cudaSuccess; }

cudaError_t cudaStreamDestroy(cudaStream_t /*stream*/) { return cudaSuccess; }

}  // extern "C"
