// The bench's own addon: each loop as a function of a count and buffers. Loops run to their end
// before they return, so the time of one call divided by its count is the time of one operation;
// the runner takes it.
#include <napi.h>

#include <ctime>
#include <stdexcept>
#include <utility>

#include "evp_loops.h"
#include "token_loops.h"

namespace strongroom::bench {
namespace {

Output buffer(const Napi::CallbackInfo& info, std::size_t index) {
  if (!info[index].IsTypedArray())
    throw Napi::TypeError::New(info.Env(), "a loop takes Uint8Arrays");
  auto array = info[index].As<Napi::Uint8Array>();
  return {array.Data(), array.ByteLength()};
}

template <typename Work>
void guarded(const Napi::CallbackInfo& info, Work work) {
  try {
    work();
  } catch (const std::runtime_error& error) {
    throw Napi::Error::New(info.Env(), error.what());
  }
}

// The number of buffers of a loop is that of its parameters after `count`.
template <auto Loop, typename... Buffers>
Napi::Function counted(Napi::Env env, void (*)(std::size_t, Buffers...)) {
  return Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
    const std::size_t count = info[0].As<Napi::Number>().Uint32Value();
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      guarded(info, [&] { Loop(count, buffer(info, I + 1)...); });
    }
    (std::index_sequence_for<Buffers...>{});
  });
}

template <auto Loop>
Napi::Function counted(Napi::Env env) {
  return counted<Loop>(env, Loop);
}

// Processor time of the calling thread in nanoseconds. process.threadCpuUsage() counts in ticks of
// milliseconds.
Napi::Value thread_nanoseconds(const Napi::CallbackInfo& info) {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return Napi::Number::New(
      info.Env(), static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec));
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("threadNanoseconds", Napi::Function::New(env, thread_nanoseconds));
  exports.Set("evpGcmSeal", counted<evp::gcm_seal>(env));
  exports.Set("evpHmac", counted<evp::hmac_sha256>(env));
  exports.Set("evpRandom", counted<evp::random>(env));
  exports.Set("evpBufferedRandom", counted<evp::buffered_random>(env));
  exports.Set("evpDeriveSeal", counted<evp::derive_seal>(env));
  exports.Set("tokenOpen", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                guarded(info, [&] { token::open(buffer(info, 0), buffer(info, 1)); });
              }));
  exports.Set("tokenEncrypt", counted<token::encrypt>(env));
  exports.Set("tokenEncryptMessage", counted<token::encrypt_message>(env));
  exports.Set("tokenSign", counted<token::sign>(env));
  exports.Set("tokenRandom", counted<token::generate_random>(env));
  exports.Set("tokenDeriveSeal", counted<token::derive_seal>(env));
  return exports;
}

}  // namespace
}  // namespace strongroom::bench

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  return strongroom::bench::init(env, exports);
}
NODE_API_MODULE(strongroom_bench, Init)
