// clsact filters: how a program hangs on an interface where the kernel has no tcx (before 6.6).
#include <bpf/libbpf.h>

#include "boundary.h"
#include "program.h"
#include "registry.h"

namespace bpf_native {
namespace {

std::string interface_name(uint32_t ifindex) { return "interface " + std::to_string(ifindex); }

bpf_tc_hook hook_at(const Napi::CallbackInfo &info, size_t index) {
  bpf_tc_hook hook = {};
  hook.sz = sizeof(hook);
  hook.ifindex = static_cast<int>(number_at(info, index, "ifindex"));
  hook.attach_point = number_at(info, index + 1, "egress") != 0 ? BPF_TC_EGRESS : BPF_TC_INGRESS;
  return hook;
}

bpf_tc_opts options_at(const Napi::CallbackInfo &info, size_t index) {
  bpf_tc_opts options = {};
  options.sz = sizeof(options);
  options.handle = number_at(info, index, "handle");
  options.priority = number_at(info, index + 1, "priority");
  return options;
}

// filterAttach(program, ifindex, egress, handle, priority)
Napi::Value attach(const Napi::CallbackInfo &info) {
  auto program = use<Program>(info[0], "filter.attach");
  bpf_tc_hook hook = hook_at(info, 1);
  bpf_tc_opts options = options_at(info, 3);
  options.prog_fd = program->fd.get();
  options.flags = BPF_TC_F_REPLACE;
  LogCapture log;
  int result = bpf_tc_hook_create(&hook);  // -EEXIST: the qdisc is there, another's or ours
  if (result == 0 || result == -EEXIST) result = bpf_tc_attach(&hook, &options);
  if (result != 0) throw Failure{"filter.attach", program->name + " on " + interface_name(hook.ifindex), -result, "", ""};
  return info.Env().Undefined();
}

// filterDetach(ifindex, egress, handle, priority)
Napi::Value detach(const Napi::CallbackInfo &info) {
  bpf_tc_hook hook = hook_at(info, 0);
  bpf_tc_opts options = options_at(info, 2);
  LogCapture log;
  int result = bpf_tc_detach(&hook, &options);
  if (result == 0) return Napi::Boolean::New(info.Env(), true);
  // No filter, no qdisc (EINVAL), no interface.
  if (result == -ENOENT || result == -EINVAL || result == -ENODEV) return Napi::Boolean::New(info.Env(), false);
  throw Failure{"filter.detach", interface_name(hook.ifindex), -result, "", ""};
}

// filterProgram(ifindex, egress, handle, priority)
Napi::Value attached(const Napi::CallbackInfo &info) {
  bpf_tc_hook hook = hook_at(info, 0);
  bpf_tc_opts options = options_at(info, 2);
  LogCapture log;
  int result = bpf_tc_query(&hook, &options);
  if (result == 0) return Napi::Number::New(info.Env(), options.prog_id);
  if (result == -ENOENT || result == -EINVAL || result == -ENODEV) return info.Env().Null();
  throw Failure{"filter.program", interface_name(hook.ifindex), -result, "", ""};
}

// clsactRemove(ifindex)
Napi::Value remove_clsact(const Napi::CallbackInfo &info) {
  bpf_tc_hook hook = {};
  hook.sz = sizeof(hook);
  hook.ifindex = static_cast<int>(number_at(info, 0, "ifindex"));
  hook.attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS);
  LogCapture log;
  int result = bpf_tc_hook_destroy(&hook);
  if (result == 0) return Napi::Boolean::New(info.Env(), true);
  if (result == -ENOENT || result == -EINVAL || result == -ENODEV) return Napi::Boolean::New(info.Env(), false);
  throw Failure{"clsact.remove", interface_name(hook.ifindex), -result, "", ""};
}

}  // namespace

void export_filter(Napi::Object exports) {
  export_function<attach>(exports, "filterAttach");
  export_function<detach>(exports, "filterDetach");
  export_function<attached>(exports, "filterProgram");
  export_function<remove_clsact>(exports, "clsactRemove");
}

}  // namespace bpf_native
