#include "server.h"

#include <sys/epoll.h>

#include <algorithm>
#include <memory>

#include "http.h"

namespace workload {
namespace {

constexpr int64_t kSilenceMs = 50;
constexpr size_t kLongestRequest = 64 * 1024;

std::string answer(const std::string &name, const SocketAddress &client) { return name + " " + client.text() + "\n"; }

/** One accepted connection; alive as long as the loop holds its handler. */
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Loop &loop, int fd, std::string answer, Speech speech) : loop_(loop), fd_(fd), answer_(std::move(answer)), speech_(speech) {}

  void start() {
    loop_.watch(fd_.get(), EPOLLIN, [self = shared_from_this()](uint32_t) { self->read(); });
    if (speech_ == Speech::plain) silence_ = loop_.after(kSilenceMs, [self = shared_from_this()] { self->say(self->answer_); });
  }

 private:
  void read() {
    char buffer[4096];
    ssize_t size = recv(fd_.get(), buffer, sizeof buffer, 0);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0 || received_.size() > kLongestRequest) return close();
    loop_.cancel(silence_);
    received_.append(buffer, static_cast<size_t>(size));
    if (speech_ == Speech::plain && looks_like_request(received_)) speech_ = Speech::http;
    if (speech_ == Speech::http) answer_requests();
    else answer_lines();
  }

  void answer_requests() {
    while (auto size = message_size(received_)) {
      bool last = wants_close(received_);
      received_.erase(0, *size);
      if (!say(response(answer_, last))) return;
      if (last) return close();
    }
  }

  void answer_lines() {
    auto lines = std::count(received_.begin(), received_.end(), '\n');
    received_.erase(0, received_.rfind('\n') + 1);
    while (lines-- > 0 && say(answer_)) continue;
  }

  /** False when the client doesn't read or is gone: then the connection is over. */
  bool say(const std::string &text) {
    if (closed_) return false;
    if (send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size())) return true;
    close();
    return false;
  }

  void close() {
    if (closed_) return;
    closed_ = true;
    loop_.cancel(silence_);
    shutdown(fd_.get(), SHUT_WR);
    loop_.forget(fd_.get());
  }

  Loop &loop_;
  Fd fd_;
  std::string answer_;
  Speech speech_;
  std::string received_;
  Loop::Timer silence_{};
  bool closed_ = false;
};

}  // namespace

void serve_udp(Loop &loop, const std::string &name, const SocketAddress &address) {
  int fd = listen_at(address, SOCK_DGRAM);
  loop.watch(fd, EPOLLIN, [fd, name](uint32_t) {
    char buffer[2048];
    SocketAddress client{};
    socklen_t size = sizeof client.v6;
    while (recvfrom(fd, buffer, sizeof buffer, 0, &client.base, &size) >= 0) {
      std::string text = answer(name, client);
      sendto(fd, text.data(), text.size(), 0, &client.base, size);
      size = sizeof client.v6;
    }
  });
}

void serve_tcp(Loop &loop, const std::string &name, const SocketAddress &address, Speech speech) {
  int fd = listen_at(address, SOCK_STREAM);
  loop.watch(fd, EPOLLIN, [&loop, fd, name, speech](uint32_t) {
    for (int client; (client = accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
      std::make_shared<Connection>(loop, client, answer(name, name_of(client, getpeername)), speech)->start();
    }
  });
}

}  // namespace workload
