// client.h: one environment's share of an application, and the functions JavaScript calls on it.
#pragma once

#include <napi.h>

#include <condition_variable>
#include <memory>
#include <mutex>

#include "frame/application.h"
#include "frame/codec.h"

namespace strongroom::addon {

// Client lives as long as its environment has it open, and beyond that as long as a function that
// points to it is kept anywhere; what it holds of the device goes when it is shut. exec runs on the
// environment's own thread, asynchronous calls on the thread pool.
class Client : public std::enable_shared_from_this<Client> {
 public:
  Client();
  void set_attachment(std::unique_ptr<frame::Attachment> attachment) {
    attachment_ = std::move(attachment);
  }

  // The object JavaScript sees (NativeClient in src/native/load.ts).
  Napi::Object expose(Napi::Env env);
  frame::Attachment* attachment() { return attachment_.get(); }

  // No call begins from here on. On the environment's thread, before shut.
  void refuse_calls();
  // Waits for what runs, closes the sessions this environment opened and drops the reference. Any
  // thread; idempotent.
  void shut();
  std::size_t execute_async(frame::Bytes request, frame::MutableBytes response);

 private:
  std::uint32_t word(std::size_t at) const;  // of the slab
  void exec(frame::Bytes input, frame::MutableBytes output);
  static napi_value exec_callback(napi_env env, napi_callback_info info);
  static napi_value exec_async_callback(napi_env env, napi_callback_info info);
  static Napi::Value close_callback(const Napi::CallbackInfo& info);

  std::unique_ptr<frame::Attachment> attachment_;
  // Ours, and not a SharedArrayBuffer's: copying into one of those is several times slower, and
  // this stays valid whatever JavaScript does with its view. Shared with that view's finaliser.
  const std::shared_ptr<std::uint8_t[]> slab_;
  // The request, copied out of memory that JavaScript can write to.
  const std::unique_ptr<std::uint8_t[]> request_{new std::uint8_t[frame::kSlabBytes]};
  // What follows is of the environment's thread. Whoever calls exec without an output knows that
  // the last one is still there.
  frame::MutableBytes output_;
  bool open_ = true;

  std::mutex mutex_;  // guards what follows
  std::condition_variable idle_;
  std::size_t running_ = 0;
  bool closing_ = false;
};

}  // namespace strongroom::addon
