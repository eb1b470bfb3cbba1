// environment.h: what one Node environment (main thread or worker) has open. It ends with the
// environment: a clean-up hook waits for its calls, closes its sessions and the devices it opened.
#pragma once

#include <napi.h>

#include <memory>
#include <set>
#include <vector>

#include "addon/client.h"

namespace strongroom::addon {

// The token in this process, behind its function lists.
const frame::Module& token();

class Environment {
 public:
  explicit Environment(Napi::Env env);
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  void add(std::shared_ptr<Client> client) { clients_.push_back(std::move(client)); }
  void add(SR_DEVICE device) { devices_.insert(device); }
  void remove(SR_DEVICE device) { devices_.erase(device); }
  // After its shut: nothing of it is left to close.
  void remove(const std::shared_ptr<Client>& client) { std::erase(clients_, client); }
  // The client of this environment with that attach id; null when there is none.
  Client* find(const frame::AttachId& id);

 private:
  static void clean_up(void* self);

  std::vector<std::shared_ptr<Client>> clients_;
  std::set<SR_DEVICE> devices_;
};

}  // namespace strongroom::addon
