// SPDX-License-Identifier: Apache-2.0
#include "env/curve.h"

#include <array>
#include <cstdint>

#include <glog/logging.h>
#include <zmq.h>

namespace skybridge::env {
namespace {

constexpr size_t kKeyCharacters = 40;
constexpr size_t kKeyBytes = 32;
// Named, so that libzmq asks the gate (env/curve_gate.h).
constexpr char kDomain[] = "skybridge";

Status CheckKey(const std::string& key, const char* name) {
  return CurveKeyBytes(key, name).status();
}

void SetText(void* socket, int option, const std::string& text) {
  // Keys in Z85 are given with their terminating zero.
  CHECK_EQ(zmq_setsockopt(socket, option, text.c_str(), text.size() + 1), 0)
      << "ZeroMQ option " << option << ": " << zmq_strerror(zmq_errno());
}

}  // namespace

Result<CurveKeyPair> NewCurveKeyPair() {
  std::array<char, kKeyCharacters + 1> public_key{};
  std::array<char, kKeyCharacters + 1> secret_key{};
  if (zmq_curve_keypair(public_key.data(), secret_key.data()) != 0) {
    return Status(StatusCode::kUnavailable,
                  std::string("draw CURVE keys: ") + zmq_strerror(zmq_errno()));
  }
  return CurveKeyPair{public_key.data(), secret_key.data()};
}

Result<std::string> CurveKeyBytes(const std::string& key, const std::string& name) {
  std::array<uint8_t, kKeyBytes> bytes{};
  if (key.size() == kKeyCharacters && zmq_z85_decode(bytes.data(), key.c_str()) != nullptr) {
    return std::string(bytes.begin(), bytes.end());
  }
  return Status(StatusCode::kInvalidArgument,
                name + " is not a CURVE key: expected 40 characters of Z85");
}

Status CurveKeys::Validate() const {
  if (!server_public_key.empty()) {
    SKY_RETURN_IF_ERROR(CheckKey(server_public_key, "server_public_key"));
    SKY_RETURN_IF_ERROR(CheckKey(own.public_key, "own.public_key"));
    SKY_RETURN_IF_ERROR(CheckKey(own.secret_key, "own.secret_key"));
  }
  if (!server_secret_key.empty()) {
    SKY_RETURN_IF_ERROR(CheckKey(server_secret_key, "server_secret_key"));
  }
  return Status();
}

void BeCurveServer(void* socket, const std::string& server_secret_key) {
  const int yes = 1;
  CHECK_EQ(zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &yes, sizeof yes), 0)
      << zmq_strerror(zmq_errno());
  SetText(socket, ZMQ_CURVE_SECRETKEY, server_secret_key);
  CHECK_EQ(zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, kDomain, sizeof kDomain - 1), 0);
}

void BeCurveClient(void* socket, const CurveKeys& keys) {
  SetText(socket, ZMQ_CURVE_SERVERKEY, keys.server_public_key);
  SetText(socket, ZMQ_CURVE_PUBLICKEY, keys.own.public_key);
  SetText(socket, ZMQ_CURVE_SECRETKEY, keys.own.secret_key);
}

}  // namespace skybridge::env
