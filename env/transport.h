// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "common/node.h"
#include "common/status.h"

namespace skybridge::env {

// Carries messages between nodes. One thread owns it.
//
// Laws: messages from one peer to another arrive in order and at most once while a connection
// lasts; a broken connection or a full queue may lose some, silently for the sender: requests are
// repeated by whoever needs the answer. Nothing arrives that breaks the limits of
// docs/protocol.md: frames per message, bytes per frame.
class Transport {
 public:
  virtual ~Transport() = default;
  // Never blocks.
  virtual void Send(Envelope message) = 0;
  // The next message, waiting up to `timeout` for one.
  virtual std::optional<Envelope> Receive(Duration timeout) = 0;
};

}  // namespace skybridge::env
