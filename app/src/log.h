#pragma once

#include <string>
#include <string_view>

namespace edge_infer {

/// One line on standard error, "edge-infer: MESSAGE". Control characters, which can come from file
/// names, are replaced, so that one message stays one line.
void Log(std::string_view message);

}  // namespace edge_infer
