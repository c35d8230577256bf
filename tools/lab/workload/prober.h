#pragma once
// Probes: one question to another place, one answer or the reason why there is none.
#include <functional>
#include <string>

#include "loop.h"
#include "socket.h"

namespace workload {

struct Job {
  enum class Protocol { tcp, udp, icmp };
  Protocol protocol;
  /** With port 0 for ICMP. */
  SocketAddress address;
  /** Goes on asking until it is stopped or the connection ends; see `talk`. */
  bool endless;
};

struct Outcome {
  /** Null when a reply came, else timeout, refused, unreachable or unsupported. */
  const char *error;
  int64_t microseconds;
  /** 0 for ICMP. */
  uint16_t source_port;
  std::string reply;
};

using Report = std::function<void(const Outcome &)>;
using Stop = std::function<void()>;

/** A talk under way. */
struct Conversation {
  Stop stop;
  /** Asks no more; what is answered late is still reported. */
  Stop fall_silent;
  /** How often it has asked. */
  std::function<uint64_t()> asked;
};

/** Asks once, within a second; a datagram that gets no answer is sent again twice. Reports exactly once. */
void probe(Loop &loop, const Job &job, Report report);

/**
 * Asks every 10 ms over one connection or from one port. Reports every reply; an error only when the connection has ended, or can't be made within a
 * second.
 */
Conversation talk(Loop &loop, const Job &job, Report report);

}  // namespace workload
