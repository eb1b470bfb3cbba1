#include "token/algorithms/iv_counter.h"

#include <algorithm>
#include <cstring>

namespace strongroom::algorithms {
namespace {

// The bits of byte `at` that the count may change, where the last `bits` bits of `length` bytes are
// its own.
std::uint8_t mask_at(std::size_t at, std::size_t length, CK_ULONG bits) {
  const CK_ULONG behind = 8 * (length - 1 - at);
  if (bits <= behind) return 0;
  return static_cast<std::uint8_t>(bits - behind >= 8 ? 0xff : (1U << (bits - behind)) - 1);
}

}  // namespace

CK_RV IvCounter::next(bool exclusive_or, CK_ULONG fixed_bits, MutableBytes iv) {
  if (iv.empty() || fixed_bits >= 8 * iv.size()) return CKR_MECHANISM_PARAM_INVALID;
  const CK_ULONG bits = 8 * iv.size() - fixed_bits;
  const std::lock_guard lock(mutex_);
  if (shape_ == nullptr) shape_.reset(new Shape{exclusive_or, fixed_bits, {iv.begin(), iv.end()}});
  const bool fits = shape_->exclusive_or == exclusive_or && shape_->fixed_bits == fixed_bits &&
                    shape_->first.size() == iv.size();
  if (!fits) return CKR_MECHANISM_PARAM_INVALID;
  if (exhausted_) return CKR_KEY_EXHAUSTED;
  const std::uint64_t count = count_;
  const std::uint64_t last = bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
  if (count == last) exhausted_ = true;
  ++count_;
  for (std::size_t at = 0; at < iv.size(); ++at) {
    const std::size_t from_end = iv.size() - 1 - at;
    const auto part = static_cast<std::uint8_t>(from_end < 8 ? count >> (8 * from_end) : 0);
    const std::uint8_t mask = mask_at(at, iv.size(), bits);
    const std::uint8_t base = exclusive_or ? shape_->first[at] : 0;
    iv[at] = static_cast<std::uint8_t>((iv[at] & ~mask) | ((part ^ base) & mask));
  }
  return CKR_OK;
}

}  // namespace strongroom::algorithms
