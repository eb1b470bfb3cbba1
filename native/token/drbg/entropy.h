// entropy.h: seed material from the operating system, watched by the health tests of SP 800-90B
// section 4.4.
#pragma once

#include <cstdint>

#include "token/secure_memory.h"

namespace strongroom::drbg {

// HealthTests runs the repetition count test (4.4.1) and the adaptive proportion test (4.4.2) over
// a stream of one-byte samples. It credits 4 bits per sample, half of what the kernel's generator
// claims, and lets a good source fail with probability 2^-40 per sample or window.
class HealthTests {
 public:
  static constexpr unsigned kRepetitionCutoff = 11;     // 1 + 40 / 4
  static constexpr unsigned kProportionWindow = 512;    // samples
  static constexpr unsigned kProportionCutoff = 78;     // 1 + critbinom(512, 2^-4, 1 - 2^-40)
  static constexpr std::size_t kStartUpSamples = 1024;  // 4.3, requirement 4

  // False: one of the tests failed at one of these samples; the stream is no longer to be used.
  bool accept(Bytes samples);

 private:
  bool accept_one(std::uint8_t sample);

  unsigned repetitions_ = 0;
  unsigned window_position_ = 0;
  unsigned window_matches_ = 0;
  std::uint8_t last_ = 0;
  std::uint8_t window_sample_ = 0;
};

// EntropySource: getrandom(2) behind the health tests. Not thread-safe. The first take, and the
// first after a failure, runs the start-up test over samples that are then thrown away.
class EntropySource {
 public:
  // Fills out. False: the system gave nothing, a health test failed, or the self-test "entropy" was
  // told to fail; out is wiped.
  bool take(MutableBytes out);

 private:
  bool draw(MutableBytes out);

  HealthTests tests_;
  bool started_ = false;
};

}  // namespace strongroom::drbg
