// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "common/ids.h"
#include "common/node.h"
#include "common/status.h"
#include "proto/wire.pb.h"

namespace skybridge::wire {

// The most a header frame may hold; checked before it is parsed. A grant that lists the files of an
// export is the largest.
inline constexpr size_t kHeaderBytesMax = 256 << 10;
// The most a data payload may hold, and what its frame may hold with framing to spare.
inline constexpr size_t kPayloadBytesMax = 4 << 20;
inline constexpr size_t kFrameBytesMax = kPayloadBytesMax + (64 << 10);

// Two frames: `header` with the payload's size and checksum filled in, and the payload.
Envelope Seal(std::string peer, Header header, std::string payload = {});

// The header of a message whose payload is as declared.
// Errors: kInvalidArgument  not a header, or too large, or the payload has another size.
//         kCorrupt          the payload's checksum is wrong; the sender should resend.
Result<Header> Open(const Envelope& message);

// The answer to `request` that it was not served.
Envelope Refusal(const Envelope& request, const Header& header, const Identity& self,
                 const Status& status);

// The status in an Error body.
Status ToStatus(const Error& error);

}  // namespace skybridge::wire
