// BPF links: how a program hangs on an interface by tcx. libbpf 1.1 passes attach types through that it does not know.
// What takes the kernel's network lock (RTNL) works off the main thread: anyone may hold it, and attaching and detaching hold it
// themselves for a whole RCU grace period (tcx_entry_sync), 10 ms and more.
#include <bpf/bpf.h>

#include "boundary.h"
#include "program.h"
#include "registry.h"

namespace bpf_native {
namespace {

struct Link {
  static constexpr napi_type_tag tag = {0x6d79656c696e4c49, 0x4e4b000000000004};
  static constexpr const char *noun = "link";

  Fd fd;
  std::string name;
};

/** `struct bpf_link_info.tcx` (6.6), which Debian 12's headers lack. */
struct TcxInfo {
  uint32_t ifindex;
  uint32_t attach_type;
};

// linkCreate(program, ifindex, attachType): Promise<link>
Napi::Value create(const Napi::CallbackInfo &info) {
  auto program = use<Program>(info[0], "link.create");
  uint32_t ifindex = number_at(info, 1, "ifindex");
  auto type = static_cast<bpf_attach_type>(number_at(info, 2, "attachType"));
  return run_off_thread(info.Env(), {}, [=]() -> Settle {
    std::string name = program->name + " on interface " + std::to_string(ifindex);
    int fd = bpf_link_create(program->fd.get(), ifindex, type, nullptr);
    if (fd < 0) throw Failure{"link.create", name, errno, "", ""};
    auto link = std::make_shared<Link>(Link{Fd(fd), name});
    return [link](Napi::Env env) { return wrap(env, link); };
  });
}

// linkOpenPinned(path)
Napi::Value open_pinned(const Napi::CallbackInfo &info) {
  std::string path = string_at(info, 0, "path");
  int raw = bpf_obj_get(path.c_str());
  if (raw < 0) throw Failure{"link.openPinned", path, errno, "", ""};
  Fd fd(raw);
  require_kind("link.openPinned", fd, "bpf-link", path);
  return wrap(info.Env(), std::make_shared<Link>(Link{std::move(fd), path}));
}

// linkPin(link, path)
Napi::Value pin(const Napi::CallbackInfo &info) {
  auto link = use<Link>(info[0], "link.pin");
  std::string path = string_at(info, 1, "path");
  if (bpf_obj_pin(link->fd.get(), path.c_str()) != 0) throw Failure{"link.pin", link->name, errno, path + ": " + strerror(errno), ""};
  return info.Env().Undefined();
}

// linkUpdate(link, program): Promise
Napi::Value update(const Napi::CallbackInfo &info) {
  auto link = use<Link>(info[0], "link.update");
  auto program = use<Program>(info[1], "link.update");
  return run_off_thread(info.Env(), {}, [=]() -> Settle {
    if (bpf_link_update(link->fd.get(), program->fd.get(), nullptr) != 0) throw Failure{"link.update", link->name, errno, "", ""};
    return undefined;
  });
}

// linkDetach(link): Promise
Napi::Value detach(const Napi::CallbackInfo &info) {
  auto link = use<Link>(info[0], "link.detach");
  return run_off_thread(info.Env(), {}, [=]() -> Settle {
    if (bpf_link_detach(link->fd.get()) != 0) throw Failure{"link.detach", link->name, errno, "", ""};
    return undefined;
  });
}

// linkInfo(link)
Napi::Value link_info(const Napi::CallbackInfo &info) {
  auto link = use<Link>(info[0], "link.info");
  bpf_link_info kernel = {};
  uint32_t size = sizeof(kernel);
  if (bpf_obj_get_info_by_fd(link->fd.get(), &kernel, &size) != 0) throw Failure{"link.info", link->name, errno, "", ""};
  TcxInfo tcx;
  memcpy(&tcx, &kernel.xdp, sizeof(tcx));  // all members of the union begin at one place
  Napi::Object result = Napi::Object::New(info.Env());
  result["id"] = kernel.id;
  result["programId"] = kernel.prog_id;
  result["ifindex"] = tcx.ifindex;
  result["attachType"] = tcx.attach_type;
  return result;
}

// tcxPrograms(ifindex, attachType)
Napi::Value attached(const Napi::CallbackInfo &info) {
  uint32_t ids[64];
  uint32_t ifindex = number_at(info, 0, "ifindex");
  LIBBPF_OPTS(bpf_prog_query_opts, query, .prog_ids = ids, .prog_cnt = 64);
  if (bpf_prog_query_opts(static_cast<int>(ifindex), static_cast<bpf_attach_type>(number_at(info, 1, "attachType")), &query) != 0)
    throw Failure{"tcx.programs", "interface " + std::to_string(ifindex), errno, "", ""};
  Napi::Array result = Napi::Array::New(info.Env());
  for (uint32_t i = 0; i < query.prog_cnt; i++) result[i] = ids[i];
  return result;
}

}  // namespace

void export_link(Napi::Object exports) {
  export_function<create>(exports, "linkCreate");
  export_function<open_pinned>(exports, "linkOpenPinned");
  export_function<pin>(exports, "linkPin");
  export_function<close_handle<Link>>(exports, "linkClose");
  export_function<update>(exports, "linkUpdate");
  export_function<detach>(exports, "linkDetach");
  export_function<link_info>(exports, "linkInfo");
  export_function<attached>(exports, "tcxPrograms");
}

}  // namespace bpf_native
