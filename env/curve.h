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

// What a transport needs to speak and to hear CURVE. Whom a listener lets in, CurveGate says.
struct CurveKeys {
  // Whom we connect to proves that it holds the secret half of this; empty: we never connect.
  std::string server_public_key;
  // Proves to those who connect that we are that server; empty: we never listen.
  std::string server_secret_key;
  // What we present to those we connect to.
  CurveKeyPair own;

  // Errors: kInvalidArgument, naming the key that is none.
  Status Validate() const;
};

// The 32 bytes of a key in Z85. Errors: kInvalidArgument, naming it `name`.
Result<std::string> CurveKeyBytes(const std::string& key, const std::string& name);

// Make a socket of libzmq the one or the other side, before it is bound or connected; the keys
// are valid. For env/*.cc.
void BeCurveServer(void* socket, const std::string& server_secret_key);
void BeCurveClient(void* socket, const CurveKeys& keys);

}  // namespace skybridge::env
