#pragma once
// The unix socket over which the lab gives jobs to a workload process.
#include <string>

#include "loop.h"

namespace workload {

/**
 * Takes jobs, one a line, `<index> <TCP|UDP|ICMP>[*] <address> <port>`; a star makes it endless. An empty line ends the list. Each result is one line,
 * `<index> <ok|timeout|refused|unreachable|unsupported> <microseconds> <source port> <reply>`, in the order of arrival. Closed when all jobs have ended.
 * Endless ones end when the other side closes. Where it has only closed its half, they ask no more, late answers are waited for half a second, and each job's last line is
 * `<index> asked <how often>`.
 */
void take_jobs(Loop &loop, const std::string &socket_path);

}  // namespace workload
