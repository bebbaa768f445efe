#pragma once

#include <string>
#include <vector>

#include "bytes.h"
#include "runtime/litert_c_api.h"
#include "tensor.h"

namespace edge_infer::litert {

LiteRtRankedTensorType TensorType(const TensorSpec& spec);

/// The inputs or the outputs: LiteRT runs a model in the order of its signature, the configuration
/// is in the order of the graph.
struct Side {
  using Count = LiteRtStatus (*)(LiteRtSignature, size_t*);
  using InSignature = LiteRtStatus (*)(LiteRtSignature, size_t, LiteRtTensor*);
  using InGraph = LiteRtStatus (*)(LiteRtSubgraph, size_t, LiteRtTensor*);

  std::vector<TensorSpec> specs;            // order of the graph, as the model says
  std::vector<size_t> position;             // of each in the signature
  std::vector<LiteRtTensorBuffer> buffers;  // order of the signature
  std::vector<MutableBytes> memory;         // order of the graph; valid while locked

  void Inspect(LiteRtSignature signature, Count count, InSignature in_signature, InGraph in_graph,
               const std::string& path);
  void Lock(LiteRtTensorBufferLockMode mode);
  void Unlock();
};

}  // namespace edge_infer::litert
