#pragma once

#include <string>

#include "bytes.h"

namespace edge_infer {

/// SHA-256 (FIPS 180-4) in 64 hexadecimal digits.
std::string Sha256(Bytes bytes);

}  // namespace edge_infer
