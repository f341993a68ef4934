// SPDX-License-Identifier: Apache-2.0
//
// A message as it comes from a socket: header, payload.
#include "common/hash.h"
#include "proto/envelope.h"
#include "tests/fuzz/fuzz_input.h"

namespace skybridge::wire {
namespace {

// What was opened can be sealed again, and is then the same.
void CheckRoundTrip(const Envelope& message, const Header& header) {
  CHECK_LE(message.header.size(), kHeaderBytesMax);
  CHECK_EQ(header.payload_bytes(), message.payload.size());
  CHECK_EQ(header.payload_crc32c(), Crc32c(message.payload));
  CHECK_NE(header.body_case(), Header::BODY_NOT_SET);
  const Result<Header> again = Open(Seal(message.peer, header, message.payload));
  CHECK(again.has_value()) << again.error();
  CHECK_EQ(again->SerializeAsString(), header.SerializeAsString());
}

// Whatever a refusal says, its receiver reads the same.
void CheckRefusal(const Envelope& message, const Header& header, std::string_view text,
                  uint32_t code) {
  const Status status(static_cast<StatusCode>(code), std::string(text), code);
  const Envelope refusal = Refusal(message, header, header.identity(), status);
  const Result<Header> read = Open(refusal);
  CHECK(read.has_value()) << read.error();
  CHECK_EQ(read->request(), header.request());
  CHECK_EQ(read->identity().SerializeAsString(), header.identity().SerializeAsString());
  const Status told = ToStatus(read->error());
  CHECK(!told.ok()) << "a refusal that is none";
  if (code == 0) return;
  CHECK(told == status) << told;
}

}  // namespace
}  // namespace skybridge::wire

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace skybridge;
  fuzz::BeQuiet();
  fuzz::FuzzInput input(data, size);
  const bool sealed = input.Byte() % 2 == 1;
  const auto code = static_cast<uint32_t>(input.Number());
  const std::string_view text = input.Text();
  Envelope message{.peer = "peer", .payload = std::string(input.Text())};
  message.header = input.Rest();
  wire::Header header;
  // Half of the inputs get past size and checksum.
  if (sealed && header.ParseFromString(message.header)) {
    message = wire::Seal("peer", header, message.payload);
  }
  const auto opened = wire::Open(message);
  if (!opened) {
    fuzz::CheckSays(opened.error(), "open message");
    CHECK(opened.error().code() == StatusCode::kInvalidArgument ||
          opened.error().code() == StatusCode::kCorrupt);
    return 0;
  }
  wire::CheckRoundTrip(message, *opened);
  wire::CheckRefusal(message, *opened, text, code);
  return 0;
}
