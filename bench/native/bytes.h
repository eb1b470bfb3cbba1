// bytes.h: what the loops are given: memory of the caller, lengths in bytes.
#pragma once

#include <cstdint>
#include <span>

namespace strongroom::bench {
using Input = std::span<const std::uint8_t>;
using Output = std::span<std::uint8_t>;
}  // namespace strongroom::bench
