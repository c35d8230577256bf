#include "failure.h"

#include <bpf/libbpf.h>
#include <string.h>

#include <cstdarg>
#include <cstdio>

namespace bpf_native {
namespace {

constexpr const char *kLogBegin = "-- BEGIN PROG LOAD LOG --\n";
constexpr const char *kLogEnd = "-- END PROG LOAD LOG --";
constexpr int kInternalNotSupported = 524;  // ENOTSUPP of the kernel, unknown to libc

thread_local std::string *capture = nullptr;

int print(enum libbpf_print_level level, const char *format, va_list arguments) {
  if (capture == nullptr || level > LIBBPF_WARN) return 0;
  va_list again;
  va_copy(again, arguments);
  int length = vsnprintf(nullptr, 0, format, again);
  va_end(again);
  if (length <= 0) return 0;
  size_t start = capture->size();
  capture->resize(start + length + 1);
  vsnprintf(capture->data() + start, length + 1, format, arguments);
  capture->resize(start + length);
  return length;
}

std::string code_of(int error) {
  if (error == kInternalNotSupported) return "ENOTSUPP";
  const char *name = strerrorname_np(error);
  return name == nullptr ? "UNKNOWN" : name;
}

}  // namespace

void install_log_capture() { libbpf_set_print(print); }

LogCapture::LogCapture() : outer_(capture) { capture = &text_; }
LogCapture::~LogCapture() { capture = outer_; }

std::string LogCapture::verifier_log() const {
  size_t begin = text_.find(kLogBegin);
  if (begin == std::string::npos) return "";
  begin += strlen(kLogBegin);
  return text_.substr(begin, text_.find(kLogEnd, begin) - begin);
}

std::string LogCapture::warnings() const {
  std::string result;
  bool in_log = false;
  for (size_t at = 0; at < text_.size();) {
    size_t end = text_.find('\n', at);
    if (end == std::string::npos) end = text_.size();
    std::string line = text_.substr(at, end - at);
    at = end + 1;
    bool begins = line.find("-- BEGIN PROG LOAD LOG --") != std::string::npos;
    bool ends = line.find(kLogEnd) != std::string::npos;
    if (!in_log && !begins && !line.empty()) {
      if (line.starts_with("libbpf: ")) line = line.substr(8);
      result += (result.empty() ? "" : "; ") + line;
    }
    in_log = (in_log || begins) && !ends;
  }
  return result;
}

Napi::Error to_error(Napi::Env env, const Failure &failure) {
  Napi::Object parts = Napi::Object::New(env);
  parts["op"] = failure.op;
  parts["object"] = failure.object;
  parts["errno"] = failure.error;
  parts["code"] = code_of(failure.error);
  parts["detail"] = failure.detail.empty() && failure.error != kInternalNotSupported ? strerror(failure.error) : failure.detail;
  parts["verifierLog"] = failure.verifier_log;
  auto *environment = env.GetInstanceData<Environment>();
  return Napi::Error(env, environment->bpf_error.New({parts}));
}

}  // namespace bpf_native
