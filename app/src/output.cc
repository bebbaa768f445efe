#include "output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "error.h"
#include "file.h"

namespace edge_infer {

LineWriter::LineWriter(const std::string& path)
    : name_(path.empty() ? "standard output" : path), descriptor_(STDOUT_FILENO) {
  if (path.empty()) return;
  descriptor_ = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor_ < 0) throw OutputError(name_ + ": " + std::strerror(errno), false);
}

LineWriter::~LineWriter() {
  if (descriptor_ != STDOUT_FILENO) close(descriptor_);
}

void LineWriter::Write(std::string* line) {
  *line += '\n';
  const auto* data = reinterpret_cast<const uint8_t*>(line->data());
  if (const int error = WriteAll(descriptor_, {data, line->size()})) {
    throw OutputError(name_ + ": " + std::strerror(error), error == EPIPE);
  }
}

void WriteRawOutput(const std::string& folder, const std::string& frame, size_t i, Bytes bytes) {
  const std::string path = folder + "/" + frame + "." + std::to_string(i) + ".bin";
  if (const int error = WriteFile(path, bytes)) {
    throw OutputError(path + ": " + std::strerror(error), false);
  }
}

}  // namespace edge_infer
