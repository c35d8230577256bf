#include "boundary.h"

#include <memory>
#include <optional>

namespace bpf_native {
namespace {

class Worker : public Napi::AsyncWorker {
 public:
  Worker(Napi::Env env, std::vector<Napi::Value> keep, std::function<Settle()> work)
      : Napi::AsyncWorker(env, "bpf-native"), deferred_(Napi::Promise::Deferred::New(env)), work_(std::move(work)) {
    Napi::Array kept = Napi::Array::New(env, keep.size());
    for (size_t i = 0; i < keep.size(); i++) kept.Set(static_cast<uint32_t>(i), keep[i]);
    kept_ = Napi::Persistent(kept.As<Napi::Object>());
  }

  Napi::Promise promise() { return deferred_.Promise(); }

 protected:
  void Execute() override {
    try {
      settle_ = work_();
    } catch (const Failure &failure) {
      failure_ = failure;
    }
    work_ = nullptr;  // lets go of what it shared, closed or not
  }

  void OnOK() override {
    Napi::HandleScope scope(Env());
    if (failure_) {
      deferred_.Reject(to_error(Env(), *failure_).Value());
    } else {
      deferred_.Resolve(settle_(Env()));
    }
  }

  void OnError(const Napi::Error &error) override { deferred_.Reject(error.Value()); }

 private:
  Napi::ObjectReference kept_;
  Napi::Promise::Deferred deferred_;
  std::function<Settle()> work_;
  Settle settle_;
  std::optional<Failure> failure_;
};

std::string at(const char *what, size_t index) { return std::string(what) + " (argument " + std::to_string(index + 1) + ")"; }

}  // namespace

Bytes bytes_at(const Napi::CallbackInfo &info, size_t index, const char *what) {
  if (!info[index].IsTypedArray() || info[index].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
    throw Napi::TypeError::New(info.Env(), at(what, index) + " has to be a Buffer or Uint8Array");
  auto array = info[index].As<Napi::Uint8Array>();
  return {array.Data(), array.ByteLength()};
}

Bytes bytes_at(const Napi::CallbackInfo &info, size_t index, const char *what, size_t size) {
  Bytes bytes = bytes_at(info, index, what);
  if (bytes.size != size)
    throw Napi::RangeError::New(info.Env(), at(what, index) + " has " + std::to_string(bytes.size) + " bytes, expected " + std::to_string(size));
  return bytes;
}

std::string string_at(const Napi::CallbackInfo &info, size_t index, const char *what) {
  if (!info[index].IsString()) throw Napi::TypeError::New(info.Env(), at(what, index) + " has to be a string");
  return info[index].As<Napi::String>();
}

uint32_t number_at(const Napi::CallbackInfo &info, size_t index, const char *what) {
  if (info[index].IsNumber()) {
    double value = info[index].As<Napi::Number>().DoubleValue();
    if (value >= 0 && value <= UINT32_MAX && value == static_cast<uint32_t>(value)) return static_cast<uint32_t>(value);
  }
  throw Napi::TypeError::New(info.Env(), at(what, index) + " has to be an integer of 32 bits");
}

Napi::Value copy_of(Napi::Env env, const void *data, size_t size) {
  return Napi::Buffer<uint8_t>::Copy(env, static_cast<const uint8_t *>(data), size);
}

Napi::Value run_off_thread(Napi::Env env, std::vector<Napi::Value> keep, std::function<Settle()> work) {
  auto *worker = new Worker(env, std::move(keep), std::move(work));  // deletes itself when done
  Napi::Promise promise = worker->promise();
  worker->Queue();
  return promise;
}

}  // namespace bpf_native
