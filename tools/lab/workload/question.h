#pragma once
// What a probe asks over each protocol.
#include <optional>
#include <string>
#include <string_view>

#include "prober.h"

namespace workload {

/** A connected socket for a job; negative with errno set when there can't be one. A TCP connection may still be under way. */
int connect_for(const Job &job);

/** Sends the question; false with errno set when it can't be sent. `sequence` numbers echo requests. `keep_open`: more will follow on this connection. */
bool ask(int fd, const Job &job, uint16_t sequence, bool keep_open);

/** Text of a datagram that answers; nothing when it is something else. */
std::optional<std::string> datagram_reply(const Job &job, std::string_view bytes);

/** What an errno says of the way to the other end. */
const char *error_name(int error);

}  // namespace workload
