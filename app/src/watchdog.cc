#include "watchdog.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "clock.h"

namespace edge_infer {
namespace {

// Longer than any inference; building an engine for the model comes before.
constexpr double kLimitMs = 120'000;

}  // namespace

Watchdog::Watchdog() {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr) return;
  const size_t size = std::strlen(path);
  // A path, or a name that begins with @ and is in no file system.
  if (size < 2 || size >= sizeof(address_.sun_path) || (path[0] != '/' && path[0] != '@')) return;
  address_.sun_family = AF_UNIX;
  std::memcpy(address_.sun_path, path, size);
  if (path[0] == '@') address_.sun_path[0] = '\0';
  length_ = static_cast<unsigned>(offsetof(sockaddr_un, sun_path) + size);
  socket_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

Watchdog::~Watchdog() {
  if (socket_ >= 0) close(socket_);
}

void Watchdog::Start() {
  if (socket_ < 0) return;
  double limit_ms = kLimitMs;
  const char* usec = std::getenv("WATCHDOG_USEC");
  const double own_ms = usec == nullptr ? 0 : std::strtod(usec, nullptr) / 1000;
  if (own_ms > 0) {
    limit_ms = own_ms;
  } else {
    Send("WATCHDOG_USEC=" + std::to_string(static_cast<long>(kLimitMs) * 1000));  // NOLINT
  }
  every_ms_ = limit_ms / 4;
  fed_ms_ = Now() - every_ms_;
  Feed();
}

void Watchdog::Feed() {
  if (every_ms_ == 0 || Now() - fed_ms_ < every_ms_) return;
  fed_ms_ = Now();
  Send("WATCHDOG=1");
}

int Watchdog::PatienceMs() const { return every_ms_ == 0 ? -1 : static_cast<int>(every_ms_); }

/// Nobody there is nobody who waits for us.
void Watchdog::Send(const std::string& text) const {
  (void)sendto(socket_, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
               reinterpret_cast<const sockaddr*>(&address_), length_);
}

}  // namespace edge_infer
