// no_wait.h: the calling thread's promise to its event loop (SR_SetNoWait).
#pragma once

namespace strongroom {
inline thread_local bool no_wait = false;
}  // namespace strongroom
