#include "watchdog.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "signals.h"

namespace edge_infer {
namespace {

/// Listens where systemd would.
class Manager {
 public:
  Manager() : socket_(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    const std::string name = "@edge-infer-test-" + std::to_string(getpid());
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, name.data() + 1, name.size() - 1);
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    REQUIRE(bind(socket_, reinterpret_cast<const sockaddr*>(&address), length) == 0);
    setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  ~Manager() {
    close(socket_);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
  }

  std::vector<std::string> Heard() const {
    std::vector<std::string> heard;
    std::array<char, 200> text{};
    for (;;) {
      const ssize_t size = recv(socket_, text.data(), text.size(), 0);
      if (size <= 0) return heard;
      heard.emplace_back(text.data(), static_cast<size_t>(size));
    }
  }

 private:
  int socket_;
};

}  // namespace

TEST_CASE("the watchdog is set going once the model is loaded, and not fed too often") {
  const Manager manager;
  Watchdog watchdog;
  watchdog.Feed();
  CHECK(watchdog.PatienceMs() == -1);
  CHECK(manager.Heard().empty());
  watchdog.Start();
  CHECK(manager.Heard() == std::vector<std::string>{"WATCHDOG_USEC=120000000", "WATCHDOG=1"});
  CHECK(watchdog.PatienceMs() == 30'000);
  watchdog.Feed();
  CHECK(manager.Heard().empty());
}

TEST_CASE("a unit's own limit counts, and a wait for input feeds the watchdog") {
  const Manager manager;
  setenv("WATCHDOG_USEC", "80000", 1);
  Watchdog watchdog;
  const StopSignals signals(&watchdog);
  watchdog.Start();
  CHECK(manager.Heard() == std::vector<std::string>{"WATCHDOG=1"});
  std::array<int, 2> ends{};
  REQUIRE(pipe(ends.data()) == 0);
  std::thread writer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    CHECK(write(ends[1], "x", 1) == 1);
  });
  CHECK(signals.WaitForInput(ends[0]));
  writer.join();
  CHECK(manager.Heard().size() > 1);
  close(ends[0]);
  close(ends[1]);
}

TEST_CASE("without systemd there is nobody to tell") {
  Watchdog watchdog;
  watchdog.Start();
  watchdog.Feed();
  CHECK(watchdog.PatienceMs() == -1);
}

}  // namespace edge_infer
