#include "handle.h"

#include <algorithm>

namespace bpf_native {

void require_kind(const char *op, const Fd &fd, const char *kind, const std::string &object) {
  char target[64] = {};
  std::string link = "/proc/self/fd/" + std::to_string(fd.get());
  if (readlink(link.c_str(), target, sizeof(target) - 1) < 0) throw Failure{op, object, errno, "", ""};
  std::string found = target;
  std::replace(found.begin(), found.end(), '_', '-');  // links were called bpf_link until 6.8
  if (found != std::string("anon-inode:") + kind) throw Failure{op, object, EINVAL, "is " + std::string(target) + ", expected " + kind, ""};
}

}  // namespace bpf_native
