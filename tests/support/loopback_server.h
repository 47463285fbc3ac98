// LoopbackServer: an HTTP server on a port of its own, for tests of what sends requests. It answers
// what a function of the test says, byte for byte, so that it may also be rude.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace talea {

class LoopbackServer {
 public:
  struct Answer {
    /// As it is sent: status line, header, body. Empty: nothing.
    std::string bytes;
    bool closes = false;
    /// Says nothing, and waits until the client has gone.
    bool hangs = false;
  };
  /// Of a request as it came: its head and its body. Who waits for 100 Continue gets that first.
  using Handler = std::function<Answer(const std::string& head, const std::string& body)>;

  /// Listens on 127.0.0.1. `handler` is called by one thread for each connection.
  explicit LoopbackServer(Handler handler);
  /// Ends all connections and waits for their threads.
  ~LoopbackServer();
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;

  /// "http://127.0.0.1:PORT"
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  int connections() const { return connections_; }

  static Answer ok(const std::string& body, const std::string& headers = {});

 private:
  void accept_all() TALEA_EXCLUDES(mutex_);
  void serve(int socket);

  const Handler handler_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_{0};
  std::thread acceptor_;
  Mutex mutex_;
  std::vector<std::thread> threads_ TALEA_GUARDED_BY(mutex_);
  std::vector<int> sockets_ TALEA_GUARDED_BY(mutex_);
};

}  // namespace talea
