#pragma once
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <optional>
#include <string>
#include <utility>

namespace workload {

/** Owns one file descriptor. */
class Fd {
 public:
  explicit Fd(int value) : value_(value) {}
  Fd(Fd &&other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Fd &operator=(Fd &&) = delete;
  ~Fd();
  int get() const { return value_; }

 private:
  int value_;
};

/** Ends the process with what errno says of `what`. */
[[noreturn]] void fail(const std::string &what);

/** An IPv4 or IPv6 address with a port. */
struct SocketAddress {
  union {
    sockaddr base;
    sockaddr_in v4;
    sockaddr_in6 v6;
  };
  socklen_t size() const { return family() == AF_INET ? sizeof v4 : sizeof v6; }
  int family() const { return base.sa_family; }
  /** Without the port; an IPv4 address mapped into IPv6 as the IPv4 address. */
  std::string text() const;
  uint16_t port() const { return ntohs(family() == AF_INET ? v4.sin_port : v6.sin6_port); }
};

/** Nothing when `text` is no address. */
std::optional<SocketAddress> parse_address(const std::string &text, uint16_t port);
/** The address that `getsockname` or `getpeername` tells. */
SocketAddress name_of(int fd, int (*ask)(int, sockaddr *, socklen_t *));
/** The address of a unix socket; ends the process when the path is too long. */
sockaddr_un unix_address(const std::string &path);

/** A socket that never blocks; negative with errno set when there can't be one. */
int open_socket(int family, int type, int protocol = 0);
/** A socket that listens (TCP) or is bound (UDP) here; ends the process when it can't. */
int listen_at(const SocketAddress &address, int type);
/** Turns ICMP errors into errors of this socket, soft ones too. */
void report_icmp_errors(int fd, int family);
/** The pending error of a socket, and clears it. */
int take_error(int fd);

}  // namespace workload
