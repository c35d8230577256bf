#include "object.h"

#include <bpf/btf.h>
#include <fcntl.h>

#include "boundary.h"
#include "map.h"
#include "program.h"
#include "registry.h"

namespace bpf_native {
namespace {

std::shared_ptr<Object> use_idle(const Napi::Value &value, const char *op) {
  auto object = use<Object>(value, op);
  if (object->loading) throw Failure{op, object->name, EBUSY, "is being loaded", ""};
  return object;
}

std::shared_ptr<Object> use_unloaded(const Napi::Value &value, const char *op) {
  auto object = use_idle(value, op);
  if (object->loaded) throw Failure{op, object->name, EBUSY, "is loaded already", ""};
  return object;
}

std::shared_ptr<Object> use_loaded(const Napi::Value &value, const char *op) {
  auto object = use_idle(value, op);
  if (!object->loaded) throw Failure{op, object->name, EINVAL, "is not loaded yet", ""};
  return object;
}

bpf_map *find_map(const char *op, const Object &object, const std::string &name) {
  bpf_map *map = bpf_object__find_map_by_name(object.object, name.c_str());
  if (map == nullptr) throw Failure{op, object.name, ENOENT, "has no map " + name, ""};
  return map;
}

bpf_program *find_program(const char *op, const Object &object, const std::string &name) {
  bpf_program *program = bpf_object__find_program_by_name(object.object, name.c_str());
  if (program == nullptr) throw Failure{op, object.name, ENOENT, "has no program " + name, ""};
  return program;
}

void check(int result, const char *op, const std::string &object) {
  if (result != 0) throw Failure{op, object, -result, "", ""};
}

/** A global variable: its section's map and its place in it. */
struct Variable {
  std::string name, section;
  uint32_t offset, size;
};

std::vector<Variable> variables_of(const Object &object) {
  std::vector<Variable> result;
  const btf *types = bpf_object__btf(object.object);
  for (uint32_t id = 1; types != nullptr && id < btf__type_cnt(types); id++) {
    const btf_type *section = btf__type_by_id(types, id);
    std::string name = btf__name_by_offset(types, section->name_off);
    if (!btf_is_datasec(section) || !(name.starts_with(".rodata") || name.starts_with(".data") || name.starts_with(".bss"))) continue;
    const btf_var_secinfo *places = btf_var_secinfos(section);
    for (int i = 0; i < btf_vlen(section); i++) {
      const btf_type *variable = btf__type_by_id(types, places[i].type);
      result.push_back({btf__name_by_offset(types, variable->name_off), name, places[i].offset, places[i].size});
    }
  }
  return result;
}

/** The map behind a section: libbpf names it `<start of the object's name><section>`, or as the section where that is custom. */
bpf_map *map_of_section(const Object &object, const std::string &section) {
  bpf_map *map;
  bpf_object__for_each_map(map, object.object) {
    if (bpf_map__is_internal(map) && std::string(bpf_map__name(map)).ends_with(section)) return map;
  }
  return nullptr;
}

// objectOpen(source, name)
Napi::Value open(const Napi::CallbackInfo &info) {
  std::string name = string_at(info, 1, "name");
  LogCapture log;
  LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = name.c_str());
  bpf_object *object;
  if (info[0].IsString()) {
    object = bpf_object__open_file(string_at(info, 0, "source").c_str(), &options);
  } else {
    Bytes bytes = bytes_at(info, 0, "source");
    object = bpf_object__open_mem(bytes.data, bytes.size, &options);
  }
  if (object == nullptr) throw Failure{"object.open", name, errno, log.warnings(), ""};
  return wrap(info.Env(), std::make_shared<Object>(object, name));
}

// objectMaps(object)
Napi::Value maps(const Napi::CallbackInfo &info) {
  auto object = use_idle(info[0], "object.maps");
  Napi::Array result = Napi::Array::New(info.Env());
  bpf_map *map;
  bpf_object__for_each_map(map, object->object) {
    Napi::Object entry = Napi::Object::New(info.Env());
    entry["name"] = bpf_map__name(map);
    entry["type"] = static_cast<uint32_t>(bpf_map__type(map));
    entry["keySize"] = bpf_map__key_size(map);
    entry["valueSize"] = bpf_map__value_size(map);
    entry["maxEntries"] = bpf_map__max_entries(map);
    entry["flags"] = bpf_map__map_flags(map);
    entry["internal"] = bpf_map__is_internal(map);
    result[result.Length()] = entry;
  }
  return result;
}

// objectPrograms(object)
Napi::Value programs(const Napi::CallbackInfo &info) {
  auto object = use_idle(info[0], "object.programs");
  Napi::Array result = Napi::Array::New(info.Env());
  bpf_program *program;
  bpf_object__for_each_program(program, object->object) {
    Napi::Object entry = Napi::Object::New(info.Env());
    entry["name"] = bpf_program__name(program);
    entry["section"] = bpf_program__section_name(program);
    entry["type"] = static_cast<uint32_t>(bpf_program__type(program));
    entry["attachType"] = static_cast<uint32_t>(bpf_program__expected_attach_type(program));
    entry["autoload"] = bpf_program__autoload(program);
    result[result.Length()] = entry;
  }
  return result;
}

// objectVariables(object)
Napi::Value variables(const Napi::CallbackInfo &info) {
  auto object = use_idle(info[0], "object.variables");
  Napi::Array result = Napi::Array::New(info.Env());
  for (const Variable &variable : variables_of(*object)) {
    bpf_map *map = map_of_section(*object, variable.section);
    if (map == nullptr) continue;
    Napi::Object entry = Napi::Object::New(info.Env());
    entry["name"] = variable.name;
    entry["map"] = bpf_map__name(map);
    entry["offset"] = variable.offset;
    entry["size"] = variable.size;
    result[result.Length()] = entry;
  }
  return result;
}

// objectBtf(object)
Napi::Value raw_btf(const Napi::CallbackInfo &info) {
  auto object = use_idle(info[0], "object.btf");
  const btf *types = bpf_object__btf(object->object);
  uint32_t size = 0;
  const void *data = types == nullptr ? nullptr : btf__raw_data(types, &size);
  return data == nullptr ? info.Env().Null() : copy_of(info.Env(), data, size);
}

// objectSetVariable(object, name, value)
Napi::Value set_variable(const Napi::CallbackInfo &info) {
  auto object = use_unloaded(info[0], "object.setVariable");
  std::string name = string_at(info, 1, "name");
  for (const Variable &variable : variables_of(*object)) {
    if (variable.name != name) continue;
    bpf_map *map = map_of_section(*object, variable.section);
    size_t size = 0;
    auto *data = map == nullptr ? nullptr : static_cast<const uint8_t *>(bpf_map__initial_value(map, &size));
    if (data == nullptr || variable.offset + variable.size > size) break;
    std::vector<uint8_t> section(data, data + size);
    memcpy(section.data() + variable.offset, bytes_at(info, 2, "value", variable.size).data, variable.size);
    check(bpf_map__set_initial_value(map, section.data(), size), "object.setVariable", name);
    return info.Env().Undefined();
  }
  throw Failure{"object.setVariable", object->name, ENOENT, "has no global variable " + name, ""};
}

// objectSetMaxEntries(object, map, maxEntries)
Napi::Value set_max_entries(const Napi::CallbackInfo &info) {
  auto object = use_unloaded(info[0], "object.setMaxEntries");
  std::string name = string_at(info, 1, "map");
  check(bpf_map__set_max_entries(find_map("object.setMaxEntries", *object, name), number_at(info, 2, "maxEntries")), "object.setMaxEntries", name);
  return info.Env().Undefined();
}

// objectReuseMap(object, name, map)
Napi::Value reuse_map(const Napi::CallbackInfo &info) {
  auto object = use_unloaded(info[0], "object.reuseMap");
  std::string name = string_at(info, 1, "name");
  bpf_map *declared = find_map("object.reuseMap", *object, name);
  check(bpf_map__reuse_fd(declared, use<Map>(info[2], "object.reuseMap")->fd.get()), "object.reuseMap", name);
  return info.Env().Undefined();
}

// objectSetAutoload(object, program, autoload)
Napi::Value set_autoload(const Napi::CallbackInfo &info) {
  auto object = use_unloaded(info[0], "object.setAutoload");
  std::string name = string_at(info, 1, "program");
  check(bpf_program__set_autoload(find_program("object.setAutoload", *object, name), info[2].ToBoolean()), "object.setAutoload", name);
  return info.Env().Undefined();
}

// objectSetProgramType(object, program, type, attachType)
Napi::Value set_program_type(const Napi::CallbackInfo &info) {
  auto object = use_unloaded(info[0], "object.setProgramType");
  std::string name = string_at(info, 1, "program");
  bpf_program *program = find_program("object.setProgramType", *object, name);
  check(bpf_program__set_type(program, static_cast<bpf_prog_type>(number_at(info, 2, "type"))), "object.setProgramType", name);
  check(bpf_program__set_expected_attach_type(program, static_cast<bpf_attach_type>(number_at(info, 3, "attachType"))), "object.setProgramType", name);
  return info.Env().Undefined();
}

// objectLoad(object): Promise
Napi::Value load(const Napi::CallbackInfo &info) {
  auto object = use_unloaded(info[0], "object.load");
  object->loading = true;
  return run_off_thread(info.Env(), {}, [object]() -> Settle {
    LogCapture log;
    int result = bpf_object__load(object->object);
    object->loaded = result == 0;
    object->loading = false;
    if (result != 0) throw Failure{"object.load", object->name, -result, log.warnings(), log.verifier_log()};
    return undefined;
  });
}

Fd duplicate(const char *op, const std::string &object, int fd) {
  int copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) throw Failure{op, object, fd < 0 ? ENOENT : errno, fd < 0 ? "was not loaded" : "", ""};
  return Fd(copy);
}

// objectMap(object, name)
Napi::Value map_named(const Napi::CallbackInfo &info) {
  auto object = use_loaded(info[0], "object.map");
  std::string name = string_at(info, 1, "name");
  int fd = bpf_map__fd(find_map("object.map", *object, name));
  return wrap(info.Env(), map_from_fd("object.map", duplicate("object.map", name, fd), name));
}

// objectProgram(object, name)
Napi::Value program_named(const Napi::CallbackInfo &info) {
  auto object = use_loaded(info[0], "object.program");
  std::string name = string_at(info, 1, "name");
  int fd = bpf_program__fd(find_program("object.program", *object, name));
  return wrap(info.Env(), program_from_fd("object.program", duplicate("object.program", name, fd), name));
}

}  // namespace

void export_object(Napi::Object exports) {
  export_function<open>(exports, "objectOpen");
  export_function<close_handle<Object>>(exports, "objectClose");
  export_function<maps>(exports, "objectMaps");
  export_function<programs>(exports, "objectPrograms");
  export_function<variables>(exports, "objectVariables");
  export_function<raw_btf>(exports, "objectBtf");
  export_function<set_variable>(exports, "objectSetVariable");
  export_function<set_max_entries>(exports, "objectSetMaxEntries");
  export_function<reuse_map>(exports, "objectReuseMap");
  export_function<set_autoload>(exports, "objectSetAutoload");
  export_function<set_program_type>(exports, "objectSetProgramType");
  export_function<load>(exports, "objectLoad");
  export_function<map_named>(exports, "objectMap");
  export_function<program_named>(exports, "objectProgram");
}

}  // namespace bpf_native
