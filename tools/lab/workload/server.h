#pragma once
// The test server: answers with its name and the client's address.
#include <string>
#include <vector>

#include "loop.h"
#include "socket.h"

namespace workload {

/** How a TCP port speaks. */
enum class Speech {
  /** HTTP only. */
  http,
  /** A line for each line; HTTP to a client that sends a request; unasked to one that says nothing for a moment. */
  plain,
};

/** Answers each datagram. */
void serve_udp(Loop &loop, const std::string &name, const SocketAddress &address);
/** Answers each connection's requests or lines until the client closes it. */
void serve_tcp(Loop &loop, const std::string &name, const SocketAddress &address, Speech speech);

}  // namespace workload
