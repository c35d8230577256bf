#include "question.h"

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "http.h"

namespace workload {
namespace {

int open_for(const Job &job) {
  int family = job.address.family();
  if (job.protocol == Job::Protocol::tcp) return open_socket(family, SOCK_STREAM);
  if (job.protocol == Job::Protocol::udp) return open_socket(family, SOCK_DGRAM);
  // The kernel's ping sockets (icmp(7)): it fills in identifier and checksum, and hands us our replies alone.
  return open_socket(family, SOCK_DGRAM, family == AF_INET ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6});
}

std::string echo_request(int family, uint16_t sequence) {
  // Both families lay out type, code, checksum, identifier and sequence alike.
  icmphdr header{};
  header.type = family == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
  header.un.echo.sequence = htons(sequence);
  return std::string(reinterpret_cast<const char *>(&header), sizeof header) + "lab probe";
}

}  // namespace

int connect_for(const Job &job) {
  int fd = open_for(job);
  if (fd < 0) return -1;
  report_icmp_errors(fd, job.address.family());
  if (connect(fd, &job.address.base, job.address.size()) == 0 || errno == EINPROGRESS) return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

bool ask(int fd, const Job &job, uint16_t sequence, bool keep_open) {
  std::string question = "probe\n";
  if (job.protocol == Job::Protocol::icmp) question = echo_request(job.address.family(), sequence);
  if (job.protocol == Job::Protocol::tcp) {
    question = keep_open ? "GET / HTTP/1.1\r\nHost: probe\r\n\r\n" : "GET / HTTP/1.0\r\nHost: probe\r\n\r\n";
  }
  return send(fd, question.data(), question.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(question.size());
}

std::optional<std::string> datagram_reply(const Job &job, std::string_view bytes) {
  if (job.protocol == Job::Protocol::udp) return reply_text(bytes);
  if (bytes.empty()) return std::nullopt;
  uint8_t expected = job.address.family() == AF_INET ? uint8_t{ICMP_ECHOREPLY} : uint8_t{ICMP6_ECHO_REPLY};
  if (static_cast<uint8_t>(bytes[0]) != expected) return std::nullopt;
  return "echo reply from " + job.address.text();
}

const char *error_name(int error) {
  switch (error) {
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
      return "refused";
    case ETIMEDOUT:
      return "timeout";
    // No ping sockets for us (net.ipv4.ping_group_range), or a protocol that this kernel lacks.
    case EACCES:
    case EPROTONOSUPPORT:
    case EAFNOSUPPORT:
      return "unsupported";
    default:
      return "unreachable";
  }
}

}  // namespace workload
