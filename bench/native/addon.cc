// The bench's own addon: each loop as a function of a count and buffers. Loops run to their end
// before they return, so the time of one call divided by its count is the time of one operation;
// the runner takes it.
#include <napi.h>

#include <ctime>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include "evp_loops.h"
#include "evp_signatures.h"
#include "token_loops.h"

namespace strongroom::bench {
namespace {

std::uint64_t number(const Napi::Value& value) {
  if (!value.IsNumber()) throw Napi::TypeError::New(value.Env(), "a number is missing");
  return static_cast<std::uint64_t>(value.As<Napi::Number>().Int64Value());
}

Output buffer(const Napi::Value& value) {
  if (!value.IsTypedArray()) throw Napi::TypeError::New(value.Env(), "a Uint8Array is missing");
  auto array = value.As<Napi::Uint8Array>();
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

template <typename Parameter>
auto argument(const Napi::Value& value) {
  if constexpr (std::is_arithmetic_v<Parameter>)
    return number(value);
  else
    return buffer(value);
}

// The arguments of a loop after `count` are numbers and buffers, as its parameters are.
template <auto Loop, typename... Parameters>
Napi::Function counted(Napi::Env env, void (*)(std::size_t, Parameters...)) {
  return Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      guarded(info, [&] { Loop(number(info[0]), argument<Parameters>(info[I + 1])...); });
    }
    (std::index_sequence_for<Parameters...>{});
  });
}

template <auto Loop>
Napi::Function counted(Napi::Env env) {
  return counted<Loop>(env, Loop);
}

// Processor time in nanoseconds, of the calling thread or of the process. What Node answers counts
// in ticks of milliseconds.
template <clockid_t Clock>
Napi::Value nanoseconds(const Napi::CallbackInfo& info) {
  timespec now{};
  clock_gettime(Clock, &now);
  return Napi::Number::New(
      info.Env(), static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec));
}

// A list of pairs: type and value. Answers the handle.
Napi::Value create_object(const Napi::CallbackInfo& info) {
  const auto list = info[0].As<Napi::Array>();
  std::vector<token::Attribute> attributes;
  for (std::uint32_t i = 0; i < list.Length(); ++i) {
    const auto pair = list.Get(i).As<Napi::Array>();
    attributes.push_back({number(pair.Get(0u)), buffer(pair.Get(1u))});
  }
  std::uint64_t handle = 0;
  guarded(info, [&] { handle = token::create_object(attributes); });
  return Napi::Number::New(info.Env(), static_cast<double>(handle));
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("threadNanoseconds", Napi::Function::New(env, nanoseconds<CLOCK_THREAD_CPUTIME_ID>));
  exports.Set("processNanoseconds",
              Napi::Function::New(env, nanoseconds<CLOCK_PROCESS_CPUTIME_ID>));
  exports.Set("evpGcmSeal", counted<evp::gcm_seal>(env));
  exports.Set("evpHmac", counted<evp::hmac_sha256>(env));
  exports.Set("evpRandom", counted<evp::random>(env));
  exports.Set("evpBufferedRandom", counted<evp::buffered_random>(env));
  exports.Set("evpDeriveSeal", counted<evp::derive_seal>(env));
  exports.Set("evpSign", counted<evp::sign>(env));
  exports.Set("evpVerify", counted<evp::verify>(env));
  exports.Set("tokenOpen", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                guarded(info, [] { token::open(); });
              }));
  exports.Set("tokenCreateObject", Napi::Function::New(env, create_object));
  exports.Set("tokenEncrypt", counted<token::encrypt>(env));
  exports.Set("tokenEncryptMessage", counted<token::encrypt_message>(env));
  exports.Set("tokenSign", counted<token::sign>(env));
  exports.Set("tokenVerify", counted<token::verify>(env));
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
