#include "control.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include "prober.h"
#include "socket.h"

namespace workload {
namespace {

std::optional<Job> parse_job(std::istringstream &words) {
  std::string protocol, address;
  int port = 0;
  if (!(words >> protocol >> address >> port) || port < 0 || port > 65535) return std::nullopt;
  Job job{};
  job.endless = protocol.ends_with('*');
  if (job.endless) protocol.pop_back();
  if (protocol == "TCP") job.protocol = Job::Protocol::tcp;
  else if (protocol == "UDP") job.protocol = Job::Protocol::udp;
  else if (protocol == "ICMP") job.protocol = Job::Protocol::icmp;
  else return std::nullopt;
  auto parsed = parse_address(address, job.protocol == Job::Protocol::icmp ? 0 : static_cast<uint16_t>(port));
  if (!parsed) return std::nullopt;
  job.address = *parsed;
  return job;
}

/** How long late answers are waited for. */
constexpr int64_t kLateMs = 500;

struct Talking {
  std::string index;
  Conversation conversation;
};

/** One client of the socket and its jobs. */
class Client : public std::enable_shared_from_this<Client> {
 public:
  Client(Loop &loop, int fd) : loop_(loop), fd_(fd) {}

  void start() {
    loop_.watch(fd_.get(), EPOLLIN, [self = shared_from_this()](uint32_t events) { self->handle(events); });
  }

 private:
  void handle(uint32_t events) {
    if (events & EPOLLOUT) flush();
    if (closed_ || !(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
    char buffer[16384];
    ssize_t size = recv(fd_.get(), buffer, sizeof buffer, 0);
    if (size < 0 && errno == EAGAIN) return;
    if (size == 0) return finish();
    if (size < 0) return close();
    received_.append(buffer, static_cast<size_t>(size));
    size_t begin = 0;
    for (size_t end; (end = received_.find('\n', begin)) != std::string::npos; begin = end + 1) take(received_.substr(begin, end - begin));
    received_.erase(0, begin);
    flush();
  }

  void take(const std::string &line) {
    if (line.empty()) {
      complete_ = true;
      return;
    }
    std::istringstream words(line);
    std::string index;
    words >> index;
    ++open_;
    auto job = parse_job(words);
    if (!job) return report(index, {"unsupported", 0, 0, ""}, true);
    auto tell = [self = shared_from_this(), index, endless = job->endless](const Outcome &outcome) {
      self->report(index, outcome, !endless || outcome.error != nullptr);
    };
    if (job->endless) talks_.push_back({index, talk(loop_, *job, tell)});
    else probe(loop_, *job, tell);
  }

  void report(const std::string &index, const Outcome &outcome, bool ended) {
    if (closed_) return;
    sending_ += index + " " + (outcome.error == nullptr ? "ok" : outcome.error) + " " + std::to_string(outcome.microseconds) + " " +
                std::to_string(outcome.source_port) + " " + outcome.reply + "\n";
    if (ended) --open_;
    flush();
  }

  /** The other side asks nothing more. */
  void finish() {
    if (talks_.empty() || std::exchange(finishing_, true)) return close();
    // It has nothing more to read but the end, which would be told again and again.
    loop_.change(fd_.get(), 0);
    for (const Talking &each : talks_) each.conversation.fall_silent();
    loop_.after(kLateMs, [self = shared_from_this()] {
      for (const Talking &each : self->talks_) self->sending_ += each.index + " asked " + std::to_string(each.conversation.asked()) + "\n";
      self->open_ = 0;
      self->complete_ = true;
      self->flush();
    });
  }

  void flush() {
    if (closed_) return;
    ssize_t sent = sending_.empty() ? 0 : send(fd_.get(), sending_.data(), sending_.size(), MSG_NOSIGNAL);
    if (sent > 0) sending_.erase(0, static_cast<size_t>(sent));
    if (sent < 0 && errno != EAGAIN) return close();
    if (sending_.empty() && complete_ && open_ == 0) return close();
    uint32_t reading = finishing_ ? 0 : uint32_t{EPOLLIN};
    loop_.change(fd_.get(), sending_.empty() ? reading : reading | EPOLLOUT);
  }

  void close() {
    if (std::exchange(closed_, true)) return;
    for (const Talking &each : talks_) each.conversation.stop();
    talks_.clear();
    shutdown(fd_.get(), SHUT_RDWR);
    loop_.forget(fd_.get());
  }

  Loop &loop_;
  Fd fd_;
  std::string received_, sending_;
  std::vector<Talking> talks_;
  size_t open_ = 0;
  bool complete_ = false;
  bool finishing_ = false;
  bool closed_ = false;
};

}  // namespace

void take_jobs(Loop &loop, const std::string &path) {
  unlink(path.c_str());
  int fd = open_socket(AF_UNIX, SOCK_STREAM);
  sockaddr_un address = unix_address(path);
  if (fd < 0 || bind(fd, reinterpret_cast<sockaddr *>(&address), sizeof address) != 0 || listen(fd, 128) != 0) fail(path);
  loop.watch(fd, EPOLLIN, [&loop, fd](uint32_t) {
    for (int client; (client = accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) std::make_shared<Client>(loop, client)->start();
  });
}

}  // namespace workload
