#pragma once

// What TensorFlow Lite's C API lacks, kept apart: only this needs its C++ headers, and with them
// flatbuffers'.

#include <cstddef>

#include "tensorflow/lite/c/c_api.h"

namespace edge_infer::tflite_cpp {

/// Whether a file's content is a model. The C API says so too, but on standard error.
bool IsModel(const void* data, size_t size);

/// Makes the interpreter use the reference kernels alone: no optimised ones, no XNNPACK.
void UseReferenceKernels(TfLiteInterpreterOptions* options);

/// From now on the library itself writes nothing but errors on standard error.
void KeepQuiet();

}  // namespace edge_infer::tflite_cpp
