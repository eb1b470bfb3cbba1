// dispatcher.h: executes one request frame against a module and writes the response frame.
#pragma once

#include "frame/application.h"
#include "frame/codec.h"

namespace strongroom::frame {

// A response needs at least this much room.
inline constexpr std::size_t kResponseBytesMin = 1024;

// execute runs the frame `request` for `attachment`. The request must be memory that nobody writes
// to meanwhile; `attached_input` and `attached_output` are the caller's buffers beside the frame
// (empty when there are none) and may be shared: their bytes are handed on, no decision is taken on
// them.
//
// wait false: what would wait, or may not run on such a thread, answers CKR_STRONGROOM_BUSY and
// changes nothing. Always writes one response frame, of the length returned: an error frame when
// the request is malformed (CKR_STRONGROOM_FRAME_INVALID, CKR_STRONGROOM_COMMAND_UNKNOWN; nothing
// is executed then). Thread-safe.
std::size_t execute(Attachment& attachment, Bytes request, Bytes attached_input,
                    MutableBytes attached_output, MutableBytes response, bool wait) noexcept;

// refuse writes the response to a request that is not executed at all, for the reason rv.
std::size_t refuse(Bytes request, MutableBytes response, CK_RV rv) noexcept;

}  // namespace strongroom::frame
