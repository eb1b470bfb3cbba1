// addon.cc: the exports (Addon in src/native/load.ts): devices, attaching, and where keys are in
// memory. What is called often is on the client object; see client.h.
#include <napi.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <optional>
#include <string>

#include "addon/background.h"
#include "addon/environment.h"
#include "token/secure_memory.h"

namespace strongroom::addon {
namespace {

Napi::Object result_of(Napi::Env env, CK_RV rv) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("rv", Napi::Number::New(env, static_cast<double>(rv)));
  return result;
}

std::optional<std::string> text(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (value.IsNull()) return std::nullopt;
  if (!value.IsString())
    throw Napi::TypeError::New(object.Env(), std::string(name) + " is a string or null");
  return value.As<Napi::String>().Utf8Value();
}

// Bytes, or nothing: a copy in the arena.
Secret secret(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (value.IsNull() || value.IsUndefined()) return {};
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    throw Napi::TypeError::New(object.Env(), std::string(name) + " is a Uint8Array or null");
  }
  const auto bytes = value.As<Napi::Uint8Array>();
  initialise_secure_memory();
  return Secret(Bytes(bytes.Data(), bytes.ByteLength()));
}

CK_ULONG count(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(number >= 0 && number <= 0xffffffff))
    throw Napi::RangeError::New(object.Env(), std::string(name) + " is a count");
  return static_cast<CK_ULONG>(number);
}

frame::AttachId attach_id(const Napi::CallbackInfo& info) {
  frame::AttachId id;
  if (!info[0].IsTypedArray() ||
      info[0].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array ||
      info[0].As<Napi::Uint8Array>().ByteLength() != id.size()) {
    throw Napi::TypeError::New(info.Env(), "an attach id is a Uint8Array of 16 bytes");
  }
  std::memcpy(id.data(), info[0].As<Napi::Uint8Array>().Data(), id.size());
  return id;
}

// A device being opened: closed again unless an environment takes it.
struct Opening {
  std::optional<std::string> flash;
  std::optional<std::string> root;
  Secret root_passphrase;
  SR_DEVICE_CONFIG config{};
  CK_RV rv = CKR_OK;
  SR_DEVICE device = 0;
  bool taken = true;
  std::shared_ptr<Client> client;

  Opening() = default;
  Opening(const Opening&) = delete;
  Opening& operator=(const Opening&) = delete;
  ~Opening() {
    if (taken) return;
    client->shut();
    token().vendor->SR_CloseDevice(device);
  }

  void run() {
    config.ulSize = sizeof config;
    config.pFlashDirectory = flash ? flash->c_str() : nullptr;
    config.pRootDirectory = root ? root->c_str() : nullptr;
    config.pRootPassphrase = root_passphrase.data();
    config.ulRootPassphraseLen = root_passphrase.size();
    rv = token().vendor->SR_OpenDevice(&config, &device);
    root_passphrase = Secret();
    config.pRootPassphrase = nullptr;
    if (rv != CKR_OK) return;
    taken = false;
    std::unique_ptr<frame::Attachment> attachment;
    rv = frame::Attachment::open(token(), device, &attachment);
    if (rv == CKR_OK) client->set_attachment(std::move(attachment));
  }
};

Napi::Value open_device(const Napi::CallbackInfo& info) {
  if (!info[0].IsObject()) throw Napi::TypeError::New(info.Env(), "a device has a configuration");
  const auto options = info[0].As<Napi::Object>();
  auto opening = std::make_shared<Opening>();
  opening->flash = text(options, "flashDirectory");
  opening->root = text(options, "rootDirectory");
  opening->root_passphrase = secret(options, "rootPassphrase");
  opening->config.ulSlotCount = count(options, "slotCount");
  opening->config.ulPinIterations = count(options, "pinIterations");
  opening->config.ulMaxSessionCount = count(options, "maxSessionCount");
  opening->config.bCreate = options.Get("create").ToBoolean().Value() ? CK_TRUE : CK_FALSE;
  opening->config.bShared = options.Get("shared").ToBoolean().Value() ? CK_TRUE : CK_FALSE;
  opening->client = std::make_shared<Client>();
  return Background::run(
      info.Env(), [opening] { opening->run(); },
      [opening](Napi::Env env) -> Napi::Value {
        Napi::Object result = result_of(env, opening->rv);
        if (opening->rv != CKR_OK) return result;
        Environment& environment = Environment::of(env);
        environment.add(opening->client);
        environment.add(opening->device);
        opening->taken = true;
        result.Set("device", Napi::Number::New(env, static_cast<double>(opening->device)));
        result.Set("client", opening->client->expose(env));
        return result;
      });
}

Napi::Value change_root_passphrase(const Napi::CallbackInfo& info) {
  if (!info[0].IsObject()) throw Napi::TypeError::New(info.Env(), "a change has its parts");
  struct Change {
    std::string root;
    Secret before, after;
    CK_RV rv = CKR_OK;
  };
  const auto options = info[0].As<Napi::Object>();
  auto change = std::make_shared<Change>();
  change->root = text(options, "rootDirectory").value_or("");
  change->before = secret(options, "passphrase");
  change->after = secret(options, "newPassphrase");
  return Background::run(
      info.Env(),
      [change] {
        change->rv = token().vendor->SR_ChangeRootPassphrase(
            change->root.c_str(), change->before.data(), change->before.size(),
            change->after.data(), change->after.size());
      },
      [change](Napi::Env env) -> Napi::Value {
        return Napi::Number::New(env, static_cast<double>(change->rv));
      });
}

Napi::Value client_of(Napi::Env env, CK_RV rv, std::unique_ptr<frame::Attachment> attachment) {
  Napi::Object result = result_of(env, rv);
  if (rv != CKR_OK) return result;
  auto client = std::make_shared<Client>();
  client->set_attachment(std::move(attachment));
  Environment::of(env).add(client);
  result.Set("client", client->expose(env));
  return result;
}

// A second application on a device that this environment has an application on.
Napi::Value open_application(const Napi::CallbackInfo& info) {
  Client* const known = Environment::of(info.Env()).find(attach_id(info));
  if (known == nullptr) return result_of(info.Env(), CKR_ARGUMENTS_BAD);
  std::unique_ptr<frame::Attachment> attachment;
  const CK_RV rv =
      frame::Attachment::open(token(), known->attachment()->application().device(), &attachment);
  return client_of(info.Env(), rv, std::move(attachment));
}

Napi::Value close_device(const Napi::CallbackInfo& info) {
  const auto device = static_cast<SR_DEVICE>(info[0].As<Napi::Number>().Int64Value());
  auto rv = std::make_shared<CK_RV>(CKR_OK);
  return Background::run(
      info.Env(), [=] { *rv = token().vendor->SR_CloseDevice(device); },
      [=](Napi::Env env) -> Napi::Value {
        Environment::of(env).remove(device);
        return Napi::Number::New(env, static_cast<double>(*rv));
      });
}

Napi::Value attach(const Napi::CallbackInfo& info) {
  std::unique_ptr<frame::Attachment> attachment;
  const CK_RV rv = frame::Attachment::attach(token(), attach_id(info), &attachment);
  return client_of(info.Env(), rv, std::move(attachment));
}

Napi::Value range(Napi::Env env, const SR_MEMORY_RANGE& memory) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("start", Napi::BigInt::New(env, static_cast<std::uint64_t>(
                                                 reinterpret_cast<std::uintptr_t>(memory.pStart))));
  object.Set("length", Napi::Number::New(env, static_cast<double>(memory.ulLength)));
  return object;
}

Napi::Value memory_ranges(const Napi::CallbackInfo& info) {
  Client* client = Environment::of(info.Env()).find(attach_id(info));
  if (client == nullptr) return result_of(info.Env(), CKR_ARGUMENTS_BAD);
  SR_DEVICE_STATUS status{};
  status.ulSize = sizeof status;
  const CK_RV rv =
      token().vendor->SR_GetDeviceStatus(client->attachment()->application().device(), &status);
  Napi::Object result = result_of(info.Env(), rv);
  if (rv != CKR_OK) return result;
  result.Set("arena", range(info.Env(), status.arena));
  result.Set("secureHeap", range(info.Env(), status.secureHeap));
  return result;
}

// No core file, and no other process of this user may trace this one or read its memory.
Napi::Value harden_process(const Napi::CallbackInfo& info) {
  const rlimit none{0, 0};
  const bool done = setrlimit(RLIMIT_CORE, &none) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
  return Napi::Boolean::New(info.Env(), done);
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new Environment(env));
  exports.Set("napiVersion", Napi::Number::New(env, NAPI_VERSION));
  exports.Set("openDevice", Napi::Function::New(env, open_device, "openDevice"));
  exports.Set("openApplication", Napi::Function::New(env, open_application, "openApplication"));
  exports.Set("changeRootPassphrase",
              Napi::Function::New(env, change_root_passphrase, "changeRootPassphrase"));
  exports.Set("closeDevice", Napi::Function::New(env, close_device, "closeDevice"));
  exports.Set("attach", Napi::Function::New(env, attach, "attach"));
  exports.Set("hardenProcess", Napi::Function::New(env, harden_process, "hardenProcess"));
  exports.Set("memoryRanges", Napi::Function::New(env, memory_ranges, "memoryRanges"));
  return exports;
}

}  // namespace

NODE_API_MODULE(strongroom, init)

}  // namespace strongroom::addon
