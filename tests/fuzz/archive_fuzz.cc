// SPDX-License-Identifier: Apache-2.0
//
// Packed files: damaged ones, and good ones that are cut off or have a flipped byte.
#include <vector>

#include <zlib.h>
#include <zstd.h>

#include "data/byte_stream.h"
#include "tests/fuzz/fuzz_folder.h"
#include "tests/fuzz/fuzz_input.h"

namespace skybridge::data {
namespace {

constexpr size_t kUnpackedMax = 8u << 20;  // A few bytes may unpack to a thousand times as many.

Result<std::string> ReadAll(const std::string& path, Compression compression, size_t step) {
  SKY_ASSIGN_OR_RETURN(const auto stream, OpenBytes(path, compression));
  std::string all;
  std::vector<char> buffer(step);
  while (all.size() < kUnpackedMax) {
    SKY_ASSIGN_OR_RETURN(const size_t got, stream->Read(buffer));
    CHECK_LE(got, buffer.size());
    if (got == 0) break;
    all.append(buffer.data(), got);
  }
  return all;
}

std::string PackGzip(std::string_view bytes) {
  z_stream stream{};
  CHECK_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string packed(deflateBound(&stream, bytes.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  CHECK_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

// With a checksum, as the zstd program writes it.
std::string PackZstd(std::string_view bytes) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  std::string packed(ZSTD_compressBound(bytes.size()), '\0');
  const size_t size =
      ZSTD_compress2(context, packed.data(), packed.size(), bytes.data(), bytes.size());
  CHECK(!ZSTD_isError(size));
  ZSTD_freeCCtx(context);
  packed.resize(size);
  return packed;
}

void CheckRefused(const Result<std::string>& read) {
  CHECK(!read.has_value());
  CHECK(read.error().code() == StatusCode::kDataLoss) << read.error();
  fuzz::CheckSays(read.error(), "packed");
}

// A whole archive gives its bytes; a cut one, and one with a flipped byte, says so.
void CheckPacked(const fuzz::FuzzFolder& folder, Compression compression, std::string_view bytes,
                 size_t place, uint8_t flip) {
  const size_t step = 1 + place % 4096;
  std::string packed = compression == Compression::kGzip ? PackGzip(bytes) : PackZstd(bytes);
  const auto whole = ReadAll(folder.Write("packed", packed), compression, step);
  CHECK(whole.has_value()) << whole.error();
  CHECK(*whole == bytes);
  const size_t at = place % packed.size();
  if (at > 0) {
    CheckRefused(ReadAll(folder.Write("packed", packed.substr(0, at)), compression, step));
  }
  packed[at] = static_cast<char>(packed[at] ^ flip);
  const auto flipped = ReadAll(folder.Write("packed", packed), compression, step);
  if (!flipped) return CheckRefused(flipped);
  CHECK(*flipped == bytes) << "byte " << at << " flipped by " << int{flip} << " unnoticed";
}

}  // namespace
}  // namespace skybridge::data

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace skybridge;
  fuzz::BeQuiet();
  static const fuzz::FuzzFolder folder;
  fuzz::FuzzInput input(data, size);
  const uint8_t mode = input.Byte();
  const auto compression = mode % 2 == 0 ? data::Compression::kGzip : data::Compression::kZstd;
  const auto place = input.Take<uint16_t>();
  const uint8_t flip = input.Byte();
  const std::string_view bytes = input.Rest();
  if (mode % 4 < 2) {
    data::CheckPacked(folder, compression, bytes, place, flip);
    return 0;
  }
  const auto read = data::ReadAll(folder.Write("packed", bytes), compression, 1 + place % 4096);
  if (!read) data::CheckRefused(read);
  return 0;
}
