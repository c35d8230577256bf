#pragma once
// A BPF object file, from open to load.
#include <bpf/libbpf.h>

#include <atomic>
#include <string>

#include "handle.h"

namespace bpf_native {

struct Object {
  static constexpr napi_type_tag tag = {0x6d79656c696e4f42, 0x4a00000000000002};
  static constexpr const char *noun = "object";

  bpf_object *object;
  std::string name;
  bool loaded = false;
  /** Set while another thread loads: libbpf's objects know no locks. */
  std::atomic<bool> loading = false;

  Object(bpf_object *taken, std::string named) : object(taken), name(std::move(named)) {}
  ~Object() { bpf_object__close(object); }
};

}  // namespace bpf_native
