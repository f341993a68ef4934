// SPDX-License-Identifier: Apache-2.0
#include "proto/envelope.h"

#include <utility>

#include <glog/logging.h>

#include "common/hash.h"

namespace skybridge::wire {

Envelope Seal(std::string peer, Header header, std::string payload) {
  header.set_payload_bytes(payload.size());
  header.set_payload_crc32c(Crc32c(payload));
  Envelope message{.peer = std::move(peer), .payload = std::move(payload)};
  CHECK(header.SerializeToString(&message.header));
  return message;
}

Result<Header> Open(const Envelope& message) {
  if (message.header.size() > kHeaderBytesMax) {
    return Status(StatusCode::kInvalidArgument,
                  "open message: header of " + std::to_string(message.header.size()) + " bytes");
  }
  Header header;
  if (!header.ParseFromString(message.header) || header.body_case() == Header::BODY_NOT_SET) {
    return Status(StatusCode::kInvalidArgument, "open message: the header does not parse");
  }
  if (header.payload_bytes() != message.payload.size()) {
    return Status(StatusCode::kInvalidArgument,
                  "open message: payload of " + std::to_string(message.payload.size()) +
                      " bytes, declared " + std::to_string(header.payload_bytes()));
  }
  if (header.payload_crc32c() != Crc32c(message.payload)) {
    return Status(StatusCode::kCorrupt, "open message: payload checksum differs");
  }
  return header;
}

Envelope Refusal(const Envelope& request, const Header& header, const Identity& self,
                 const Status& status) {
  Header reply;
  *reply.mutable_identity() = self;
  reply.set_request(header.request());
  reply.mutable_error()->set_code(static_cast<uint32_t>(status.code()));
  reply.mutable_error()->set_message(status.message());
  reply.mutable_error()->set_detail(status.detail());
  return Seal(request.peer, std::move(reply));
}

Status ToStatus(const Error& error) {
  if (error.code() == 0) return Status(StatusCode::kInternal, "an error without a code");
  return Status(static_cast<StatusCode>(error.code()), error.message(), error.detail());
}

}  // namespace skybridge::wire
