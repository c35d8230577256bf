#pragma once
// A map of the kernel, by its file descriptor.
#include <linux/bpf.h>

#include <memory>
#include <string>

#include "handle.h"

namespace bpf_native {

struct Map {
  static constexpr napi_type_tag tag = {0x6d79656c696e4d41, 0x5000000000000001};
  static constexpr const char *noun = "map";

  Fd fd;
  std::string name;
  bpf_map_info info;
  /** Bytes of a value as user space sees it: one slot of 8-byte multiples a possible CPU in per-CPU maps. */
  size_t value_size;
};

/** Takes over `fd` and asks the kernel what it is. `name` is for messages; the kernel's own, cut at 15 characters, when empty. */
std::shared_ptr<Map> map_from_fd(const char *op, Fd fd, std::string name);

/** Number of possible CPUs. */
size_t possible_cpus();

}  // namespace bpf_native
