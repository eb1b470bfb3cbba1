// Public-key keys among threads, and where the numbers of private ones are.
#include <algorithm>
#include <atomic>
#include <barrier>
#include <thread>

#include "test/public_key_support.h"
#include "token/algorithms/key_encoding.h"

namespace strongroom {
namespace {

using test::Buffer;
using test::Curve;
using test::Hash;
using test::pattern;

// One thread's share of work on a pair; counts wrong results.
void work_on(test::PrivateKey& key, unsigned seed, int rounds, std::atomic<int>& wrong) {
  const Buffer digest = pattern(32, seed);
  test::PublicKey& public_key = *key.public_key();
  const bool rsa = public_key.type() == CKK_RSA;
  const algorithms::Pss pss{Hash::kSha256, Hash::kSha256, 32};
  Buffer signature(rsa ? public_key.modulus().size()
                       : 2 * algorithms::field_length(public_key.curve()));
  for (int i = 0; i < rounds; ++i) {
    const CK_RV made = rsa ? algorithms::rsa_pss_sign(key, pss, true, digest, signature)
                           : algorithms::ecdsa_sign(key, digest, signature);
    const CK_RV good = rsa ? algorithms::rsa_pss_verify(public_key, pss, true, digest, signature)
                           : algorithms::ecdsa_verify(public_key, digest, signature);
    if (made != CKR_OK || good != CKR_OK) ++wrong;
  }
}

TEST(PairThreads, TwoThreadsHammerOnePair) {
  for (const auto& key :
       {test::rsa_key(2048), test::ec_key(Curve::kP256), test::ec_key(Curve::kSecp256k1)}) {
    std::atomic<int> wrong = 0;
    std::thread one([&] { work_on(*key, 1, 100, wrong); });
    std::thread two([&] { work_on(*key, 2, 100, wrong); });
    one.join();
    two.join();
    EXPECT_EQ(wrong, 0);
  }
}

TEST(PairThreads, MoreThreadsThanNumbersLiveAtOnce) {
  constexpr unsigned kThreads = 80;
  const auto key = test::ec_key(Curve::kP256);
  std::atomic<int> wrong = 0;
  std::barrier all_alive(kThreads);
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i)
    threads.emplace_back([&, i] {
      work_on(*key, i, 1, wrong);
      all_alive.arrive_and_wait();
      work_on(*key, i, 2, wrong);
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(PairThreads, TheLastReferenceMayGoAnywhere) {
  std::atomic<int> wrong = 0;
  const Buffer value(test::ec_key(Curve::kP256)->value().begin(),
                     test::ec_key(Curve::kP256)->value().end());
  for (unsigned i = 0; i < 30; ++i) {
    auto key = test::private_key_of(value);
    std::thread one([&wrong, key] { work_on(*key, 1, 1, wrong); });
    std::thread two([&wrong, key] { work_on(*key, 2, 3, wrong); });
    key.reset();
    one.join();
    two.join();
  }
  EXPECT_EQ(wrong, 0);
}

// Uses that set up more contexts than a thread keeps.
TEST(PairThreads, ManyKindsOfUseTakeTurns) {
  const auto key = test::rsa_key(2048);
  Buffer signature(256);
  for (int round = 0; round < 2; ++round)
    for (const Hash hash : test::kHashes)
      for (const Hash mgf1 : {Hash::kSha1, Hash::kSha512}) {
        const algorithms::Pss pss{hash, mgf1, 20};
        ASSERT_EQ(algorithms::rsa_pss_sign(*key, pss, false, {}, signature), CKR_OK);
        ASSERT_EQ(algorithms::rsa_pss_verify(*key->public_key(), pss, false, {}, signature),
                  CKR_OK);
      }
}

// The needle and its bytes in the order of a number in the machine.
void expect_nowhere(Bytes number, const char* what) {
  Secret turned(number);
  std::ranges::reverse(turned.mutable_bytes());
  std::size_t bytes = 0;
  for (const Bytes order : {number, turned.bytes()})
    EXPECT_EQ(test::find_in_memory(test::Needle(order), &bytes), std::vector<std::string>())
        << what;
  EXPECT_GT(bytes, std::size_t{1} << 20);
}

TEST(PrivateKeyMemory, AnEcScalarIsNowhereOutsideTheTwoRanges) {
  for (const Curve curve : test::kCurves) {
    std::shared_ptr<test::PrivateKey> key;
    ASSERT_EQ(algorithms::generate_ec_key(curve, &key), CKR_OK);
    std::atomic<int> wrong = 0;
    std::thread([&] { work_on(*key, 1, 2, wrong); }).join();
    work_on(*key, 2, 2, wrong);
    EXPECT_EQ(wrong, 0);
    algorithms::DecodedPrivateKey parts;
    ASSERT_TRUE(algorithms::read_pkcs8(key->value(), &parts));
    expect_nowhere(parts.ec.scalar, "scalar");

    // Control: a copy on the heap is found.
    Buffer on_heap(parts.ec.scalar.begin(), parts.ec.scalar.end());
    std::size_t bytes = 0;
    EXPECT_EQ(test::find_in_memory(test::Needle(parts.ec.scalar), &bytes).size(), 1U);
    wipe(on_heap.data(), on_heap.size());
  }
}

// OpenSSL holds an RSA key's numbers in its own heap while the key lives; nothing of its encoding
// is there, and nothing of it remains afterwards.
TEST(PrivateKeyMemory, AnRsaKeyIsGoneWithItsLastReference) {
  std::shared_ptr<test::PrivateKey> key;
  ASSERT_EQ(algorithms::generate_rsa_key(2048, &key), CKR_OK);
  std::atomic<int> wrong = 0;
  std::thread([&] { work_on(*key, 1, 2, wrong); }).join();
  work_on(*key, 2, 2, wrong);
  EXPECT_EQ(wrong, 0);
  algorithms::DecodedPrivateKey parts;
  ASSERT_TRUE(algorithms::read_pkcs8(key->value(), &parts));
  const auto& rsa = parts.rsa;
  std::size_t bytes = 0;
  const test::Needle encoded(key->value().subspan(key->value().size() - 300));
  EXPECT_EQ(test::find_in_memory(encoded, &bytes), std::vector<std::string>());
  std::vector<Secret> numbers;
  for (const Bytes number : {rsa.private_exponent, rsa.prime1, rsa.prime2, rsa.exponent1,
                             rsa.exponent2, rsa.coefficient})
    numbers.emplace_back(number);
  key.reset();
  for (const Secret& number : numbers) expect_nowhere(number.bytes(), "RSA number");
}

}  // namespace
}  // namespace strongroom
