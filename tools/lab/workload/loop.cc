#include "loop.h"

#include <sys/epoll.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <utility>

namespace workload {

int64_t now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1'000'000ll + time.tv_nsec / 1000;
}

Loop::Loop() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_.get() < 0) fail("epoll_create1");
}

// A descriptor may be closed and its number used again while events of the old one are still in our hands: the generation tells them apart.
void Loop::set(int operation, int fd, uint32_t events, uint32_t generation) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = uint64_t{generation} << 32 | static_cast<uint32_t>(fd);
  if (epoll_ctl(epoll_.get(), operation, fd, &event) != 0) fail("epoll_ctl");
}

void Loop::watch(int fd, uint32_t events, Handler handler) {
  uint32_t generation = ++generation_;
  watches_[fd] = {generation, std::make_shared<Handler>(std::move(handler))};
  set(EPOLL_CTL_ADD, fd, events, generation);
}

void Loop::change(int fd, uint32_t events) { set(EPOLL_CTL_MOD, fd, events, watches_.at(fd).generation); }

void Loop::forget(int fd) {
  if (watches_.erase(fd) > 0) epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

Loop::Timer Loop::after(int64_t milliseconds, Action action) {
  Timer timer{now() + milliseconds * 1000, ++timer_count_};
  timers_.emplace(timer, std::move(action));
  return timer;
}

int Loop::next_timeout() const {
  if (timers_.empty()) return -1;
  int64_t left = timers_.begin()->first.first - now();
  return left <= 0 ? 0 : static_cast<int>((left + 999) / 1000);
}

void Loop::run_due_timers() {
  while (!timers_.empty() && timers_.begin()->first.first <= now()) {
    Action action = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    action();
  }
}

// Packets before timers: a reply that has arrived is never taken for lost because we were slow to read it.
void Loop::run() {
  std::array<epoll_event, 1024> events;
  for (;;) {
    int count = epoll_wait(epoll_.get(), events.data(), events.size(), next_timeout());
    for (int i = 0; i < std::max(count, 0); ++i) {
      auto found = watches_.find(static_cast<int>(events[i].data.u64 & 0xffffffff));
      if (found == watches_.end() || found->second.generation != events[i].data.u64 >> 32) continue;
      auto handler = found->second.handler;
      (*handler)(events[i].events);
    }
    if (count < static_cast<int>(events.size())) run_due_timers();
  }
}

}  // namespace workload
