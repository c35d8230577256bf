// What runs in a pod that names no command of its own, on nodes and on the outside host: the test server, and the sender of that place's probes.
// C++ because there is one in every pod: 4 MiB and 2 ms each, where Node takes 60 MiB and 70 ms; and Node has no ICMP sockets.
#include <getopt.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "control.h"
#include "loop.h"
#include "server.h"

namespace {

constexpr const char *kUsage =
    "usage: workload --name NAME --socket PATH [--address ADDRESS]… [--tcp PORT]… [--http PORT]… [--udp PORT]…\n"
    "  Serves on the ports (of all addresses, or of those named), takes probes on the socket, and says \"ready\" on descriptor 3.\n";
constexpr int kReadyDescriptor = 3;

struct Port {
  int option;
  uint16_t number;
};

struct Options {
  std::string name, socket;
  std::vector<std::string> addresses;
  std::vector<Port> ports;
};

[[noreturn]] void refuse() {
  fputs(kUsage, stderr);
  exit(2);
}

Options read_options(int count, char **words) {
  const option known[] = {{"name", 1, nullptr, 'n'}, {"socket", 1, nullptr, 's'}, {"address", 1, nullptr, 'a'}, {"tcp", 1, nullptr, 't'},
                          {"http", 1, nullptr, 'h'}, {"udp", 1, nullptr, 'u'},    {nullptr, 0, nullptr, 0}};
  Options options;
  for (int option; (option = getopt_long(count, words, "", known, nullptr)) != -1;) {
    if (option == 'n') options.name = optarg;
    else if (option == 's') options.socket = optarg;
    else if (option == 'a') options.addresses.push_back(optarg);
    else if (option == '?') refuse();
    else options.ports.push_back({option, static_cast<uint16_t>(atoi(optarg))});
  }
  if (options.name.empty() || options.socket.empty() || optind != count) refuse();
  if (options.addresses.empty()) options.addresses.push_back("::");
  return options;
}

void serve(workload::Loop &loop, const Options &options) {
  for (const auto &[option, number] : options.ports) {
    for (const std::string &text : options.addresses) {
      auto address = workload::parse_address(text, number);
      if (!address || number == 0) refuse();
      if (option == 'u') workload::serve_udp(loop, options.name, *address);
      else workload::serve_tcp(loop, options.name, *address, option == 'h' ? workload::Speech::http : workload::Speech::plain);
    }
  }
}

}  // namespace

int main(int count, char **words) {
  Options options = read_options(count, words);
  // A thousand probes at once need a thousand descriptors.
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  workload::Loop loop;
  serve(loop, options);
  workload::take_jobs(loop, options.socket);
  if (write(kReadyDescriptor, "ready\n", 6) == 6) close(kReadyDescriptor);
  loop.run();
}
