// SHA256_Init, _Update, _Final and their kind are marked deprecated in favour of EVP; hmac_state.h
// says why they are used all the same.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "token/algorithms/hmac_state.h"

#include <openssl/sha.h>

#include <cstring>

namespace strongroom::algorithms {
namespace {

constexpr std::uint8_t kInnerPad = 0x36;
constexpr std::uint8_t kOuterPad = 0x5c;

// What OpenSSL calls the parts of each hash. kBlockBytes is FIPS 198-1's B.
template <Hash>
struct Core;

template <>
struct Core<Hash::kSha1> {
  using Context = SHA_CTX;
  static constexpr std::size_t kBlockBytes = SHA_CBLOCK;
  static constexpr auto init = SHA1_Init;
  static constexpr auto update = SHA1_Update;
  static constexpr auto final = SHA1_Final;
};

template <>
struct Core<Hash::kSha224> {
  using Context = SHA256_CTX;
  static constexpr std::size_t kBlockBytes = SHA256_CBLOCK;
  static constexpr auto init = SHA224_Init;
  static constexpr auto update = SHA224_Update;
  static constexpr auto final = SHA224_Final;
};

template <>
struct Core<Hash::kSha256> {
  using Context = SHA256_CTX;
  static constexpr std::size_t kBlockBytes = SHA256_CBLOCK;
  static constexpr auto init = SHA256_Init;
  static constexpr auto update = SHA256_Update;
  static constexpr auto final = SHA256_Final;
};

template <>
struct Core<Hash::kSha384> {
  using Context = SHA512_CTX;
  static constexpr std::size_t kBlockBytes = SHA512_CBLOCK;
  static constexpr auto init = SHA384_Init;
  static constexpr auto update = SHA384_Update;
  static constexpr auto final = SHA384_Final;
};

template <>
struct Core<Hash::kSha512> {
  using Context = SHA512_CTX;
  static constexpr std::size_t kBlockBytes = SHA512_CBLOCK;
  static constexpr auto init = SHA512_Init;
  static constexpr auto update = SHA512_Update;
  static constexpr auto final = SHA512_Final;
};

void exclusive_or(Secret& block, std::uint8_t value) {
  for (std::uint8_t& byte : block.mutable_bytes()) byte ^= value;
}

template <Hash kHash, class State>
auto* context(State& state) {
  using Context = typename Core<kHash>::Context;
  static_assert(sizeof(State) == sizeof(Context) && alignof(State) >= alignof(Context));
  return reinterpret_cast<Context*>(state.bytes.data());
}

}  // namespace

template <Hash kHash>
HmacState<kHash>::~HmacState() {
  for (State* state : {&inner_, &outer_, &work_}) wipe(state->bytes.data(), state->bytes.size());
}

template <Hash kHash>
bool HmacState<kHash>::set_key(Bytes key) {
  using C = Core<kHash>;
  Secret block(C::kBlockBytes);
  if (!block) return false;
  if (key.size() > C::kBlockBytes) {
    if (C::init(context<kHash>(work_)) != 1 || !add(key) ||
        C::final(block.data(), context<kHash>(work_)) != 1)
      return false;
    wipe(work_.bytes.data(), work_.bytes.size());
  } else if (!key.empty()) {
    std::memcpy(block.data(), key.data(), key.size());
  }
  exclusive_or(block, kInnerPad);
  if (C::init(context<kHash>(inner_)) != 1 ||
      C::update(context<kHash>(inner_), block.data(), block.size()) != 1)
    return false;
  exclusive_or(block, kInnerPad ^ kOuterPad);
  return C::init(context<kHash>(outer_)) == 1 &&
         C::update(context<kHash>(outer_), block.data(), block.size()) == 1;
}

template <Hash kHash>
bool HmacState<kHash>::start() {
  work_ = inner_;
  return true;
}

template <Hash kHash>
bool HmacState<kHash>::add(Bytes data) {
  return data.empty() || Core<kHash>::update(context<kHash>(work_), data.data(), data.size()) == 1;
}

template <Hash kHash>
bool HmacState<kHash>::finish(std::uint8_t* mac) {
  using C = Core<kHash>;
  std::uint8_t inner_hash[hash_length(kHash)];
  bool good = C::final(inner_hash, context<kHash>(work_)) == 1;
  work_ = outer_;
  good = good && C::update(context<kHash>(work_), inner_hash, sizeof inner_hash) == 1 &&
         C::final(mac, context<kHash>(work_)) == 1;
  // A hash keeps its result, which may be a derived key.
  wipe(work_.bytes.data(), work_.bytes.size());
  wipe(inner_hash, sizeof inner_hash);
  return good;
}

template class HmacState<Hash::kSha1>;
template class HmacState<Hash::kSha224>;
template class HmacState<Hash::kSha256>;
template class HmacState<Hash::kSha384>;
template class HmacState<Hash::kSha512>;

}  // namespace strongroom::algorithms
