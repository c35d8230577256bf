#include "map.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "boundary.h"
#include "registry.h"

namespace bpf_native {
namespace {

bool is_per_cpu(uint32_t type) {
  return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY || type == BPF_MAP_TYPE_LRU_PERCPU_HASH ||
         type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE;
}

Failure failure(const char *op, const Map &map) { return {op, map.name, errno, "", ""}; }

// mapCreate(type, name, keySize, valueSize, maxEntries, flags)
Napi::Value create(const Napi::CallbackInfo &info) {
  std::string name = string_at(info, 1, "name");
  LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = number_at(info, 5, "flags"));
  int fd = bpf_map_create(static_cast<bpf_map_type>(number_at(info, 0, "type")), name.substr(0, 15).c_str(), number_at(info, 2, "keySize"),
                          number_at(info, 3, "valueSize"), number_at(info, 4, "maxEntries"), &options);
  if (fd < 0) throw Failure{"map.create", name, errno, "", ""};
  return wrap(info.Env(), map_from_fd("map.create", Fd(fd), name));
}

// mapOpenPinned(path)
Napi::Value open_pinned(const Napi::CallbackInfo &info) {
  std::string path = string_at(info, 0, "path");
  int fd = bpf_obj_get(path.c_str());
  if (fd < 0) throw Failure{"map.openPinned", path, errno, "", ""};
  return wrap(info.Env(), map_from_fd("map.openPinned", Fd(fd), path));
}

// mapOpenId(id)
Napi::Value open_id(const Napi::CallbackInfo &info) {
  uint32_t id = number_at(info, 0, "id");
  int fd = bpf_map_get_fd_by_id(id);
  if (fd < 0) throw Failure{"map.openId", std::to_string(id), errno, "", ""};
  return wrap(info.Env(), map_from_fd("map.openId", Fd(fd), ""));
}

// mapPin(map, path)
Napi::Value pin(const Napi::CallbackInfo &info) {
  auto map = use<Map>(info[0], "map.pin");
  std::string path = string_at(info, 1, "path");
  if (bpf_obj_pin(map->fd.get(), path.c_str()) != 0) throw Failure{"map.pin", map->name, errno, path + ": " + strerror(errno), ""};
  return info.Env().Undefined();
}

// mapInfo(map)
Napi::Value map_info(const Napi::CallbackInfo &info) {
  auto map = use<Map>(info[0], "map.info");
  Napi::Object result = Napi::Object::New(info.Env());
  result["id"] = map->info.id;
  result["type"] = map->info.type;
  result["name"] = map->name;
  result["keySize"] = map->info.key_size;
  result["valueSize"] = map->info.value_size;
  result["userValueSize"] = static_cast<double>(map->value_size);
  result["maxEntries"] = map->info.max_entries;
  result["flags"] = map->info.map_flags;
  result["fd"] = map->fd.get();
  return result;
}

// mapLookup(map, key, value, flags)
Napi::Value lookup(const Napi::CallbackInfo &info) {
  auto map = use<Map>(info[0], "map.lookup");
  Bytes key = bytes_at(info, 1, "key", map->info.key_size);
  Bytes value = bytes_at(info, 2, "value", map->value_size);
  if (bpf_map_lookup_elem_flags(map->fd.get(), key.data, value.data, number_at(info, 3, "flags")) == 0) return Napi::Boolean::New(info.Env(), true);
  if (errno == ENOENT) return Napi::Boolean::New(info.Env(), false);
  throw failure("map.lookup", *map);
}

// mapUpdate(map, key, value, flags)
Napi::Value update(const Napi::CallbackInfo &info) {
  auto map = use<Map>(info[0], "map.update");
  Bytes key = bytes_at(info, 1, "key", map->info.key_size);
  Bytes value = bytes_at(info, 2, "value", map->value_size);
  uint32_t flags = number_at(info, 3, "flags");
  if (bpf_map_update_elem(map->fd.get(), key.data, value.data, flags) == 0) return Napi::Boolean::New(info.Env(), true);
  if ((errno == EEXIST && (flags & BPF_NOEXIST)) || (errno == ENOENT && (flags & BPF_EXIST))) return Napi::Boolean::New(info.Env(), false);
  throw failure("map.update", *map);
}

// mapDelete(map, key)
Napi::Value remove(const Napi::CallbackInfo &info) {
  auto map = use<Map>(info[0], "map.delete");
  Bytes key = bytes_at(info, 1, "key", map->info.key_size);
  if (bpf_map_delete_elem(map->fd.get(), key.data) == 0) return Napi::Boolean::New(info.Env(), true);
  if (errno == ENOENT) return Napi::Boolean::New(info.Env(), false);
  throw failure("map.delete", *map);
}

// mapNextKey(map, key | null, next)
Napi::Value next_key(const Napi::CallbackInfo &info) {
  auto map = use<Map>(info[0], "map.nextKey");
  const void *key = info[1].IsNull() ? nullptr : bytes_at(info, 1, "key", map->info.key_size).data;
  Bytes next = bytes_at(info, 2, "next", map->info.key_size);
  if (bpf_map_get_next_key(map->fd.get(), key, next.data) == 0) return Napi::Boolean::New(info.Env(), true);
  if (errno == ENOENT) return Napi::Boolean::New(info.Env(), false);
  throw failure("map.nextKey", *map);
}

// possibleCpus()
Napi::Value count_cpus(const Napi::CallbackInfo &info) { return Napi::Number::New(info.Env(), static_cast<double>(possible_cpus())); }

/** A map of one entry; `inner_fd` as in bpf_map_create_opts, 0 for maps that hold none. */
Fd create_single(bpf_map_type type, int inner_fd) {
  LIBBPF_OPTS(bpf_map_create_opts, options, .inner_map_fd = static_cast<uint32_t>(inner_fd));
  int fd = bpf_map_create(type, "readers", sizeof(uint32_t), sizeof(uint32_t), 1, &options);
  if (fd < 0) throw Failure{"map.waitForReaders", "readers", errno, "", ""};
  return Fd(fd);
}

// waitForReaders(): Promise
Napi::Value wait_for_readers(const Napi::CallbackInfo &info) {
  return run_off_thread(info.Env(), {}, []() -> Settle {
    // The kernel ends an update of a map of maps with an RCU grace period, for exactly this purpose (maybe_wait_bpf_programs). membarrier(2) has one too,
    // but says nothing of programs, and kernels that run with nohz_full refuse it.
    Fd inner = create_single(BPF_MAP_TYPE_ARRAY, 0), outer = create_single(BPF_MAP_TYPE_ARRAY_OF_MAPS, inner.get());
    uint32_t key = 0, value = static_cast<uint32_t>(inner.get());
    if (bpf_map_update_elem(outer.get(), &key, &value, BPF_ANY) != 0) throw Failure{"map.waitForReaders", "readers", errno, "", ""};
    return undefined;
  });
}

}  // namespace

size_t possible_cpus() {
  int count = libbpf_num_possible_cpus();
  if (count < 0) throw Failure{"possibleCpus", "", -count, "", ""};
  return static_cast<size_t>(count);
}

std::shared_ptr<Map> map_from_fd(const char *op, Fd fd, std::string name) {
  require_kind(op, fd, "bpf-map", name);
  bpf_map_info info = {};
  uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(fd.get(), &info, &size) != 0) throw Failure{op, name, errno, "", ""};
  if (name.empty()) name = info.name;
  size_t value_size = is_per_cpu(info.type) ? (info.value_size + 7) / 8 * 8 * possible_cpus() : info.value_size;
  return std::make_shared<Map>(Map{std::move(fd), std::move(name), info, value_size});
}

void export_map(Napi::Object exports) {
  export_function<create>(exports, "mapCreate");
  export_function<open_pinned>(exports, "mapOpenPinned");
  export_function<open_id>(exports, "mapOpenId");
  export_function<pin>(exports, "mapPin");
  export_function<close_handle<Map>>(exports, "mapClose");
  export_function<map_info>(exports, "mapInfo");
  export_function<lookup>(exports, "mapLookup");
  export_function<update>(exports, "mapUpdate");
  export_function<remove>(exports, "mapDelete");
  export_function<next_key>(exports, "mapNextKey");
  export_function<count_cpus>(exports, "possibleCpus");
  export_function<wait_for_readers>(exports, "waitForReaders");
}

}  // namespace bpf_native
