// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "common/status.h"

namespace skybridge::env {

// A CurveZMQ key pair, both in Z85: 40 characters each.
struct CurveKeyPair {
  std::string public_key;
  std::string secret_key;
};

// Draws a pair from the system's random numbers.
// Errors: kUnavailable if this libzmq has no CURVE.
Result<CurveKeyPair> NewCurveKeyPair();

// What a transport needs to speak and to hear CURVE.
struct CurveKeys {
  // Whom we connect to proves that it holds the secret half of this; empty: we never connect.
  std::string server_public_key;
  // We prove to those who connect that we are this server; empty: we never listen.
  std::string server_secret_key;
  // What we present to those we connect to.
  CurveKeyPair own;

  // Errors: kInvalidArgument, naming the key that is none.
  Status Validate() const;
};

}  // namespace skybridge::env
