// The ring buffer: its epoll descriptor sits in the event loop, records are drained in batches into one Buffer of the caller's.
#include <bpf/libbpf.h>
#include <uv.h>

#include <vector>

#include "boundary.h"
#include "map.h"
#include "registry.h"

namespace bpf_native {
namespace {

/** A record in the caller's buffer: length (u32), zero (u32), bytes, padded to 8. */
constexpr size_t kRecordHeader = 8;
size_t padded(size_t size) { return (size + 7) & ~size_t{7}; }

/**
 * One reader. It lives from `ringBufferOpen` to `ringBufferClose` or the end of the environment, whatever becomes of its handle,
 * as an open socket does; libuv still holds the poll for one turn of the loop after that.
 */
class Reader {
 public:
  Reader(Napi::Env env, std::shared_ptr<Map> map, Napi::Uint8Array target, Napi::Function callback, uint32_t rest_ms)
      : env_(env),
        map_(std::move(map)),
        target_(Napi::Persistent(target.As<Napi::Object>())),
        data_(target.Data()),
        capacity_(target.ByteLength()),
        callback_(Napi::Persistent(callback)),
        context_(std::make_unique<Napi::AsyncContext>(env, "bpf-native ring buffer")),
        rest_ms_(rest_ms) {
    ring_ = ring_buffer__new(map_->fd.get(), on_record, this, nullptr);
    if (ring_ == nullptr) throw Failure{"ringBuffer.open", map_->name, errno, "", ""};
    uv_loop_t *loop = nullptr;
    napi_get_uv_event_loop(env, &loop);
    int result = uv_poll_init(loop, &poll_, ring_buffer__epoll_fd(ring_));
    if (result != 0) {
      ring_buffer__free(ring_);
      throw Failure{"ringBuffer.open", map_->name, -result, "", ""};
    }
    uv_timer_init(loop, &rest_);
    poll_.data = this;
    rest_.data = this;
    uv_poll_start(&poll_, UV_READABLE, on_readable);
    napi_add_async_cleanup_hook(env, on_environment_end, this, &cleanup_);
  }

  /** Fills the buffer from the ring; returns the number of records, sets the bytes they take. */
  uint32_t drain(size_t *used) {
    used_ = 0;
    count_ = 0;
    if (!carried_.empty()) {  // read in the last batch, but without room there
      std::vector<uint8_t> first = std::move(carried_);
      carried_.clear();
      append(first.data(), first.size());
    }
    int result = ring_buffer__consume(ring_);
    emptied_ = result >= 0;
    if (result < 0 && result != kStop) throw Failure{"ringBuffer.drain", map_->name, -result, "", ""};
    *used = used_;
    return count_;
  }

  void stop() {
    if (stopped_) return;
    stopped_ = true;
    uv_poll_stop(&poll_);
    uv_timer_stop(&rest_);
    ring_buffer__free(ring_);
    map_.reset();
    uv_close(reinterpret_cast<uv_handle_t *>(&poll_), on_closed);
    uv_close(reinterpret_cast<uv_handle_t *>(&rest_), on_closed);
  }

  bool pending() const { return !carried_.empty(); }
  uint32_t oversized() const { return oversized_; }

 private:
  static constexpr int kStop = -ECANCELED;

  ~Reader() {
    target_.Reset();
    callback_.Reset();
    context_.reset();
    napi_remove_async_cleanup_hook(cleanup_);  // last: lets an ending environment end
  }

  static void on_closed(uv_handle_t *handle) {
    auto *reader = static_cast<Reader *>(handle->data);
    if (--reader->open_handles_ > 0) return;
    Napi::HandleScope scope(reader->env_);
    delete reader;
  }

  /**
   * Looks away from a ring that is empty for as long as it is to rest. The kernel wakes a reader for a record only where the one before it has been read: of those that come meanwhile, the first
   * wakes nobody, as nobody polls, and the others don't try.
   */
  void rest() {
    if (stopped_ || !emptied_ || rest_ms_ == 0) return;
    uv_poll_stop(&poll_);
    uv_timer_start(&rest_, [](uv_timer_t *timer) { uv_poll_start(&static_cast<Reader *>(timer->data)->poll_, UV_READABLE, on_readable); }, rest_ms_, 0);
  }

  /** libbpf has consumed a record by the time it stops for our sake: one without room is carried to the next batch. */
  static int on_record(void *self, void *data, size_t size) {
    auto *reader = static_cast<Reader *>(self);
    if (reader->append(static_cast<uint8_t *>(data), size)) return 0;
    reader->carried_.assign(static_cast<uint8_t *>(data), static_cast<uint8_t *>(data) + size);
    return kStop;
  }

  /** False when the record has to wait for the next batch. */
  bool append(const uint8_t *data, size_t size) {
    size_t need = kRecordHeader + padded(size);
    if (need > capacity_) {
      oversized_++;
      return true;
    }
    if (used_ + need > capacity_) return false;
    uint32_t header[2] = {static_cast<uint32_t>(size), 0};
    memcpy(data_ + used_, header, kRecordHeader);
    memcpy(data_ + used_ + kRecordHeader, data, size);
    used_ += need;
    count_++;
    return true;
  }

  /** One batch a turn, so that a busy ring leaves the loop to others; the poll is level-triggered and comes again. */
  static void on_readable(uv_poll_t *poll, int status, int) {
    auto *reader = static_cast<Reader *>(poll->data);
    Napi::Env env = reader->env_;
    Napi::HandleScope scope(env);
    try {
      if (status < 0) throw Failure{"ringBuffer.poll", reader->map_->name, -status, "", ""};
      do {
        size_t used = 0;
        uint32_t count = reader->drain(&used);
        if (count > 0) reader->callback_.MakeCallback(env.Global(), {Napi::Number::New(env, count), Napi::Number::New(env, static_cast<double>(used))}, *reader->context_);
      } while (!reader->stopped_ && reader->pending());
      reader->rest();
    } catch (const Failure &failure) {
      reader->stop();
      napi_fatal_exception(env, to_error(env, failure).Value());
    } catch (const Napi::Error &error) {
      napi_fatal_exception(env, error.Value());
    }
  }

  static void on_environment_end(napi_async_cleanup_hook_handle, void *self) { static_cast<Reader *>(self)->stop(); }

  Napi::Env env_;
  std::shared_ptr<Map> map_;
  Napi::ObjectReference target_;
  uint8_t *data_;
  size_t capacity_;
  Napi::FunctionReference callback_;
  std::unique_ptr<Napi::AsyncContext> context_;
  ring_buffer *ring_ = nullptr;
  uv_poll_t poll_ = {};
  uv_timer_t rest_ = {};
  int open_handles_ = 2;
  uint32_t rest_ms_;
  napi_async_cleanup_hook_handle cleanup_ = nullptr;
  std::vector<uint8_t> carried_;
  size_t used_ = 0;
  uint32_t count_ = 0, oversized_ = 0;
  bool emptied_ = false, stopped_ = false;
};

/** What the handle holds: closing it stops the reader, losing it does not. */
struct Ring {
  static constexpr napi_type_tag tag = {0x6d79656c696e5249, 0x4e47000000000005};
  static constexpr const char *noun = "ring buffer";

  Reader *reader;
  std::string name;
};

// ringBufferOpen(map, target, callback, restMs)
Napi::Value open(const Napi::CallbackInfo &info) {
  auto map = use<Map>(info[0], "ringBuffer.open");
  bytes_at(info, 1, "target");
  if (!info[2].IsFunction()) throw Napi::TypeError::New(info.Env(), "callback (argument 3) has to be a function");
  uint32_t rest_ms = number_at(info, 3, "restMs");
  auto *reader = new Reader(info.Env(), map, info[1].As<Napi::Uint8Array>(), info[2].As<Napi::Function>(), rest_ms);
  return wrap(info.Env(), std::make_shared<Ring>(Ring{reader, map->name}));
}

// ringBufferDrain(ring)
Napi::Value drain(const Napi::CallbackInfo &info) {
  auto ring = use<Ring>(info[0], "ringBuffer.drain");
  size_t used = 0;
  uint32_t count = ring->reader->drain(&used);
  Napi::Object result = Napi::Object::New(info.Env());
  result["count"] = count;
  result["bytes"] = static_cast<double>(used);
  return result;
}

// ringBufferOversized(ring)
Napi::Value oversized(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), use<Ring>(info[0], "ringBuffer.oversized")->reader->oversized());
}

// ringBufferClose(ring)
Napi::Value close(const Napi::CallbackInfo &info) {
  Box<Ring> *box = box_of<Ring>(info[0]);
  if (box->resource) box->resource->reader->stop();
  box->resource.reset();
  return info.Env().Undefined();
}

}  // namespace

void export_ring_buffer(Napi::Object exports) {
  export_function<open>(exports, "ringBufferOpen");
  export_function<drain>(exports, "ringBufferDrain");
  export_function<oversized>(exports, "ringBufferOversized");
  export_function<close>(exports, "ringBufferClose");
}

}  // namespace bpf_native
