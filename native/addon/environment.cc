#include "addon/environment.h"

namespace strongroom::addon {

const frame::Module& token() {
  // Never destroyed: threads may still be in it when the process ends.
  static const auto* module = new frame::Module(cryptoki::function_list(), cryptoki::vendor_list());
  return *module;
}

Environment::Environment(Napi::Env env) {
  if (napi_add_env_cleanup_hook(env, clean_up, this) != napi_ok) {
    throw Napi::Error::New(env, "no clean-up hook");
  }
}

Client* Environment::find(const frame::AttachId& id) {
  for (const auto& client : clients_) {
    frame::Attachment* attachment = client->attachment();
    if (attachment != nullptr && attachment->application().attach_id() == id) return client.get();
  }
  return nullptr;
}

void Environment::clean_up(void* self) {
  auto* environment = static_cast<Environment*>(self);
  for (const auto& client : environment->clients_) {
    client->refuse_calls();
    client->shut();
  }
  for (const SR_DEVICE device : environment->devices_) token().vendor->SR_CloseDevice(device);
  environment->devices_.clear();
}

}  // namespace strongroom::addon
