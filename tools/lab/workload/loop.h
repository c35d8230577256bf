#pragma once
// One thread, one epoll: everything a workload process does happens in handlers of this loop.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>

#include "socket.h"

namespace workload {

class Loop {
 public:
  using Handler = std::function<void(uint32_t events)>;
  using Action = std::function<void()>;
  using Timer = std::pair<int64_t, uint64_t>;

  Loop();
  /** Calls `handler` with what epoll reports of `fd`. */
  void watch(int fd, uint32_t events, Handler handler);
  /** Waits for other events of a watched descriptor. */
  void change(int fd, uint32_t events);
  /** Must come before `fd` is closed. */
  void forget(int fd);
  Timer after(int64_t milliseconds, Action action);
  /** Nothing when it has run already. */
  void cancel(Timer timer) { timers_.erase(timer); }
  [[noreturn]] void run();

 private:
  struct Watch {
    uint32_t generation;
    std::shared_ptr<Handler> handler;
  };
  int next_timeout() const;
  void run_due_timers();
  void set(int operation, int fd, uint32_t events, uint32_t generation);

  Fd epoll_;
  std::unordered_map<int, Watch> watches_;
  std::map<Timer, Action> timers_;
  uint32_t generation_ = 0;
  uint64_t timer_count_ = 0;
};

/** Microseconds of the monotonic clock. */
int64_t now();

}  // namespace workload
