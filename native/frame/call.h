// call.h: one request on its way through its handler. A handler reads every field, asks `finish`,
// and only then calls the module; what it returns becomes the status of the response.
#pragma once

#include "frame/application.h"
#include "frame/arguments.h"
#include "frame/codec.h"

namespace strongroom::frame {

struct Call {
  // A constructor, not an aggregate: compilers clear aggregates as a whole first, on the way of
  // every frame.
  Call(Attachment& from, bool may_wait, HeldSession& held, Reader reader, Writer writer,
       MutableBytes output_buffer, bool output_attached)
      : application(from.application()),
        module(application.module()),
        attachment(from.id()),
        wait(may_wait),
        session(held),
        in(reader),
        out(writer),
        attached_output(output_buffer),
        output_is_attached(output_attached) {}

  Application& application;
  const Module& module;
  const std::uint32_t attachment;
  const bool wait;
  HeldSession& session;  // of rows with a session; its handle is ours, its native the module's
  Reader in;
  Writer out;
  const MutableBytes attached_output;
  const bool output_is_attached;
  bool attached_produced = false;
  std::size_t attached_written = 0;
  std::uint64_t needed = 0;  // bytes an output would have taken, with CKR_BUFFER_TOO_SMALL

  const CK_FUNCTION_LIST_3_2& list() const { return module.list; }
  CK_SESSION_HANDLE native() const { return session.native(); }

  // Where an output goes: beside the response or into it. Never a null pointer, which would ask for
  // a length.
  MutableBytes output() {
    static std::uint8_t nowhere;
    const MutableBytes area = output_is_attached ? attached_output : out.place();
    return area.data() != nullptr ? area : MutableBytes{&nowhere, 0};
  }
  void produced(std::size_t length) {
    if (!output_is_attached) {
      out.placed(length);
      return;
    }
    out.u32(static_cast<std::uint32_t>(length) | kAttached);
    attached_produced = true;
    attached_written = length;
  }
  CK_RV too_small(std::uint64_t length) {
    needed = length;
    return CKR_BUFFER_TOO_SMALL;
  }
};

// Inputs are handed to the module as pointers to mutable bytes, never null: a null input is an
// error in some calls.
inline CK_BYTE* input(Bytes bytes) {
  static std::uint8_t nothing;
  return bytes.data() != nullptr ? const_cast<CK_BYTE*>(bytes.data()) : &nothing;
}

using Handler = CK_RV (*)(Call&);

#define SR_DECLARE_HANDLER(number, name, handler) CK_RV handler(Call& call);
SR_FOR_EACH_COMMAND(SR_DECLARE_HANDLER)
#undef SR_DECLARE_HANDLER

}  // namespace strongroom::frame
