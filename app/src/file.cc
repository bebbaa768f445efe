#include "file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "error.h"

namespace edge_infer {
namespace {

constexpr size_t kPiece = 1 << 16;

int ReadDescriptor(int descriptor, size_t limit, std::string* contents) {
  struct stat status = {};
  if (fstat(descriptor, &status) != 0) return errno;
  if (S_ISDIR(status.st_mode)) return EISDIR;
  const auto known = status.st_size > 0 ? static_cast<size_t>(status.st_size) : 0;
  if (known > limit) return EFBIG;
  // One byte more, so that the end of a file of known size is seen without growing.
  contents->resize(known > 0 ? known + 1 : kPiece);
  size_t used = 0;
  for (;;) {
    if (used == contents->size()) contents->resize(used + kPiece);
    const ssize_t got = read(descriptor, contents->data() + used, contents->size() - used);
    if (got < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    if (got == 0) break;
    used += static_cast<size_t>(got);
    if (used > limit) return EFBIG;
  }
  contents->resize(used);
  return 0;
}

}  // namespace

int ReadFile(const std::string& path, size_t limit, std::string* contents) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return errno;
  const int error = ReadDescriptor(descriptor, limit, contents);
  close(descriptor);
  return error;
}

int WriteAll(int descriptor, Bytes bytes) {
  while (bytes.size > 0) {
    const ssize_t written = write(descriptor, bytes.data, bytes.size);
    if (written < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    bytes.data += written;
    bytes.size -= static_cast<size_t>(written);
  }
  return 0;
}

int WriteFile(const std::string& path, Bytes bytes) {
  const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor < 0) return errno;
  const int error = WriteAll(descriptor, bytes);
  // Some file systems report a full disk only when the file is closed.
  if (close(descriptor) != 0 && error == 0) return errno;
  return error;
}

MappedFile::MappedFile(const std::string& path) : data_(MAP_FAILED) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status = {};
  if (descriptor < 0 || fstat(descriptor, &status) != 0) {
    const int error = errno;
    if (descriptor >= 0) close(descriptor);
    throw ConfigError(path + ": " + std::strerror(error));
  }
  size_ = static_cast<size_t>(status.st_size);
  if (S_ISREG(status.st_mode) && size_ > 0) {
    data_ = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
  }
  close(descriptor);
  if (data_ == MAP_FAILED) throw ConfigError(path + ": not a file that can be mapped");
}

MappedFile::~MappedFile() { munmap(data_, size_); }

}  // namespace edge_infer
