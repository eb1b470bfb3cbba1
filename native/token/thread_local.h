// thread_local.h: thread-local variables that every call reads.
#pragma once

#include <features.h>

// In a library loaded at run time such a variable costs a call of the dynamic linker each time it
// is looked at, unless it lies beside the program's own. glibc keeps some room there for libraries;
// other C libraries do not. For a few bytes.
#if defined(__GLIBC__)
#define SR_THREAD_LOCAL __attribute__((tls_model("initial-exec"))) constinit thread_local
#else
#define SR_THREAD_LOCAL constinit thread_local
#endif
