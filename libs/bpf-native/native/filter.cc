// clsact filters: how a program hangs on an interface where the kernel has no tcx (before 6.6), or at once: no grace period is waited for.
// Changes take the kernel's network lock, which others may hold for long: off the main thread, as in link.cc.
#include <bpf/libbpf.h>
#include <string.h>

#include "boundary.h"
#include "program.h"
#include "registry.h"

namespace bpf_native {
namespace {

std::string interface_name(uint32_t ifindex) { return "interface " + std::to_string(ifindex); }

/** Where a filter sits, as plain values: libbpf refuses its own structs when their padding isn't zero, and a copy needn't keep that. */
struct Place {
  uint32_t ifindex;
  bpf_tc_attach_point direction;
  uint32_t handle = 0;
  uint32_t priority = 0;
};

/** Arguments `ifindex, egress, handle, priority`, from `index` on. */
Place place_at(const Napi::CallbackInfo &info, size_t index) {
  return {number_at(info, index, "ifindex"), number_at(info, index + 1, "egress") != 0 ? BPF_TC_EGRESS : BPF_TC_INGRESS,
          number_at(info, index + 2, "handle"), number_at(info, index + 3, "priority")};
}

/** libbpf's form of a place. */
struct Request {
  bpf_tc_hook hook;
  bpf_tc_opts options;

  explicit Request(const Place &place) {
    memset(this, 0, sizeof(*this));
    hook.sz = sizeof(hook);
    hook.ifindex = static_cast<int>(place.ifindex);
    hook.attach_point = place.direction;
    options.sz = sizeof(options);
    options.handle = place.handle;
    options.priority = place.priority;
  }
};

/** No filter, no qdisc (EINVAL), no interface. */
bool is_missing(int result) { return result == -ENOENT || result == -EINVAL || result == -ENODEV; }

/** What a removal came to: false where there was nothing to remove. */
Settle removed(int result, const char *op, uint32_t ifindex) {
  if (result != 0 && !is_missing(result)) throw Failure{op, interface_name(ifindex), -result, "", ""};
  return [was_there = result == 0](Napi::Env env) { return Napi::Boolean::New(env, was_there); };
}

// filterAttach(program, ifindex, egress, handle, priority): Promise
Napi::Value attach(const Napi::CallbackInfo &info) {
  auto program = use<Program>(info[0], "filter.attach");
  return run_off_thread(info.Env(), {}, [program, place = place_at(info, 1)]() -> Settle {
    Request request(place);
    request.options.prog_fd = program->fd.get();
    request.options.flags = BPF_TC_F_REPLACE;
    LogCapture log;
    int result = bpf_tc_hook_create(&request.hook);  // -EEXIST: the qdisc is there, another's or ours
    if (result == 0 || result == -EEXIST) result = bpf_tc_attach(&request.hook, &request.options);
    if (result != 0) throw Failure{"filter.attach", program->name + " on " + interface_name(place.ifindex), -result, "", ""};
    return undefined;
  });
}

// filterDetach(ifindex, egress, handle, priority): Promise<boolean>
Napi::Value detach(const Napi::CallbackInfo &info) {
  return run_off_thread(info.Env(), {}, [place = place_at(info, 0)]() -> Settle {
    Request request(place);
    LogCapture log;
    return removed(bpf_tc_detach(&request.hook, &request.options), "filter.detach", place.ifindex);
  });
}

// filterProgram(ifindex, egress, handle, priority)
Napi::Value attached(const Napi::CallbackInfo &info) {
  Place place = place_at(info, 0);
  Request request(place);
  LogCapture log;
  int result = bpf_tc_query(&request.hook, &request.options);
  if (result == 0) return Napi::Number::New(info.Env(), request.options.prog_id);
  if (is_missing(result)) return info.Env().Null();
  throw Failure{"filter.program", interface_name(place.ifindex), -result, "", ""};
}

// clsactRemove(ifindex): Promise<boolean>
Napi::Value remove_clsact(const Napi::CallbackInfo &info) {
  Place place = {number_at(info, 0, "ifindex"), static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS)};
  return run_off_thread(info.Env(), {}, [place]() -> Settle {
    Request request(place);
    LogCapture log;
    return removed(bpf_tc_hook_destroy(&request.hook), "clsact.remove", place.ifindex);
  });
}

}  // namespace

void export_filter(Napi::Object exports) {
  export_function<attach>(exports, "filterAttach");
  export_function<detach>(exports, "filterDetach");
  export_function<attached>(exports, "filterProgram");
  export_function<remove_clsact>(exports, "clsactRemove");
}

}  // namespace bpf_native
