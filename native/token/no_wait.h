// no_wait.h: the calling thread's promise to its event loop (SR_SetNoWait).
#pragma once

#include "token/thread_local.h"

namespace strongroom {
inline SR_THREAD_LOCAL bool no_wait = false;
}  // namespace strongroom
