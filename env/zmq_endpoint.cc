// SPDX-License-Identifier: Apache-2.0
#include "env/zmq_endpoint.h"

#include <arpa/inet.h>

#include <algorithm>
#include <string_view>

namespace skybridge::env {
namespace {

constexpr std::string_view kTcp = "tcp://";
constexpr std::string_view kInproc = "inproc://";

// Host and port of "tcp://host:port"; both empty if it is not of that form.
struct HostAndPort {
  std::string host;
  std::string port;
};

HostAndPort Split(const std::string& endpoint) {
  if (!endpoint.starts_with(kTcp)) return {};
  const std::string rest = endpoint.substr(kTcp.size());
  const size_t colon = rest.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == rest.size()) return {};
  return {rest.substr(0, colon), rest.substr(colon + 1)};
}

bool IsPort(const std::string& port) {
  const auto is_digit = [](char c) { return '0' <= c && c <= '9'; };
  if (port.empty() || port.size() > 5 || !std::ranges::all_of(port, is_digit)) return false;
  return std::stoi(port) <= 65535;
}

bool IsInproc(const std::string& endpoint) {
  return endpoint.starts_with(kInproc) && endpoint.size() > kInproc.size();
}

// An address that only this machine reaches. Names do not count: what they mean may change.
bool IsLoopback(const std::string& host) {
  in_addr four{};
  if (inet_pton(AF_INET, host.c_str(), &four) == 1) return (ntohl(four.s_addr) >> 24) == 127;
  return host == "[::1]";
}

}  // namespace

Status CheckListenEndpoint(const std::string& endpoint, bool protected_or_insecure) {
  if (IsInproc(endpoint)) return Status();
  const HostAndPort parts = Split(endpoint);
  if (parts.host.empty() || (parts.port != "*" && !IsPort(parts.port))) {
    return Status(StatusCode::kInvalidArgument,
                  "listen on \"" + endpoint +
                      "\": expected tcp://ADDRESS:PORT (PORT may be *) or inproc://NAME");
  }
  if (IsLoopback(parts.host) || protected_or_insecure) return Status();
  return Status(
      StatusCode::kFailedPrecondition,
      "listen on " + endpoint +
          ": other machines could connect, and without keys anybody who does can exhaust "
          "this process's memory; give keys (--keys), or listen on 127.0.0.1, or accept the risk "
          "with --insecure_network");
}

bool IsConnectEndpoint(const std::string& endpoint) {
  return IsInproc(endpoint) || IsPort(Split(endpoint).port);
}

}  // namespace skybridge::env
