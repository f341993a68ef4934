// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/status.h"
#include "data/byte_stream.h"
#include "data/dataset_plan.h"

namespace skybridge::data {

// Longest line; a longer one is kResourceExhausted.
inline constexpr size_t kLineBytesMax = 64u << 20;

// The lines of a file that start in [begin, end): ranges that cover a file give each line once.
// A line loses its "\n" or "\r\n", the file its byte order mark. Archives are read whole, whatever
// the range; their offsets are those of the unpacked bytes.
class LineReader {
 public:
  static Result<LineReader> Open(const PlannedFile& file, uint64_t begin, uint64_t end);

  // Goes to the next line; false at the end.
  // Errors: kInvalidArgument, with place, if the line is not UTF-8; as ByteStream::Read.
  Result<bool> Next();

  // Of the current line; valid until the next call of Next.
  std::string_view line() const { return line_; }
  // Where it starts.
  uint64_t offset() const { return offset_; }
  // "name:line", or "name, byte offset" where the reader began in the middle of the file.
  std::string Place() const;
  // kInvalidArgument at the current line.
  Status Error(std::string_view what) const;

 private:
  LineReader(const PlannedFile& file, uint64_t begin, uint64_t end);
  // Cuts the next line, with its end, off the buffer; false at the end of the file.
  Result<bool> Cut(std::string_view* raw);
  Status Fill();

  std::string name_;
  std::unique_ptr<ByteStream> bytes_;
  std::string buffer_;
  size_t consumed_ = 0;        // Bytes at the front of the buffer that were given out.
  uint64_t buffer_start_ = 0;  // Of the file, where the buffer starts.
  bool at_end_ = false;        // The buffer holds the last bytes of the file.
  uint64_t end_;
  uint64_t line_number_ = 0;  // From 1.
  bool numbered_;             // Whether the reader began at the first line.
  std::string_view line_;
  uint64_t offset_ = 0;
};

}  // namespace skybridge::data
