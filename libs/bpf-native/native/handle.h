#pragma once
// Opaque tagged handles: what JavaScript holds of a kernel or libbpf resource.
#include <napi.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include "failure.h"

namespace bpf_native {

/** Owns one file descriptor. */
class Fd {
 public:
  explicit Fd(int value) : value_(value) {}
  Fd(Fd &&other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Fd &operator=(Fd &&) = delete;
  ~Fd() {
    if (value_ >= 0) close(value_);
  }
  int get() const { return value_; }

 private:
  int value_;
};

/** Throws Failure EINVAL when `fd` is of another kind than "bpf-map", "bpf-prog" or "bpf-link": a path may hold any of them. */
void require_kind(const char *op, const Fd &fd, const char *kind, const std::string &object);

/**
 * The box behind a handle. Work under way on another thread shares the resource: `close()` empties the box at once,
 * the resource goes when the last such work has ended. What is never closed goes with its handle, by the garbage
 * collector or when the environment ends (Node runs the finalizers of externals then).
 */
template <typename Resource>
struct Box {
  std::shared_ptr<Resource> resource;
  std::string name;
};

/** A handle for `resource`. `Resource` has `tag` (napi_type_tag), `noun` and `name`. */
template <typename Resource>
Napi::Value wrap(Napi::Env env, std::shared_ptr<Resource> resource) {
  std::string name = resource->name;
  auto *box = new Box<Resource>{std::move(resource), std::move(name)};
  auto external = Napi::External<Box<Resource>>::New(env, box, [](Napi::Env, Box<Resource> *gone) { delete gone; });
  external.TypeTag(&Resource::tag);
  return external;
}

template <typename Resource>
Box<Resource> *box_of(const Napi::Value &value) {
  if (value.IsExternal()) {
    auto external = value.As<Napi::External<Box<Resource>>>();
    if (external.CheckTypeTag(&Resource::tag)) return external.Data();
  }
  throw Napi::TypeError::New(value.Env(), std::string("expected the handle of a ") + Resource::noun);
}

/** The resource of a handle. Throws TypeError for another kind of handle, Failure EBADF after `close()`. */
template <typename Resource>
std::shared_ptr<Resource> use(const Napi::Value &value, const char *op) {
  Box<Resource> *box = box_of<Resource>(value);
  if (!box->resource) throw Failure{op, box->name, EBADF, std::string(Resource::noun) + " is closed", ""};
  return box->resource;
}

/** `close(handle)`: nothing when it is closed already. */
template <typename Resource>
Napi::Value close_handle(const Napi::CallbackInfo &info) {
  box_of<Resource>(info[0])->resource.reset();
  return info.Env().Undefined();
}

}  // namespace bpf_native
