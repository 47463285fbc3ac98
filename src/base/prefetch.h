// Asking for memory before it is needed.
#pragma once

namespace talea {

/// Asks the processor for the cache line at `address`, which need not be one that may be read.
/// Without effect on anything but time.
///
/// All code asks through this one. A function of which the compiler (g++ 12) sees that it does
/// nothing but prefetch, it takes for one without effect, and leaves its calls out; the empty
/// statement is an effect.
[[gnu::always_inline]] inline void prefetch_line(const void* address) {
  __builtin_prefetch(address);
  asm volatile("");
}

}  // namespace talea
