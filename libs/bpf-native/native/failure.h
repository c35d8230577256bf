#pragma once
// What went wrong, from the depth of libbpf up to a BpfError in JavaScript.
#include <napi.h>

#include <string>

namespace bpf_native {

/** A failed operation, before it is a JavaScript error: it may be made on any thread. */
struct Failure {
  std::string op;             // "map.update"
  std::string object;         // name of the map, program, path or interface
  int error;                  // positive errno
  std::string detail;         // what is known beyond the errno
  std::string verifier_log;   // whole log, of failed loads only
};

/** Collects what libbpf says on this thread while it lives; nothing of it goes to stderr. */
class LogCapture {
 public:
  LogCapture();
  ~LogCapture();
  LogCapture(const LogCapture &) = delete;
  LogCapture &operator=(const LogCapture &) = delete;

  /** libbpf's warnings without the verifier's log, joined by "; ". */
  std::string warnings() const;
  /** What stands between libbpf's marks of a program's load log; empty when no program was refused. */
  std::string verifier_log() const;

 private:
  std::string text_;
  std::string *outer_;
};

/** Routes libbpf's messages to the LogCapture of the thread that caused them. */
void install_log_capture();

/** The BpfError that the declaration file promises. */
Napi::Error to_error(Napi::Env env, const Failure &failure);

/** State of one Node environment (main thread or worker). */
struct Environment {
  Napi::FunctionReference bpf_error;
};

}  // namespace bpf_native
