#pragma once
// The boundary to JavaScript: arguments in, failures and promises out.
#include <napi.h>

#include <functional>
#include <string>
#include <vector>

#include "failure.h"

namespace bpf_native {

/** Bytes of a Buffer (any Uint8Array); they stay JavaScript's. */
struct Bytes {
  uint8_t *data;
  size_t size;
};

Bytes bytes_at(const Napi::CallbackInfo &info, size_t index, const char *what);
/** As above, of exactly `size` bytes, else RangeError. */
Bytes bytes_at(const Napi::CallbackInfo &info, size_t index, const char *what, size_t size);
std::string string_at(const Napi::CallbackInfo &info, size_t index, const char *what);
uint32_t number_at(const Napi::CallbackInfo &info, size_t index, const char *what);
/** A new Buffer that holds a copy. */
Napi::Value copy_of(Napi::Env env, const void *data, size_t size);

/** Exports `Function` under `name`; a Failure it throws becomes a BpfError. */
template <Napi::Value (*Function)(const Napi::CallbackInfo &)>
void export_function(Napi::Object exports, const char *name) {
  auto guarded = [](const Napi::CallbackInfo &info) -> Napi::Value {
    try {
      return Function(info);
    } catch (const Failure &failure) {
      throw to_error(info.Env(), failure);
    }
  };
  exports.Set(name, Napi::Function::New(exports.Env(), guarded, name));
}

/** Makes the promise's value, on the main thread. */
using Settle = std::function<Napi::Value(Napi::Env)>;
/** The Settle of work that answers nothing. */
inline Napi::Value undefined(Napi::Env env) { return env.Undefined(); }

/**
 * Runs `work` on libuv's pool; the promise holds what the Settle that it returned makes, or a BpfError of the Failure it threw.
 * `keep` are the JavaScript values (Buffers) that `work` reads or writes: they stay alive until then.
 */
Napi::Value run_off_thread(Napi::Env env, std::vector<Napi::Value> keep, std::function<Settle()> work);

}  // namespace bpf_native
