// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "common/status.h"

namespace skybridge::data {

enum class Compression : uint8_t { kNone, kGzip, kZstd };

// The bytes of a file, unpacked, from front to back. One owner, one thread.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // Fills the front of `out` and returns how much; 0 only at the end.
  // Errors: kDataLoss if the archive is damaged or cut off, kUnavailable if the disk fails.
  virtual Result<size_t> Read(std::span<char> out) = 0;
};

// Opens `path` at byte `begin` (0 for archives, which may consist of several members).
// Errors: kNotFound; kDataLoss if it is not an archive of that kind.
Result<std::unique_ptr<ByteStream>> OpenBytes(const std::string& path, Compression compression,
                                              uint64_t begin = 0);

}  // namespace skybridge::data
