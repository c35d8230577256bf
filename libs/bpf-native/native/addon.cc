#include "failure.h"
#include "registry.h"

namespace bpf_native {
namespace {

// initialize(BpfError): the class that failures become, once an environment.
Napi::Value initialize(const Napi::CallbackInfo &info) {
  info.Env().GetInstanceData<Environment>()->bpf_error = Napi::Persistent(info[0].As<Napi::Function>());
  return info.Env().Undefined();
}

Napi::Object setup(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new Environment());
  install_log_capture();
  exports.Set("initialize", Napi::Function::New(env, initialize, "initialize"));
  export_object(exports);
  export_map(exports);
  export_map_batch(exports);
  export_program(exports);
  export_link(exports);
  export_filter(exports);
  export_ring_buffer(exports);
  export_probe(exports);
  export_system(exports);
  return exports;
}

NODE_API_MODULE(bpf_native, setup)

}  // namespace
}  // namespace bpf_native
