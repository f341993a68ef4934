// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <malloc.h>

#include <cstdint>
#include <string>
#include <vector>

#include "common/node.h"
#include "proto/envelope.h"
#include "tests/fuzz/fuzz_input.h"

// Of the address sanitizer, which has a heap of its own.
extern "C" __attribute__((weak)) size_t __sanitizer_get_current_allocated_bytes();

namespace skybridge::fuzz {

// Bytes that this process has allocated and not freed.
inline uint64_t HeapBytes() {
  if (__sanitizer_get_current_allocated_bytes != nullptr) {
    return __sanitizer_get_current_allocated_bytes();
  }
  const struct mallinfo2 heap = mallinfo2();
  return heap.uordblks + heap.hblkhd;
}

// What a node sent, opened as its receivers will: each message must be one that they can read, and
// each refusal one that says why.
inline std::vector<wire::Header> OpenAll(const std::vector<Envelope>& sent) {
  std::vector<wire::Header> headers;
  for (const Envelope& message : sent) {
    Result<wire::Header> header = wire::Open(message);
    CHECK(header.has_value()) << "to " << message.peer << ": " << header.error();
    CHECK_LE(message.payload.size(), wire::kFrameBytesMax);
    if (header->has_error()) CheckSays(wire::ToStatus(header->error()));
    headers.push_back(*std::move(header));
  }
  return headers;
}

}  // namespace skybridge::fuzz
