#include "program.h"

#include <bpf/bpf.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <optional>

#include "boundary.h"
#include "registry.h"

namespace bpf_native {
namespace {

/** While it lives: this thread runs on one CPU (where asked) and takes no signal, which would end a long test run with EINTR. */
class Undisturbed {
 public:
  explicit Undisturbed(std::optional<uint32_t> cpu) : pinned_(cpu.has_value()) {
    if (pinned_) {
      sched_getaffinity(0, sizeof(cpus_), &cpus_);
      cpu_set_t one;
      CPU_ZERO(&one);
      CPU_SET(*cpu, &one);
      if (sched_setaffinity(0, sizeof(one), &one) != 0) throw Failure{"program.testRun", "cpu " + std::to_string(*cpu), errno, "", ""};
    }
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &signals_);
  }
  ~Undisturbed() {
    pthread_sigmask(SIG_SETMASK, &signals_, nullptr);
    if (pinned_) sched_setaffinity(0, sizeof(cpus_), &cpus_);
  }

 private:
  bool pinned_;
  cpu_set_t cpus_;
  sigset_t signals_;
};

// programOpenPinned(path)
Napi::Value open_pinned(const Napi::CallbackInfo &info) {
  std::string path = string_at(info, 0, "path");
  int fd = bpf_obj_get(path.c_str());
  if (fd < 0) throw Failure{"program.openPinned", path, errno, "", ""};
  return wrap(info.Env(), program_from_fd("program.openPinned", Fd(fd), path));
}

// programOpenId(id)
Napi::Value open_id(const Napi::CallbackInfo &info) {
  uint32_t id = number_at(info, 0, "id");
  std::string name = "id " + std::to_string(id);
  int fd = bpf_prog_get_fd_by_id(id);
  if (fd < 0) throw Failure{"program.openId", name, errno, "", ""};
  return wrap(info.Env(), program_from_fd("program.openId", Fd(fd), name));
}

// programPin(program, path)
Napi::Value pin(const Napi::CallbackInfo &info) {
  auto program = use<Program>(info[0], "program.pin");
  std::string path = string_at(info, 1, "path");
  if (bpf_obj_pin(program->fd.get(), path.c_str()) != 0) throw Failure{"program.pin", program->name, errno, path + ": " + strerror(errno), ""};
  return info.Env().Undefined();
}

// What the kernel knows of a program, with the ids of the maps that it uses.
bpf_prog_info info_of(const Program &program, std::vector<uint32_t> &map_ids) {
  bpf_prog_info kernel = {};
  uint32_t size = sizeof(kernel);
  if (bpf_obj_get_info_by_fd(program.fd.get(), &kernel, &size) != 0) throw Failure{"program.info", program.name, errno, "", ""};
  map_ids.resize(kernel.nr_map_ids);
  kernel = {};
  kernel.nr_map_ids = static_cast<uint32_t>(map_ids.size());
  kernel.map_ids = reinterpret_cast<uint64_t>(map_ids.data());
  if (bpf_obj_get_info_by_fd(program.fd.get(), &kernel, &size) != 0) throw Failure{"program.info", program.name, errno, "", ""};
  return kernel;
}

// programInfo(program)
Napi::Value program_info(const Napi::CallbackInfo &info) {
  auto program = use<Program>(info[0], "program.info");
  std::vector<uint32_t> map_ids;
  bpf_prog_info kernel = info_of(*program, map_ids);
  char tag[2 * sizeof(kernel.tag) + 1] = {};
  for (size_t i = 0; i < sizeof(kernel.tag); i++) snprintf(tag + 2 * i, 3, "%02x", kernel.tag[i]);
  Napi::Object result = Napi::Object::New(info.Env());
  result["id"] = kernel.id;
  result["type"] = kernel.type;
  result["name"] = program->name;
  result["tag"] = tag;
  result["instructions"] = kernel.xlated_prog_len / 8;
  result["jitedBytes"] = kernel.jited_prog_len;
  result["verifiedInstructions"] = kernel.verified_insns;
  result["runCount"] = Napi::BigInt::New(info.Env(), static_cast<uint64_t>(kernel.run_cnt));
  result["runTimeNs"] = Napi::BigInt::New(info.Env(), static_cast<uint64_t>(kernel.run_time_ns));
  Napi::Array maps = Napi::Array::New(info.Env(), map_ids.size());
  for (size_t i = 0; i < map_ids.size(); i++) maps.Set(static_cast<uint32_t>(i), map_ids[i]);
  result["mapIds"] = maps;
  result["fd"] = program->fd.get();
  return result;
}

std::optional<uint32_t> optional_number_at(const Napi::CallbackInfo &info, size_t index, const char *what) {
  if (info[index].IsNull()) return std::nullopt;
  return number_at(info, index, what);
}

// programTestRun(program, data | null, dataOut | null, context | null, contextOut | null, repeat, cpu | null): Promise
Napi::Value test_run(const Napi::CallbackInfo &info) {
  auto program = use<Program>(info[0], "program.testRun");
  auto optional_bytes = [&](size_t index, const char *what) { return info[index].IsNull() ? Bytes{nullptr, 0} : bytes_at(info, index, what); };
  Bytes data = optional_bytes(1, "data"), data_out = optional_bytes(2, "dataOut");
  Bytes context = optional_bytes(3, "context"), context_out = optional_bytes(4, "contextOut");
  uint32_t repeat = number_at(info, 5, "repeat");
  auto cpu = optional_number_at(info, 6, "cpu");
  return run_off_thread(info.Env(), {info[1], info[2], info[3], info[4]}, [=]() -> Settle {
    Undisturbed undisturbed(cpu);
    LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = data.data, .data_out = data_out.data, .data_size_in = static_cast<uint32_t>(data.size),
                .data_size_out = static_cast<uint32_t>(data_out.size), .ctx_in = context.data, .ctx_out = context_out.data,
                .ctx_size_in = static_cast<uint32_t>(context.size), .ctx_size_out = static_cast<uint32_t>(context_out.size),
                .repeat = static_cast<int>(repeat));
    if (bpf_prog_test_run_opts(program->fd.get(), &run) != 0) throw Failure{"program.testRun", program->name, errno, "", ""};
    return [returned = run.retval, data_size = run.data_size_out, context_size = run.ctx_size_out, duration = run.duration](Napi::Env env) {
      Napi::Object result = Napi::Object::New(env);
      result["returnValue"] = returned;
      result["dataSize"] = data_size;
      result["contextSize"] = context_size;
      result["durationNs"] = duration;
      return result;
    };
  });
}

}  // namespace

std::shared_ptr<Program> program_from_fd(const char *op, Fd fd, std::string name) {
  require_kind(op, fd, "bpf-prog", name);
  return std::make_shared<Program>(Program{std::move(fd), std::move(name)});
}

void export_program(Napi::Object exports) {
  export_function<open_pinned>(exports, "programOpenPinned");
  export_function<open_id>(exports, "programOpenId");
  export_function<pin>(exports, "programPin");
  export_function<close_handle<Program>>(exports, "programClose");
  export_function<program_info>(exports, "programInfo");
  export_function<test_run>(exports, "programTestRun");
}

}  // namespace bpf_native
