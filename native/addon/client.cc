#include "addon/client.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "addon/background.h"
#include "addon/environment.h"
#include "frame/dispatcher.h"

namespace strongroom::addon {
namespace {

constexpr std::size_t kResponseBytes = 64 * 1024;

// A slab: request half, response half, and a word that says where in the output the next one goes.
constexpr std::size_t kOutputOffsetAt = 2 * std::size_t{frame::kSlabBytes};
constexpr std::size_t kSlabAllBytes = kOutputOffsetAt + sizeof(std::uint32_t);

// A byte view of a typed array argument; an error is pending when it is none.
bool view_of(napi_env env, napi_value value, frame::MutableBytes* out) {
  napi_typedarray_type type;
  std::size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array) {
    napi_throw_type_error(env, nullptr, "expected a Uint8Array");
    return false;
  }
  *out = {static_cast<std::uint8_t*>(data), data != nullptr ? length : 0};
  return true;
}

// A request on its way through the thread pool.
struct AsyncCall {
  std::shared_ptr<Client> client;
  std::vector<std::uint8_t> request;
  std::unique_ptr<std::uint8_t[]> response;
  std::size_t capacity = 0;
  std::size_t length = 0;
  napi_deferred deferred = nullptr;
  napi_async_work work = nullptr;

  AsyncCall() = default;
  AsyncCall(const AsyncCall&) = delete;
  AsyncCall& operator=(const AsyncCall&) = delete;
  ~AsyncCall() {
    frame::wipe(request.data(), request.size());
    frame::wipe(response.get(), length);
  }

  static void execute(napi_env, void* data) {
    auto* call = static_cast<AsyncCall*>(data);
    call->length =
        call->client->execute_async(call->request, {call->response.get(), call->capacity});
  }

  // When the environment is ending these calls fail, and nobody waits for the promise.
  static void complete(napi_env env, napi_status, void* data) {
    const std::unique_ptr<AsyncCall> call(static_cast<AsyncCall*>(data));
    napi_value buffer = nullptr;
    if (napi_create_buffer_copy(env, call->length, call->response.get(), nullptr, &buffer) ==
        napi_ok) {
      napi_resolve_deferred(env, call->deferred, buffer);
    }
    napi_delete_async_work(env, call->work);
  }
};

}  // namespace

Client::Client() : slab_(new std::uint8_t[kSlabAllBytes]()) {}

std::uint32_t Client::word(std::size_t at) const {
  std::uint32_t value = 0;
  std::memcpy(&value, slab_.get() + at, sizeof value);
  return value;
}

void Client::exec(frame::Bytes input, frame::MutableBytes output) {
  const frame::MutableBytes response(slab_.get() + frame::kSlabBytes, frame::kSlabBytes);
  // The frame says how long it is; a length beyond the slab is cut, and then not the frame's own.
  const std::uint32_t length =
      std::clamp(word(offsetof(frame::Header, length)), frame::kHeaderBytes, frame::kSlabBytes);
  const frame::MutableBytes request(request_.get(), length);
  std::memcpy(request.data(), slab_.get(), length);
  frame::execute(*attachment_, request, input, output, response, false);
  // Requests hold plaintexts and keys: they do not stay behind, neither here nor in the slab.
  frame::wipe(request.data(), length);
  frame::wipe(slab_.get(), length);
}

// exec(), execOut(output), execInOut(input, output): with an output, where it is lies in that from
// then on.
napi_value Client::exec_callback(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  std::size_t count = 2;
  void* data = nullptr;
  frame::MutableBytes input;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, &data) != napi_ok) return nullptr;
  auto* client = static_cast<Client*>(data);
  if (count == 2 && !view_of(env, arguments[0], &input)) return nullptr;
  if (count != 0 && !view_of(env, arguments[count == 2 ? 1 : 0], &client->output_)) return nullptr;
  const std::uint32_t offset = client->word(kOutputOffsetAt);
  const std::uint32_t room = client->word(offsetof(frame::Header, attached_output));
  if (offset > client->output_.size() || room > client->output_.size() - offset) {
    napi_throw_range_error(env, nullptr, "the output does not lie in the buffer");
    return nullptr;
  }
  if (!client->open_) {
    napi_throw_error(env, nullptr, "the device was closed");
    return nullptr;
  }
  client->exec(input, client->output_.subspan(offset, room));
  return nullptr;
}

std::size_t Client::execute_async(frame::Bytes request, frame::MutableBytes response) {
  {
    std::lock_guard lock(mutex_);
    if (closing_) return frame::refuse(request, response, CKR_DEVICE_REMOVED);
    ++running_;
  }
  const std::size_t length = frame::execute(*attachment_, request, {}, {}, response, true);
  std::lock_guard lock(mutex_);
  if (--running_ == 0) idle_.notify_all();
  return length;
}

napi_value Client::exec_async_callback(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  std::size_t count = 2;
  void* data = nullptr;
  std::uint32_t extra = 0;
  frame::MutableBytes request;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, &data) != napi_ok || count != 2 ||
      napi_get_value_uint32(env, arguments[1], &extra) != napi_ok ||
      extra > frame::kFrameBytesMax) {
    napi_throw_range_error(env, nullptr,
                           "expected a request and the bytes its response needs beside 64 KiB");
    return nullptr;
  }
  if (!view_of(env, arguments[0], &request)) return nullptr;
  if (request.size() > frame::kFrameBytesMax) {
    napi_throw_range_error(env, nullptr, "the request is longer than a frame can be");
    return nullptr;
  }
  auto call = std::make_unique<AsyncCall>();
  call->client = static_cast<Client*>(data)->shared_from_this();
  call->request.assign(request.begin(), request.end());
  call->capacity = kResponseBytes + extra;
  call->response.reset(
      new std::uint8_t[call->capacity]);  // not initialised: it is written before it is read
  napi_value promise = nullptr;
  napi_value name = nullptr;
  if (napi_create_promise(env, &call->deferred, &promise) != napi_ok ||
      napi_create_string_utf8(env, "strongroom", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_async_work(env, nullptr, name, AsyncCall::execute, AsyncCall::complete,
                             call.get(), &call->work) != napi_ok ||
      napi_queue_async_work(env, call->work) != napi_ok) {
    napi_throw_error(env, nullptr, "the call could not be queued");
    return nullptr;
  }
  call.release();  // complete owns it
  return promise;
}

Napi::Value Client::close_callback(const Napi::CallbackInfo& info) {
  auto client = static_cast<Client*>(info.Data())->shared_from_this();
  client->refuse_calls();
  return Background::run(
      info.Env(), [client] { client->shut(); },
      [client](Napi::Env env) -> Napi::Value {
        Environment::of(env).remove(client);
        return env.Undefined();
      });
}

Napi::Object Client::expose(Napi::Env env) {
  Napi::Object object = Napi::Object::New(env);
  const frame::AttachId& id = attachment_->application().attach_id();
  object.Set("attachId", Napi::Buffer<std::uint8_t>::Copy(env, id.data(), id.size()));
  // The finaliser's reference keeps the memory for as long as there is a view of it.
  auto* kept = new std::shared_ptr<std::uint8_t[]>(slab_);
  auto buffer = Napi::ArrayBuffer::New(
      env, slab_.get(), kSlabAllBytes,
      [](Napi::Env, void*, std::shared_ptr<std::uint8_t[]>* reference) { delete reference; }, kept);
  object.Set("slab", Napi::Uint8Array::New(env, kOutputOffsetAt, buffer, 0));
  object.Set("outputOffset", Napi::Uint32Array::New(env, 1, buffer, kOutputOffsetAt));
  // A function's reference keeps this client for as long as the function can be called.
  const auto keep = [&](const char* name, Napi::Function function) {
    function.AddFinalizer([](Napi::Env, std::shared_ptr<Client>* self) { delete self; },
                          new std::shared_ptr<Client>(shared_from_this()));
    object.Set(name, function);
  };
  const auto add = [&](const char* name, napi_callback callback) {
    napi_value function = nullptr;
    if (napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, this, &function) != napi_ok) {
      throw Napi::Error::New(env, "a function could not be made");
    }
    keep(name, Napi::Function(env, function));
  };
  add("exec", exec_callback);
  add("execOut", exec_callback);
  add("execInOut", exec_callback);
  add("execAsync", exec_async_callback);
  keep("close", Napi::Function::New(env, close_callback, "close", this));
  return object;
}

void Client::refuse_calls() {
  open_ = false;
  std::lock_guard lock(mutex_);
  closing_ = true;
}

void Client::shut() {
  std::unique_ptr<frame::Attachment> attachment;
  {
    std::unique_lock lock(mutex_);
    closing_ = true;
    idle_.wait(lock, [this] { return running_ == 0; });
    attachment = std::move(attachment_);
  }
}

}  // namespace strongroom::addon
