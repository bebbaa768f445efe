#pragma once

#include <sys/un.h>

#include <string>

namespace edge_infer {

/// systemd's watchdog, which ends a service that has not been heard of for too long. It is set
/// going from here (`WATCHDOG_USEC=`, see sd_notify(3)), so that a unit needs `NotifyAccess=all`
/// and nothing else, and an app that knows nothing of it is left alone. Without `NOTIFY_SOCKET` in
/// the environment all of this does nothing.
class Watchdog {
 public:
  Watchdog();
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// From now on it wants to hear of us: the model is loaded. A unit's own WatchdogSec= counts, if
  /// it has one.
  void Start();

  /// We live. Costs a look at the clock, most times.
  void Feed();

  /// How long to wait for anything else before feeding it, in milliseconds; -1 is for ever.
  int PatienceMs() const;

 private:
  void Send(const std::string& text) const;

  int socket_ = -1;
  sockaddr_un address_ = {};
  unsigned length_ = 0;
  double every_ms_ = 0;  ///< 0 until it is started
  double fed_ms_ = 0;
};

}  // namespace edge_infer
