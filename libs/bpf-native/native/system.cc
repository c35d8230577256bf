// The few questions about the machine that go with BPF: interfaces and the BPF file system.
#include <linux/magic.h>
#include <net/if.h>
#include <sys/mount.h>
#include <sys/vfs.h>

#include "boundary.h"
#include "registry.h"

namespace bpf_native {
namespace {

// interfaceIndex(name)
Napi::Value interface_index(const Napi::CallbackInfo &info) {
  uint32_t index = if_nametoindex(string_at(info, 0, "name").c_str());
  return index == 0 ? info.Env().Null() : Napi::Number::New(info.Env(), index);
}

// interfaceName(ifindex)
Napi::Value interface_name(const Napi::CallbackInfo &info) {
  char name[IF_NAMESIZE];
  return if_indextoname(number_at(info, 0, "ifindex"), name) == nullptr ? info.Env().Null() : Napi::String::New(info.Env(), name);
}

// isBpfFileSystem(path)
Napi::Value is_bpf_file_system(const Napi::CallbackInfo &info) {
  struct statfs about = {};
  bool is = statfs(string_at(info, 0, "path").c_str(), &about) == 0 && static_cast<uint32_t>(about.f_type) == BPF_FS_MAGIC;
  return Napi::Boolean::New(info.Env(), is);
}

// mountBpfFileSystem(path)
Napi::Value mount_bpf_file_system(const Napi::CallbackInfo &info) {
  std::string path = string_at(info, 0, "path");
  if (mount("bpf", path.c_str(), "bpf", 0, "mode=0700") != 0) throw Failure{"bpfFileSystem.mount", path, errno, "", ""};
  return info.Env().Undefined();
}

// unmountBpfFileSystem(path)
Napi::Value unmount_bpf_file_system(const Napi::CallbackInfo &info) {
  std::string path = string_at(info, 0, "path");
  if (umount2(path.c_str(), 0) != 0) throw Failure{"bpfFileSystem.unmount", path, errno, "", ""};
  return info.Env().Undefined();
}

}  // namespace

void export_system(Napi::Object exports) {
  export_function<interface_index>(exports, "interfaceIndex");
  export_function<interface_name>(exports, "interfaceName");
  export_function<is_bpf_file_system>(exports, "isBpfFileSystem");
  export_function<mount_bpf_file_system>(exports, "mountBpfFileSystem");
  export_function<unmount_bpf_file_system>(exports, "unmountBpfFileSystem");
}

}  // namespace bpf_native
