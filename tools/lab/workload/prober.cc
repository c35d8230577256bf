#include "prober.h"

#include <sys/epoll.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include "http.h"
#include "question.h"

namespace workload {
namespace {

constexpr int64_t kTimeoutMs = 1000;
constexpr int64_t kRetryMs[] = {200, 500};
constexpr int64_t kBeatMs = 10;

/** What probes and talks share: a connected socket, its timers, and one way to end. */
class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(Loop &loop, const Job &job, Report report) : loop_(loop), job_(job), report_(std::move(report)), asked_at_(now()) {}
  virtual ~Exchange() = default;

  void start() {
    fd_.emplace(connect_for(job_));
    if (fd_->get() < 0) {
      const char *error = error_name(errno);
      fd_.reset();
      return end(error);
    }
    if (job_.protocol != Job::Protocol::icmp) source_port_ = name_of(fd_->get(), getsockname).port();
    after(kTimeoutMs, [this] { deadline(); });
    bool connecting = job_.protocol == Job::Protocol::tcp;
    loop_.watch(fd_->get(), connecting ? EPOLLOUT : EPOLLIN, [self = shared_from_this()](uint32_t events) { self->handle(events); });
    if (!connecting) begin();
  }

  void stop() {
    over_ = true;
    if (fd_) loop_.forget(fd_->get());
    fd_.reset();
  }

 protected:
  /** The connection is there: time to ask. */
  virtual void begin() = 0;
  virtual void deadline() = 0;
  /** New bytes of a connection, or a whole datagram's text. `ended`: the other end has closed it. */
  virtual void hear(const std::string &text, bool ended) = 0;

  void question(bool keep_open) {
    if (!ask(fd_->get(), job_, ++sequence_, keep_open) && errno != EAGAIN) end(error_name(errno));
  }
  void after(int64_t milliseconds, Loop::Action action) {
    loop_.after(milliseconds, [self = shared_from_this(), action = std::move(action)] {
      if (!self->over_) action();
    });
  }
  void tell(const char *error, const std::string &reply) { report_({error, now() - asked_at_, source_port_, reply}); }
  void end(const char *error, const std::string &reply = "") {
    if (over_) return;
    stop();
    tell(error, reply);
  }
  void asked_now() { asked_at_ = now(); }
  bool is_stream() const { return job_.protocol == Job::Protocol::tcp; }
  bool is_over() const { return over_; }

 private:
  void handle(uint32_t events) {
    if (events & (EPOLLERR | EPOLLHUP)) {
      if (int error = take_error(fd_->get())) return end(error_name(error));
    }
    if (events & EPOLLOUT) {
      loop_.change(fd_->get(), EPOLLIN);
      return begin();
    }
    char buffer[4096];
    ssize_t size = recv(fd_->get(), buffer, sizeof buffer, 0);
    if (size < 0) return errno == EAGAIN ? void() : end(error_name(errno));
    if (is_stream()) return hear(std::string(buffer, static_cast<size_t>(size)), size == 0);
    if (auto text = datagram_reply(job_, {buffer, static_cast<size_t>(size)})) hear(*text, false);
  }

  Loop &loop_;
  Job job_;
  Report report_;
  std::optional<Fd> fd_;
  int64_t asked_at_;
  uint16_t source_port_ = 0;
  uint16_t sequence_ = 0;
  bool over_ = false;
};

class Probe : public Exchange {
 public:
  using Exchange::Exchange;

 private:
  void begin() override {
    question(false);
    if (is_stream()) return;
    for (int64_t pause : kRetryMs) after(pause, [this] { question(false); });
  }
  void deadline() override { end("timeout"); }
  void hear(const std::string &text, bool ended) override {
    received_ += text;
    if (!is_stream() || reply_complete(received_)) end(nullptr, reply_text(received_));
    else if (ended) end(received_.empty() ? "refused" : nullptr, reply_text(received_));
  }

  std::string received_;
};

class Talk : public Exchange {
 public:
  using Exchange::Exchange;

  void fall_silent() { silent_ = true; }
  uint64_t asked() const { return asked_; }

 private:
  void begin() override {
    begun_ = true;
    beat();
  }
  void beat() {
    if (silent_) return;
    asked_now();
    ++asked_;
    question(true);
    if (!is_over()) after(kBeatMs, [this] { beat(); });
  }
  void deadline() override {
    if (!begun_) end("timeout");
  }
  void hear(const std::string &text, bool ended) override {
    if (ended) end("refused");
    else tell(nullptr, reply_text(text));
  }

  bool begun_ = false;
  bool silent_ = false;
  uint64_t asked_ = 0;
};

}  // namespace

void probe(Loop &loop, const Job &job, Report report) { std::make_shared<Probe>(loop, job, std::move(report))->start(); }

Conversation talk(Loop &loop, const Job &job, Report report) {
  auto exchange = std::make_shared<Talk>(loop, job, std::move(report));
  exchange->start();
  return {[exchange] { exchange->stop(); }, [exchange] { exchange->fall_silent(); }, [exchange] { return exchange->asked(); }};
}

}  // namespace workload
