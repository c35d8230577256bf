#pragma once
// A loaded program, by its file descriptor.
#include <linux/bpf.h>

#include <memory>
#include <string>

#include "handle.h"

namespace bpf_native {

struct Program {
  static constexpr napi_type_tag tag = {0x6d79656c696e5052, 0x4f47000000000003};
  static constexpr const char *noun = "program";

  Fd fd;
  std::string name;
};

/** Takes over `fd`. `name` is for messages. */
std::shared_ptr<Program> program_from_fd(const char *op, Fd fd, std::string name);

}  // namespace bpf_native
