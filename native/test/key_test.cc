// Keys among threads, and where key bytes are.
#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <thread>

#include "test/support.h"
#include "token/drbg/drbg.h"

namespace strongroom {
namespace {

using algorithms::Key;
using test::Buffer;
using test::bytes_field;
using test::counter;
using test::key_of;
using test::length_field;
using test::pattern;
using test::seal;
using test::Sealed;
using test::text;

// One thread's share of work on a key; counts wrong results.
void work_on(Key& key, unsigned seed, int rounds, std::atomic<int>& wrong) {
  const Buffer plaintext = pattern(100, seed), iv = pattern(12, seed);
  Buffer first(100), first_tag(16), first_mac(32);
  if (algorithms::aes_gcm_seal(key, iv, {}, plaintext, first, first_tag) != CKR_OK) ++wrong;
  if (algorithms::hmac_sha256(key, plaintext, first_mac) != CKR_OK) ++wrong;
  for (int i = 0; i < rounds; ++i) {
    Buffer ciphertext(100), tag(16), opened(100), mac(32), nonce(28);
    if (algorithms::aes_gcm_seal(key, iv, {}, plaintext, ciphertext, tag) != CKR_OK ||
        ciphertext != first || tag != first_tag)
      ++wrong;
    if (algorithms::hmac_sha256(key, plaintext, mac) != CKR_OK || mac != first_mac) ++wrong;
    if (algorithms::derive_seal(key, iv, plaintext, nonce, ciphertext, tag) != CKR_OK ||
        algorithms::derive_open(key, nonce, iv, ciphertext, tag, opened) != CKR_OK ||
        opened != plaintext)
      ++wrong;
  }
}

TEST(KeyThreads, TwoThreadsHammerOneKey) {
  const auto key = key_of(pattern(32));
  std::atomic<int> wrong = 0;
  std::thread one([&] { work_on(*key, 1, 5000, wrong); });
  std::thread two([&] { work_on(*key, 2, 5000, wrong); });
  one.join();
  two.join();
  EXPECT_EQ(wrong, 0);
}

TEST(KeyThreads, MoreThreadsThanNumbersLiveAtOnce) {
  constexpr unsigned kThreads = 80;
  const auto key = key_of(pattern(32));
  std::atomic<int> wrong = 0;
  std::barrier all_alive(kThreads);
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i)
    threads.emplace_back([&, i] {
      work_on(*key, i, 1, wrong);
      all_alive.arrive_and_wait();
      work_on(*key, i, 3, wrong);
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(KeyThreads, ThreadsComeAndGoOverOneKey) {
  const auto key = key_of(pattern(32));
  std::atomic<int> wrong = 0;
  for (unsigned i = 0; i < 100; ++i) {
    std::thread one([&] { work_on(*key, i, 2, wrong); });
    std::thread two([&] { work_on(*key, i + 1, 2, wrong); });
    one.join();
    two.join();
  }
  EXPECT_EQ(wrong, 0);
}

TEST(KeyThreads, TheLastReferenceMayGoAnywhere) {
  std::atomic<int> wrong = 0;
  for (unsigned i = 0; i < 50; ++i) {
    auto key = key_of(pattern(32, i));
    std::thread one([&wrong, key] { work_on(*key, 1, 1, wrong); });
    std::thread two([&wrong, key] { work_on(*key, 2, 3, wrong); });
    key.reset();
    one.join();
    two.join();
  }
  EXPECT_EQ(wrong, 0);
}

TEST(MemoryScan, ADerivationKeyIsNowhereOutsideTheTwoRanges) {
  Secret value(32);
  ASSERT_EQ(drbg::generate(value.mutable_bytes()), CKR_OK);
  const test::Needle needle(value.bytes());
  const auto key = Key::make(std::move(value));
  Sealed sealed;
  Secret message_key(32);
  const auto use = [&] {
    const Buffer aad = text("aad"), plaintext = pattern(64);
    sealed = seal(*key, aad, plaintext);
    Buffer opened(64), mac(32);
    ASSERT_EQ(
        algorithms::derive_open(*key, sealed.nonce, aad, sealed.ciphertext, sealed.tag, opened),
        CKR_OK);
    ASSERT_EQ(algorithms::hmac_sha256(*key, plaintext, mac), CKR_OK);
    const Buffer label = text("SR message key"), zero(1),
                 context(sealed.nonce.begin(), sealed.nonce.begin() + 16);
    const std::array fields = {counter(32), bytes_field(label), bytes_field(zero),
                               bytes_field(context), length_field(32)};
    ASSERT_EQ(algorithms::sp800_108_counter(*key, fields, message_key.mutable_bytes()), CKR_OK);
  };
  std::barrier worked(2);
  std::barrier scanned(2);
  std::thread other([&] {
    use();
    worked.arrive_and_wait();
    scanned.arrive_and_wait();  // its stack and contexts stay while the scan runs
  });
  worked.arrive_and_wait();
  std::thread(use).join();
  use();

  std::size_t bytes = 0;
  EXPECT_EQ(test::find_in_memory(needle, &bytes), std::vector<std::string>());
  EXPECT_GT(bytes, std::size_t{1} << 20);
  // The last message's key: gone from the re-keyed GCM context as well.
  EXPECT_EQ(test::find_in_memory(test::Needle(message_key.bytes()), &bytes),
            std::vector<std::string>());
  // Nor as SHA-256 holds its state, in words of this machine.
  for (std::size_t i = 0; i < 32; i += 4)
    std::reverse(message_key.data() + i, message_key.data() + i + 4);
  EXPECT_EQ(test::find_in_memory(test::Needle(message_key.bytes()), &bytes),
            std::vector<std::string>());
  scanned.arrive_and_wait();
  other.join();

  // Controls: a copy on the heap and one on the stack are found.
  Buffer on_heap(key->value().begin(), key->value().end());
  EXPECT_EQ(test::find_in_memory(needle, &bytes).size(), 1U);
  wipe(on_heap.data(), on_heap.size());
  volatile std::uint8_t on_stack[32];
  for (std::size_t i = 0; i < 32; ++i) on_stack[i] = key->value()[i];
  EXPECT_EQ(test::find_in_memory(needle, &bytes).size(), 1U);
  for (volatile std::uint8_t& byte : on_stack) byte = 0;
}

}  // namespace
}  // namespace strongroom
