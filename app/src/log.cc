#include "log.h"

#include <unistd.h>

#include "file.h"

namespace edge_infer {

void Log(std::string_view message) {
  std::string line = "edge-infer: ";
  for (char c : message) {
    const auto byte = static_cast<unsigned char>(c);
    line += byte < 0x20 || byte == 0x7f ? '?' : c;
  }
  line += '\n';
  // Nobody is left to tell when standard error is closed.
  (void)WriteAll(STDERR_FILENO, {reinterpret_cast<const uint8_t*>(line.data()), line.size()});
}

}  // namespace edge_infer
