// Many entries a call. Map types without batch calls are served entry by entry, so that callers need not know.
#include <bpf/bpf.h>

#include <vector>

#include "boundary.h"
#include "map.h"
#include "registry.h"

namespace bpf_native {
namespace {

constexpr int kInternalNotSupported = 524;  // ENOTSUPP: this map type has no such batch call

bool lacks_batch(int error) { return error == kInternalNotSupported || error == EOPNOTSUPP; }

Failure batch_failure(const char *op, const Map &map, int error, uint32_t done, uint32_t count) {
  std::string detail = std::string(strerror(error)) + " at entry " + std::to_string(done + 1) + " of " + std::to_string(count);
  return {op, map.name, error, detail, ""};
}

void update_all(const Map &map, const uint8_t *keys, const uint8_t *values, uint32_t count, uint64_t flags) {
  LIBBPF_OPTS(bpf_map_batch_opts, options, .elem_flags = flags);
  uint32_t done = count;
  if (count == 0 || bpf_map_update_batch(map.fd.get(), keys, values, &done, &options) == 0) return;
  if (!lacks_batch(errno)) throw batch_failure("map.updateBatch", map, errno, done < count ? done : 0, count);
  for (done = 0; done < count; done++) {
    if (bpf_map_update_elem(map.fd.get(), keys + done * map.info.key_size, values + done * map.value_size, flags) != 0)
      throw batch_failure("map.updateBatch", map, errno, done, count);
  }
}

/** Returns how many were there to delete. */
uint32_t delete_all(const Map &map, const uint8_t *keys, uint32_t count) {
  uint32_t deleted = 0;
  bool single = false;
  for (uint32_t at = 0; at < count;) {
    const uint8_t *from = keys + at * map.info.key_size;
    uint32_t now = count - at;
    int error = 0;
    if (single) {
      error = bpf_map_delete_elem(map.fd.get(), from) == 0 ? 0 : errno;
      now = error == 0 ? 1 : 0;
    } else if (bpf_map_delete_batch(map.fd.get(), from, &now, nullptr) != 0) {
      error = errno;
      single = lacks_batch(error);
      if (single) continue;
    }
    if (error != 0 && error != ENOENT) throw batch_failure("map.deleteBatch", map, error, at + (now < count - at ? now : 0), count);
    deleted += now;
    at += now + (error == ENOENT ? 1 : 0);  // a missing key ended this call: go on behind it
  }
  return deleted;
}

struct Chunk {
  uint32_t count;
  bool end;
};

/** Entries behind `cursor` (a key; null: from the first), one system call each; leaves the last key in `next`. */
Chunk look_up_singly(const Map &map, const uint8_t *cursor, uint8_t *next, Bytes keys, Bytes values, uint32_t capacity, uint64_t flags) {
  uint32_t count = 0;
  std::vector<uint8_t> current(map.info.key_size);
  while (count < capacity) {
    if (bpf_map_get_next_key(map.fd.get(), cursor, current.data()) != 0) {
      if (errno == ENOENT) return {count, true};
      throw Failure{"map.lookupBatch", map.name, errno, "", ""};
    }
    memcpy(next, current.data(), current.size());
    cursor = next;
    if (bpf_map_lookup_elem_flags(map.fd.get(), next, values.data + count * map.value_size, flags) != 0) {
      if (errno == ENOENT) continue;  // deleted meanwhile
      throw Failure{"map.lookupBatch", map.name, errno, "", ""};
    }
    memcpy(keys.data + count * map.info.key_size, next, map.info.key_size);
    count++;
  }
  return {count, false};
}

Chunk look_up(const Map &map, uint8_t *cursor, uint8_t *next, Bytes keys, Bytes values, uint32_t capacity, uint64_t flags) {
  LIBBPF_OPTS(bpf_map_batch_opts, options, .elem_flags = flags);
  uint32_t count = capacity;
  if (bpf_map_lookup_batch(map.fd.get(), cursor, next, keys.data, values.data, &count, &options) == 0) return {count, false};
  if (errno == ENOENT) return {count, true};
  if (lacks_batch(errno)) return look_up_singly(map, cursor, next, keys, values, capacity, flags);
  throw Failure{"map.lookupBatch", map.name, errno, "", ""};
}

/** Entries that `bytes` holds; every one whole. */
uint32_t count_in(const Napi::CallbackInfo &info, Bytes bytes, size_t each, const char *what) {
  if (each == 0 || bytes.size % each != 0)
    throw Napi::RangeError::New(info.Env(), std::string(what) + " has " + std::to_string(bytes.size) + " bytes, expected a multiple of " + std::to_string(each));
  return static_cast<uint32_t>(bytes.size / each);
}

/** map, keys, values, flags → work on the entries. */
std::function<void()> update_work(const Napi::CallbackInfo &info) {
  auto map = use<Map>(info[0], "map.updateBatch");
  Bytes keys = bytes_at(info, 1, "keys");
  uint32_t count = count_in(info, keys, map->info.key_size, "keys");
  Bytes values = bytes_at(info, 2, "values", count * map->value_size);
  uint32_t flags = number_at(info, 3, "flags");
  return [=]() { update_all(*map, keys.data, values.data, count, flags); };
}

std::function<uint32_t()> delete_work(const Napi::CallbackInfo &info) {
  auto map = use<Map>(info[0], "map.deleteBatch");
  Bytes keys = bytes_at(info, 1, "keys");
  uint32_t count = count_in(info, keys, map->info.key_size, "keys");
  return [=]() { return delete_all(*map, keys.data, count); };
}

// mapUpdateBatch(map, keys, values, flags): Promise
Napi::Value update_batch(const Napi::CallbackInfo &info) {
  return run_off_thread(info.Env(), {info[1], info[2]}, [work = update_work(info)]() -> Settle {
    work();
    return undefined;
  });
}

// mapUpdateBatchSync(map, keys, values, flags)
Napi::Value update_batch_sync(const Napi::CallbackInfo &info) {
  update_work(info)();
  return info.Env().Undefined();
}

// mapDeleteBatch(map, keys): Promise
Napi::Value delete_batch(const Napi::CallbackInfo &info) {
  return run_off_thread(info.Env(), {info[1]}, [work = delete_work(info)]() -> Settle {
    return [deleted = work()](Napi::Env env) { return Napi::Number::New(env, deleted); };
  });
}

// mapDeleteBatchSync(map, keys)
Napi::Value delete_batch_sync(const Napi::CallbackInfo &info) { return Napi::Number::New(info.Env(), delete_work(info)()); }

/** map, cursor | null, keys, values, flags → a chunk of the map, and how it is told. */
std::function<Settle()> lookup_work(const Napi::CallbackInfo &info) {
  auto map = use<Map>(info[0], "map.lookupBatch");
  // The kernel's cursor is a bucket number (hash maps) or a key.
  size_t cursor_size = std::max<size_t>(map->info.key_size, sizeof(uint32_t));
  std::vector<uint8_t> cursor;
  if (!info[1].IsNull()) {
    Bytes given = bytes_at(info, 1, "cursor", cursor_size);
    cursor.assign(given.data, given.data + given.size);
  }
  Bytes keys = bytes_at(info, 2, "keys");
  uint32_t capacity = count_in(info, keys, map->info.key_size, "keys");
  Bytes values = bytes_at(info, 3, "values", capacity * map->value_size);
  uint32_t flags = number_at(info, 4, "flags");
  return [=]() mutable -> Settle {
    std::vector<uint8_t> next(cursor_size);
    Chunk chunk = look_up(*map, cursor.empty() ? nullptr : cursor.data(), next.data(), keys, values, capacity, flags);
    return [chunk, next](Napi::Env env) {
      Napi::Object result = Napi::Object::New(env);
      result["count"] = chunk.count;
      result["cursor"] = chunk.end ? env.Null() : copy_of(env, next.data(), next.size());
      return result;
    };
  };
}

// mapLookupBatch(map, cursor | null, keys, values, flags): Promise
Napi::Value lookup_batch(const Napi::CallbackInfo &info) { return run_off_thread(info.Env(), {info[2], info[3]}, lookup_work(info)); }

// mapLookupBatchSync(map, cursor | null, keys, values, flags)
Napi::Value lookup_batch_sync(const Napi::CallbackInfo &info) { return lookup_work(info)()(info.Env()); }

}  // namespace

void export_map_batch(Napi::Object exports) {
  export_function<update_batch>(exports, "mapUpdateBatch");
  export_function<update_batch_sync>(exports, "mapUpdateBatchSync");
  export_function<delete_batch>(exports, "mapDeleteBatch");
  export_function<delete_batch_sync>(exports, "mapDeleteBatchSync");
  export_function<lookup_batch>(exports, "mapLookupBatch");
  export_function<lookup_batch_sync>(exports, "mapLookupBatchSync");
}

}  // namespace bpf_native
