#include "signals.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "error.h"

namespace edge_infer {

StopSignals::StopSignals(Watchdog* watchdog) : watchdog_(watchdog) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  descriptor_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (descriptor_ < 0) throw ConfigError(std::string("signalfd: ") + std::strerror(errno));
}

StopSignals::~StopSignals() { close(descriptor_); }

bool StopSignals::Arrived() const {
  pollfd entry{descriptor_, POLLIN, 0};
  return poll(&entry, 1, 0) > 0;
}

bool StopSignals::WaitForInput(int descriptor) const {
  std::array<pollfd, 2> entries{{{descriptor_, POLLIN, 0}, {descriptor, POLLIN, 0}}};
  for (;;) {
    const int patience = watchdog_ == nullptr ? -1 : watchdog_->PatienceMs();
    const int found = poll(entries.data(), entries.size(), patience);
    if (watchdog_ != nullptr) watchdog_->Feed();
    if (found > 0) break;
    if (found < 0 && errno != EINTR) return true;  // let read() report it
  }
  return entries[0].revents == 0;
}

}  // namespace edge_infer
