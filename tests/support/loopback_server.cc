#include "tests/support/loopback_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "base/assert.h"

namespace talea {
namespace {

// More of what a client sends; false when it has gone.
bool receive(int socket, std::string& bytes) {
  std::array<char, 65536> some{};
  const ssize_t got = recv(socket, some.data(), some.size(), 0);
  if (got <= 0) return false;
  bytes.append(some.data(), static_cast<std::size_t>(got));
  return true;
}

std::size_t content_length(const std::string& head) {
  for (const char* name : {"\r\ncontent-length: ", "\r\nContent-Length: "}) {
    const std::size_t at = head.find(name);
    if (at != std::string::npos) {
      return std::strtoull(head.c_str() + at + std::string(name).size(), nullptr, 10);
    }
  }
  return 0;
}

}  // namespace

LoopbackServer::LoopbackServer(Handler handler) : handler_(std::move(handler)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  TALEA_ASSERT(listener_ >= 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t bytes = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  TALEA_ASSERT(bind(listener_, any, bytes) == 0);
  TALEA_ASSERT(listen(listener_, 64) == 0);
  TALEA_ASSERT(getsockname(listener_, any, &bytes) == 0);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

LoopbackServer::~LoopbackServer() {
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  close(listener_);
  std::vector<std::thread> threads;
  {
    MutexLock lock(mutex_);
    for (const int socket : sockets_) shutdown(socket, SHUT_RDWR);
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
  MutexLock lock(mutex_);
  for (const int socket : sockets_) close(socket);
}

LoopbackServer::Answer LoopbackServer::ok(const std::string& body, const std::string& headers) {
  return {.bytes = "HTTP/1.1 200 OK\r\n" + headers +
                   "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body};
}

void LoopbackServer::accept_all() {
  for (;;) {
    const int socket = accept(listener_, nullptr, nullptr);
    if (socket < 0) return;
    ++connections_;
    MutexLock lock(mutex_);
    sockets_.push_back(socket);
    threads_.emplace_back([this, socket] { serve(socket); });
  }
}

void LoopbackServer::serve(int socket) {
  std::string bytes;
  for (;;) {
    std::size_t end = bytes.find("\r\n\r\n");
    while (end == std::string::npos) {
      if (!receive(socket, bytes)) return;
      end = bytes.find("\r\n\r\n");
    }
    const std::string head = bytes.substr(0, end + 2);
    bytes.erase(0, end + 4);
    const std::size_t length = content_length(head);
    if (bytes.size() < length && head.find("\r\nExpect: 100-continue\r\n") != std::string::npos) {
      constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
      send(socket, kContinue.data(), kContinue.size(), MSG_NOSIGNAL);
    }
    while (bytes.size() < length) {
      if (!receive(socket, bytes)) return;
    }
    const Answer answer = handler_(head, bytes.substr(0, length));
    bytes.erase(0, length);
    if (answer.hangs) {
      while (receive(socket, bytes)) continue;
      return;
    }
    send(socket, answer.bytes.data(), answer.bytes.size(), MSG_NOSIGNAL);
    if (answer.closes) {
      shutdown(socket, SHUT_RDWR);
      return;
    }
  }
}

}  // namespace talea
