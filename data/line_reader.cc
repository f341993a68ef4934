// SPDX-License-Identifier: Apache-2.0
#include "data/line_reader.h"

#include <limits>
#include <utility>

#include <fmt/format.h>

#include "data/utf8.h"

namespace skybridge::data {
namespace {

constexpr size_t kReadBytes = 256u << 10;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

}  // namespace

LineReader::LineReader(const PlannedFile& file, uint64_t begin, uint64_t end)
    : name_(file.name), end_(end), numbered_(begin == 0) {
  if (file.compression != Compression::kNone) {
    end_ = std::numeric_limits<uint64_t>::max();
    numbered_ = true;
  }
}

Result<LineReader> LineReader::Open(const PlannedFile& file, uint64_t begin, uint64_t end) {
  LineReader reader(file, begin, end);
  // One byte early: a line starts at `begin` exactly if a newline stands before it.
  const uint64_t start = reader.numbered_ ? 0 : begin - 1;
  SKY_ASSIGN_OR_RETURN(reader.bytes_, OpenBytes(file.path, file.compression, start));
  reader.buffer_start_ = start;
  if (start > 0 || !reader.numbered_) {
    std::string_view rest;
    SKY_RETURN_IF_ERROR(reader.Cut(&rest).status());
  }
  return reader;
}

Status LineReader::Fill() {
  buffer_.erase(0, consumed_);
  buffer_start_ += consumed_;
  consumed_ = 0;
  const size_t held = buffer_.size();
  buffer_.resize(held + kReadBytes);
  const Result<size_t> got = bytes_->Read(std::span(buffer_).subspan(held));
  buffer_.resize(held + (got ? *got : 0));
  if (got && *got == 0) at_end_ = true;
  return got.status();
}

Result<bool> LineReader::Cut(std::string_view* raw) {
  size_t searched = 0;
  for (;;) {
    const std::string_view rest = std::string_view(buffer_).substr(consumed_);
    const size_t newline = rest.find('\n', searched);
    if (newline != std::string_view::npos || (at_end_ && !rest.empty())) {
      *raw = rest.substr(0, newline == std::string_view::npos ? newline : newline + 1);
      offset_ = buffer_start_ + consumed_;
      consumed_ += raw->size();
      return true;
    }
    if (at_end_) return false;
    if (rest.size() > kLineBytesMax) {
      return Status(StatusCode::kResourceExhausted,
                    fmt::format("read {}, byte {}: a line of more than {} bytes", name_,
                                buffer_start_ + consumed_, kLineBytesMax));
    }
    searched = rest.size();
    SKY_RETURN_IF_ERROR(Fill());
  }
}

Result<bool> LineReader::Next() {
  if (buffer_start_ + consumed_ >= end_) return false;
  SKY_ASSIGN_OR_RETURN(const bool more, Cut(&line_));
  if (!more) return false;
  ++line_number_;
  if (line_.ends_with('\n')) line_.remove_suffix(1);
  if (line_.ends_with('\r')) line_.remove_suffix(1);
  if (offset_ == 0 && line_.starts_with(kByteOrderMark)) line_.remove_prefix(kByteOrderMark.size());
  if (const size_t good = Utf8Prefix(line_); good < line_.size()) {
    return Error(
        fmt::format("not UTF-8 text at byte {} of the line; convert the file to UTF-8", good + 1));
  }
  return true;
}

std::string LineReader::Place() const {
  if (numbered_) return fmt::format("{}:{}", name_, line_number_);
  return fmt::format("{}, byte {}", name_, offset_);
}

Status LineReader::Error(std::string_view what) const {
  return Status(StatusCode::kInvalidArgument, fmt::format("{}: {}", Place(), what));
}

}  // namespace skybridge::data
