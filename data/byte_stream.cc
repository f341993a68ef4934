// SPDX-License-Identifier: Apache-2.0
#include "data/byte_stream.h"

#include <fstream>
#include <utility>
#include <vector>

#include <zlib.h>
#include <zstd.h>

namespace skybridge::data {
namespace {

Status NotThere(const std::string& path) {
  return Status(StatusCode::kNotFound, "open " + path + ": no such file, or not readable");
}

class PlainStream : public ByteStream {
 public:
  PlainStream(std::string path, std::ifstream file)
      : path_(std::move(path)), file_(std::move(file)) {}

  Result<size_t> Read(std::span<char> out) override {
    file_.read(out.data(), static_cast<std::streamsize>(out.size()));
    if (file_.bad()) return Status(StatusCode::kUnavailable, "read " + path_ + ": disk error");
    return static_cast<size_t>(file_.gcount());
  }

 private:
  std::string path_;
  std::ifstream file_;
};

class GzipStream : public ByteStream {
 public:
  GzipStream(std::string path, gzFile file) : path_(std::move(path)), file_(file) {}
  ~GzipStream() override { (void)gzclose_r(file_); }  // Errors were seen while reading.

  Result<size_t> Read(std::span<char> out) override {
    constexpr size_t kReadMax = 1u << 30;
    const size_t wanted = std::min(out.size(), kReadMax);
    const int got = gzread(file_, out.data(), static_cast<unsigned>(wanted));
    int error = Z_OK;
    const char* message = gzerror(file_, &error);
    // A cut-off archive reads as a short one and tells so only here.
    if (got < 0 || error == Z_BUF_ERROR) {
      return Status(StatusCode::kDataLoss, "unpack " + path_ + ": damaged or cut off (" +
                                               std::string(message) + "); fetch it again");
    }
    return static_cast<size_t>(got);
  }

 private:
  std::string path_;
  gzFile file_;
};

class ZstdStream : public ByteStream {
 public:
  ZstdStream(std::string path, std::ifstream file)
      : path_(std::move(path)), file_(std::move(file)), packed_(ZSTD_DStreamInSize()) {}
  ~ZstdStream() override { ZSTD_freeDCtx(context_); }

  Result<size_t> Read(std::span<char> out) override {
    ZSTD_outBuffer unpacked{out.data(), out.size(), 0};
    while (unpacked.pos == 0 && !out.empty()) {
      if (input_.pos == input_.size && !Refill()) {
        // 0 says that the last frame was whole and all of it was given out.
        if (rest_ != 0) return Damaged("cut off");
        break;
      }
      rest_ = ZSTD_decompressStream(context_, &unpacked, &input_);
      if (ZSTD_isError(rest_)) return Damaged(ZSTD_getErrorName(rest_));
    }
    return unpacked.pos;
  }

 private:
  bool Refill() {
    file_.read(packed_.data(), static_cast<std::streamsize>(packed_.size()));
    input_ = {packed_.data(), static_cast<size_t>(file_.gcount()), 0};
    return input_.size > 0;
  }
  Status Damaged(const std::string& why) const {
    return Status(StatusCode::kDataLoss,
                  "unpack " + path_ + ": damaged or cut off (" + why + "); fetch it again");
  }

  std::string path_;
  std::ifstream file_;
  std::vector<char> packed_;
  ZSTD_inBuffer input_{nullptr, 0, 0};
  ZSTD_DCtx* context_ = ZSTD_createDCtx();
  size_t rest_ = 0;  // What zstd still expects of the frame.
};

Result<std::unique_ptr<ByteStream>> OpenGzip(const std::string& path) {
  const gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) return NotThere(path);
  auto stream = std::make_unique<GzipStream>(path, file);
  // zlib hands on what is no archive as it is; the name promised one.
  if (gzdirect(file) != 0) return Status(StatusCode::kDataLoss, "unpack " + path + ": not gzip");
  return std::unique_ptr<ByteStream>(std::move(stream));
}

}  // namespace

Result<std::unique_ptr<ByteStream>> OpenBytes(const std::string& path, Compression compression,
                                              uint64_t begin) {
  if (compression == Compression::kGzip) return OpenGzip(path);
  std::ifstream file(path, std::ios::binary);
  if (!file) return NotThere(path);
  if (compression == Compression::kZstd) {
    return std::unique_ptr<ByteStream>(std::make_unique<ZstdStream>(path, std::move(file)));
  }
  if (begin > 0) file.seekg(static_cast<std::streamoff>(begin));
  return std::unique_ptr<ByteStream>(std::make_unique<PlainStream>(path, std::move(file)));
}

}  // namespace skybridge::data
