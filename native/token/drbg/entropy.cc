#include "token/drbg/entropy.h"

#include <sys/random.h>

#include <cerrno>

#include "token/self_test/registry.h"

namespace strongroom::drbg {
namespace {

bool read_system(MutableBytes out) {
  while (!out.empty()) {
    const ssize_t count = getrandom(out.data(), out.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    out = out.subspan(static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

bool HealthTests::accept(Bytes samples) {
  for (const std::uint8_t sample : samples)
    if (!accept_one(sample)) return false;
  return true;
}

bool HealthTests::accept_one(std::uint8_t sample) {
  repetitions_ = repetitions_ != 0 && sample == last_ ? repetitions_ + 1 : 1;
  last_ = sample;
  if (repetitions_ >= kRepetitionCutoff) return false;

  if (window_position_ == 0) {
    window_sample_ = sample;
    window_matches_ = 0;
  }
  if (sample == window_sample_) ++window_matches_;
  window_position_ = (window_position_ + 1) % kProportionWindow;
  return window_matches_ < kProportionCutoff;
}

bool EntropySource::draw(MutableBytes out) {
  if (!started_) {
    Secret start_up(HealthTests::kStartUpSamples);
    tests_ = HealthTests();
    if (!start_up || !read_system(start_up.mutable_bytes()) || !tests_.accept(start_up.bytes()))
      return false;
    started_ = true;
  }
  return read_system(out) && tests_.accept(out);
}

bool EntropySource::take(MutableBytes out) {
  const bool good = draw(out) && !self_test::take_fault(self_test::Test::kEntropy);
  if (!good) {
    wipe(out.data(), out.size());
    started_ = false;
  }
  self_test::record(self_test::Test::kEntropy, good);
  return good;
}

}  // namespace strongroom::drbg
