#include "token/self_test/self_test.h"

#include <array>
#include <atomic>
#include <cstring>
#include <mutex>

#include "token/drbg/drbg.h"
#include "token/no_wait.h"
#include "token/secure_memory.h"
#include "token/self_test/integrity.h"
#include "token/self_test/known_answers.h"
#include "token/self_test/registry.h"

namespace strongroom::self_test {
namespace {

using algorithms::Hash;

struct Row {
  const char* name;
  const char* reference;
  bool (*known_answer)(bool corrupt);  // null: not an algorithm's test
  bool slow = false;                   // takes longer than an event loop should wait
};

// In the order of Test.
constexpr std::array<Row, kTestCount> kTests = {{
    {"aes-gcm", "SP 800-38D; vector: McGrew and Viega, test case 16", known_answers::aes_gcm},
    {"aes-kwp", "SP 800-38F 6.3; vector: RFC 5649 section 6", known_answers::aes_kwp},
    {"hmac-sha256", "FIPS 198-1; vector: RFC 4231 test case 2", known_answers::hmac_sha256},
    {"sp800-108", "SP 800-108r1 4.1; vector: CAVP KDFCTR, 32-bit counter before fixed data",
     known_answers::sp800_108},
    {"derive-seal", "docs/formats/sealed-message.md; vector: own", known_answers::derive_seal},
    {"ctr-drbg", "SP 800-90A 10.2.1; vector: CAVP CTR_DRBG AES-256 use df, reseed",
     known_answers::ctr_drbg},
    {"sha256", "FIPS 180-4; vector: FIPS 180-4 example, two blocks", known_answers::sha256},
    {"pbkdf2", "SP 800-132; vector: RFC 7914 section 11", known_answers::pbkdf2},
    {"hmac-sha1", "FIPS 198-1; vector: RFC 2202 section 3, test case 2", known_answers::hmac_sha1},
    {"hmac-sha224", "FIPS 198-1; vector: RFC 4231 test case 2", known_answers::hmac_sha224},
    {"hmac-sha384", "FIPS 198-1; vector: RFC 4231 test case 2", known_answers::hmac_sha384},
    {"hmac-sha512", "FIPS 198-1; vector: RFC 4231 test case 2", known_answers::hmac_sha512},
    {"rsa-signature", "FIPS 186-5 5.4; vectors: Wycheproof (PKCS #1 v1.5), own (PSS)",
     known_answers::rsa_signature, true},
    {"rsa-oaep", "SP 800-56B 7.2.2; vectors: Wycheproof (decryption), own (encryption)",
     known_answers::rsa_oaep, true},
    {"ecdsa-p256", "FIPS 186-5 6.4; vector: RFC 6979 A.2.5", known_answers::ecdsa_p256, true},
    {"ecdsa-p384", "FIPS 186-5 6.4; vector: RFC 6979 A.2.6", known_answers::ecdsa_p384, true},
    {"ecdsa-p521", "FIPS 186-5 6.4; vector: RFC 6979 A.2.7", known_answers::ecdsa_p521, true},
    {"ecdsa-secp256k1", "FIPS 186-5 6.4, SEC 2; vector: RFC 6979 with key 1, widely published",
     known_answers::ecdsa_secp256k1, true},
    {"aes-ecb", "SP 800-38A 6.1; vector: FIPS 197 C.3", known_answers::aes_ecb},
    {"aes-cbc", "SP 800-38A 6.2; vector: SP 800-38A F.2.5", known_answers::aes_cbc},
    {"aes-ctr", "SP 800-38A 6.5; vector: SP 800-38A F.5.5", known_answers::aes_ctr},
    {"aes-ccm", "SP 800-38C; vector: SP 800-38C C.2", known_answers::aes_ccm},
    {"aes-cmac", "SP 800-38B; vectors: RFC 4493 section 4", known_answers::aes_cmac},
    {"aes-kw", "SP 800-38F 6.2; vector: RFC 3394 section 4.6", known_answers::aes_kw},
    {"chacha20-poly1305", "RFC 8439; vector: RFC 8439 section 2.8.2",
     known_answers::chacha20_poly1305},
    {"integrity", "FIPS 140-3 7.10.2; HMAC-SHA-256 of the module file", nullptr},
    {"entropy", "SP 800-90B 4.4: repetition count, adaptive proportion", nullptr},
    {"rsa-pairwise", "FIPS 140-3 IG 10.3.A: signature by each new key pair", nullptr},
    {"ec-pairwise", "FIPS 140-3 IG 10.3.A: signature by each new key pair", nullptr},
}};
static_assert(kTests.back().name != nullptr, "a row for every test");

static_assert(kTestCount <= 64, "a test is a bit of a word");

enum class Result : unsigned char { kNotRun, kPassed, kFailed };

constexpr std::uint64_t bit(Test test) {
  return std::uint64_t{1} << static_cast<std::size_t>(test);
}
constexpr std::size_t index(Test test) { return static_cast<std::size_t>(test); }

// Bits of the tests whose algorithm may be used. All zero in the error state, so that require needs
// one load.
std::atomic<std::uint64_t> usable{0};
std::atomic<std::uint64_t> faults{0};
std::atomic<bool> error_state{false};
std::atomic<const char*> first_failure{nullptr};
std::array<std::atomic<Result>, kTestCount> results{};
std::mutex running;  // one test at a time

void allow(Test test) {
  record(test, true);
  usable.fetch_or(bit(test));
  // Another thread may have entered the error state between the two.
  if (error_state.load()) usable.store(0);
}

CK_RV run(Test test, bool (*passes)(bool corrupt)) {
  std::unique_lock lock(running, std::defer_lock);
  if (no_wait) {
    if (!lock.try_lock()) return CKR_STRONGROOM_BUSY;
  } else {
    lock.lock();
  }
  if (error_state.load()) return CKR_FIPS_SELF_TEST_FAILED;
  if ((usable.load() & bit(test)) != 0) return CKR_OK;
  if (!passes(take_fault(test))) {
    enter_error_state(test);
    return CKR_FIPS_SELF_TEST_FAILED;
  }
  allow(test);
  return CKR_OK;
}

bool check_integrity(bool corrupt) {
  const std::string file = module_file();
  return !file.empty() && module_is_intact(file, file + ".hmac", corrupt);
}

const char* word(Result result) {
  switch (result) {
    case Result::kPassed:
      return "passed";
    case Result::kFailed:
      return "failed";
    case Result::kNotRun:
      break;
  }
  return "not run";
}

}  // namespace

bool take_fault(Test test) {
  return (faults.load(std::memory_order_relaxed) & bit(test)) != 0 &&
         (faults.fetch_and(~bit(test)) & bit(test)) != 0;
}

void record(Test test, bool passed) {
  results[index(test)].store(passed ? Result::kPassed : Result::kFailed);
}

void enter_error_state(Test test) {
  const char* expected = nullptr;
  first_failure.compare_exchange_strong(expected, kTests[index(test)].name);
  record(test, false);
  error_state.store(true);
  usable.store(0);
}

CK_RV require(Algorithm algorithm) {
  if (forked()) return CKR_CRYPTOKI_NOT_INITIALIZED;
  const Test test = test_of(algorithm);
  if ((usable.load(std::memory_order_acquire) & bit(test)) != 0) return CKR_OK;
  const Row& row = kTests[index(test)];
  if (no_wait && row.slow && !error_state.load()) return CKR_STRONGROOM_BUSY;
  return run(test, row.known_answer);
}

Algorithm hmac_with(Hash hash) {
  switch (hash) {
    case Hash::kSha1:
      return Algorithm::kHmacSha1;
    case Hash::kSha224:
      return Algorithm::kHmacSha224;
    case Hash::kSha256:
      return Algorithm::kHmacSha256;
    case Hash::kSha384:
      return Algorithm::kHmacSha384;
    case Hash::kSha512:
      break;
  }
  return Algorithm::kHmacSha512;
}

Algorithm hash_alone(Hash hash) {
  return hash == Hash::kSha256 ? Algorithm::kSha256 : hmac_with(hash);
}

CK_RV integrity() {
  // The integrity test uses HMAC-SHA-256, which therefore comes first (7.10.2.2).
  const CK_RV rv = require(Algorithm::kHmacSha256);
  return rv != CKR_OK ? rv : run(Test::kIntegrity, check_integrity);
}

CK_RV run_all() {
  if (no_wait) return CKR_STRONGROOM_BUSY;
  const auto again = [](Test test, bool (*passes)(bool corrupt)) {
    usable.fetch_and(~bit(test));
    return run(test, passes);
  };
  CK_RV rv = CKR_OK;
  for (std::size_t i = 0; i < kTestCount && rv == CKR_OK; ++i) {
    if (kTests[i].known_answer) rv = again(static_cast<Test>(i), kTests[i].known_answer);
  }
  return rv == CKR_OK ? again(Test::kIntegrity, check_integrity) : rv;
}

bool in_error_state() { return error_state.load(); }

std::string failed_test() {
  const char* const name = first_failure.load();
  return name != nullptr ? name : "";
}

bool fail_next(const char* name) {
  if (name == nullptr) {
    faults.store(0);
    return true;
  }
  for (std::size_t i = 0; i < kTestCount; ++i) {
    if (std::strcmp(kTests[i].name, name) != 0) continue;
    const auto test = static_cast<Test>(i);
    faults.fetch_or(bit(test));
    usable.fetch_and(~bit(test));  // so that it runs again before the next use
    if (test == Test::kEntropy) drbg::request_reseed();
    return true;
  }
  return false;
}

std::string report() {
  std::string text;
  for (std::size_t i = 0; i < kTestCount; ++i) {
    if (i != 0) text += '\n';
    text += kTests[i].name;
    text += '\t';
    text += kTests[i].reference;
    text += '\t';
    text += word(results[i].load());
  }
  return text;
}

}  // namespace strongroom::self_test
