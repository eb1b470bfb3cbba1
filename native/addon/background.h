// background.h: set-up work that touches files or waits, off the environment's thread.
#pragma once

#include <napi.h>

#include <functional>
#include <utility>

namespace strongroom::addon {

class Background final : public Napi::AsyncWorker {
 public:
  // Runs work on the thread pool, then result on the environment's thread; the promise resolves
  // with what it returns. When the environment ends in between, result is not called: what work
  // made is let go with the closures.
  static Napi::Promise run(Napi::Env env, std::function<void()> work,
                           std::function<Napi::Value(Napi::Env)> result) {
    auto* worker = new Background(env, std::move(work), std::move(result));
    const Napi::Promise promise = worker->deferred_.Promise();
    worker->Queue();
    return promise;
  }

 private:
  Background(Napi::Env env, std::function<void()> work,
             std::function<Napi::Value(Napi::Env)> result)
      : AsyncWorker(env, "strongroom"),
        deferred_(env),
        work_(std::move(work)),
        result_(std::move(result)) {}

  void Execute() override { work_(); }
  void OnOK() override { deferred_.Resolve(result_(Env())); }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

  Napi::Promise::Deferred deferred_;
  std::function<void()> work_;
  std::function<Napi::Value(Napi::Env)> result_;
};

}  // namespace strongroom::addon
