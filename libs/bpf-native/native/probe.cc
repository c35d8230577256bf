// What this kernel can do: 1 yes, 0 no; a probe that could not be made is a Failure, never a no.
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "boundary.h"
#include "handle.h"
#include "registry.h"

namespace bpf_native {
namespace {

constexpr int kInternalNotSupported = 524;
constexpr int kNoSuchInterface = 0x7fffffff;
constexpr auto kTcxIngress = static_cast<bpf_attach_type>(46);

/** libbpf answers "no" where we lack the right to ask: ask for something that every kernel has, first. */
void require_privilege(const char *op) {
  int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "probe", 4, 4, 1, nullptr);
  if (fd < 0) throw Failure{op, "bpf", errno, "", ""};
  Fd closes(fd);
}

template <typename Probe>
Napi::Value run_probe(const Napi::CallbackInfo &info, const char *op, Probe probe) {
  return run_off_thread(info.Env(), {}, [op, probe]() -> Settle {
    LogCapture log;
    require_privilege(op);
    int result = probe();
    if (result < 0) throw Failure{op, "bpf", -result, "", ""};
    return [result](Napi::Env env) { return Napi::Boolean::New(env, result > 0); };
  });
}

// probeMapType(type): Promise
Napi::Value map_type(const Napi::CallbackInfo &info) {
  auto type = static_cast<bpf_map_type>(number_at(info, 0, "type"));
  return run_probe(info, "probe.mapType", [type] { return libbpf_probe_bpf_map_type(type, nullptr); });
}

// probeProgramType(type): Promise
Napi::Value program_type(const Napi::CallbackInfo &info) {
  auto type = static_cast<bpf_prog_type>(number_at(info, 0, "type"));
  return run_probe(info, "probe.programType", [type] { return libbpf_probe_bpf_prog_type(type, nullptr); });
}

// probeHelper(programType, helper): Promise
Napi::Value helper(const Napi::CallbackInfo &info) {
  auto type = static_cast<bpf_prog_type>(number_at(info, 0, "programType"));
  auto id = static_cast<bpf_func_id>(number_at(info, 1, "helper"));
  return run_probe(info, "probe.helper", [type, id] { return libbpf_probe_bpf_helper(type, id, nullptr); });
}

// probeKernelFunction(name): Promise
Napi::Value kernel_function(const Napi::CallbackInfo &info) {
  std::string name = string_at(info, 0, "name");
  return run_probe(info, "probe.kernelFunction", [name] {
    btf *types = btf__load_vmlinux_btf();
    if (types == nullptr) return -errno;
    int id = btf__find_by_name_kind(types, name.c_str(), BTF_KIND_FUNC);
    btf__free(types);
    return id > 0 ? 1 : (id == -ENOENT ? 0 : id);
  });
}

// probeKernelBtf(): Promise
Napi::Value kernel_btf(const Napi::CallbackInfo &info) {
  return run_probe(info, "probe.kernelBtf", [] {
    btf *types = btf__load_vmlinux_btf();
    if (types == nullptr) return errno == ENOENT || errno == ESRCH ? 0 : -errno;
    btf__free(types);
    return 1;
  });
}

// probeTcx(): Promise
Napi::Value tcx(const Napi::CallbackInfo &info) {
  return run_probe(info, "probe.tcx", [] {
    const bpf_insn accept[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = 0},
                               {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
    int program = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "probe", "GPL", accept, 2, nullptr);
    if (program < 0) return -errno;
    Fd closes(program);
    // A kernel with tcx misses the interface, one without refuses the attach type.
    int link = bpf_link_create(program, kNoSuchInterface, kTcxIngress, nullptr);
    return link == -ENODEV ? 1 : (link == -EINVAL ? 0 : link);
  });
}

// probeMapBatch(type): Promise
Napi::Value map_batch(const Napi::CallbackInfo &info) {
  auto type = static_cast<bpf_map_type>(number_at(info, 0, "type"));
  return run_probe(info, "probe.mapBatch", [type] {
    bool trie = type == BPF_MAP_TYPE_LPM_TRIE;
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = trie ? static_cast<uint32_t>(BPF_F_NO_PREALLOC) : 0);
    int map = bpf_map_create(type, "probe", trie ? 8 : 4, 4, 1, &options);
    if (map < 0) return -errno;
    Fd closes(map);
    uint32_t key[2] = {0, 0}, value = 0, count = 1;
    int result = bpf_map_update_batch(map, key, &value, &count, nullptr);
    if (result == 0) return 1;
    return result == -kInternalNotSupported || result == -EOPNOTSUPP || result == -EINVAL ? 0 : result;
  });
}

}  // namespace

void export_probe(Napi::Object exports) {
  export_function<map_type>(exports, "probeMapType");
  export_function<program_type>(exports, "probeProgramType");
  export_function<helper>(exports, "probeHelper");
  export_function<kernel_function>(exports, "probeKernelFunction");
  export_function<kernel_btf>(exports, "probeKernelBtf");
  export_function<tcx>(exports, "probeTcx");
  export_function<map_batch>(exports, "probeMapBatch");
}

}  // namespace bpf_native
