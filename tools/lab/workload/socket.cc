#include "socket.h"

#include <arpa/inet.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace workload {

Fd::~Fd() {
  if (value_ >= 0) close(value_);
}

void fail(const std::string &what) {
  fprintf(stderr, "%s: %s\n", what.c_str(), strerror(errno));
  exit(1);
}

std::string SocketAddress::text() const {
  char buffer[INET6_ADDRSTRLEN];
  if (family() == AF_INET) return inet_ntop(AF_INET, &v4.sin_addr, buffer, sizeof buffer);
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) return inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], buffer, sizeof buffer);
  return inet_ntop(AF_INET6, &v6.sin6_addr, buffer, sizeof buffer);
}

std::optional<SocketAddress> parse_address(const std::string &text, uint16_t port) {
  SocketAddress address{};
  if (inet_pton(AF_INET, text.c_str(), &address.v4.sin_addr) == 1) {
    address.v4.sin_family = AF_INET;
    address.v4.sin_port = htons(port);
    return address;
  }
  address = {};
  if (inet_pton(AF_INET6, text.c_str(), &address.v6.sin6_addr) != 1) return std::nullopt;
  address.v6.sin6_family = AF_INET6;
  address.v6.sin6_port = htons(port);
  return address;
}

SocketAddress name_of(int fd, int (*ask)(int, sockaddr *, socklen_t *)) {
  SocketAddress address{};
  socklen_t size = sizeof address.v6;
  ask(fd, &address.base, &size);
  return address;
}

sockaddr_un unix_address(const std::string &path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  errno = ENAMETOOLONG;
  if (path.size() >= sizeof address.sun_path) fail(path);
  memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

int open_socket(int family, int type, int protocol) { return socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol); }

int listen_at(const SocketAddress &address, int type) {
  const std::string what = (type == SOCK_STREAM ? "TCP port " : "UDP port ") + std::to_string(address.port());
  int fd = open_socket(address.family(), type);
  if (fd < 0) fail(what);
  int on = 1, off = 0, buffer = 1 << 20;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.family() == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  // A thousand probes may come at once.
  if (type == SOCK_DGRAM) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  if (bind(fd, &address.base, address.size()) != 0) fail(what);
  if (type == SOCK_STREAM && listen(fd, 4096) != 0) fail(what);
  return fd;
}

void report_icmp_errors(int fd, int family) {
  int on = 1;
  if (family == AF_INET) setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
  else setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
}

int take_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

}  // namespace workload
