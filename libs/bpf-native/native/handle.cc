#include "handle.h"

namespace bpf_native {

void require_kind(const char *op, const Fd &fd, const char *kind, const std::string &object) {
  char target[64] = {};
  std::string link = "/proc/self/fd/" + std::to_string(fd.get());
  if (readlink(link.c_str(), target, sizeof(target) - 1) < 0) throw Failure{op, object, errno, "", ""};
  if (std::string(target) != std::string("anon_inode:") + kind)
    throw Failure{op, object, EINVAL, "is " + std::string(target) + ", expected " + kind, ""};
}

}  // namespace bpf_native
