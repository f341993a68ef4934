// SPDX-License-Identifier: Apache-2.0
#include "launch/cluster_keys.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <glog/logging.h>
#include <nlohmann/json.hpp>

#include "launch/files.h"

namespace skybridge::launch {
namespace {

using Json = nlohmann::json;

constexpr mode_t kOwnerAlone = 0600;
constexpr mode_t kOthers = 0077;

Json Shown(const env::CurveKeyPair& pair) {
  return {{"public", pair.public_key}, {"secret", pair.secret_key}};
}

}  // namespace

Status DrawClusterKeys(const std::string& path) {
  SKY_ASSIGN_OR_RETURN(const env::CurveKeyPair server, env::NewCurveKeyPair());
  SKY_ASSIGN_OR_RETURN(const env::CurveKeyPair node, env::NewCurveKeyPair());
  const std::string text = Json{{"server", Shown(server)}, {"node", Shown(node)}}.dump(2) + "\n";
  const auto failed = [&](StatusCode code) {
    return Status(code, fmt::format("write keys to {}: {}", path, std::strerror(errno)));
  };
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kOwnerAlone);
  if (file < 0) {
    return failed(errno == EEXIST ? StatusCode::kAlreadyExists : StatusCode::kUnavailable);
  }
  const bool written = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const Status status = written ? Status() : failed(StatusCode::kUnavailable);
  close(file);
  if (!written) unlink(path.c_str());
  return status;
}

Result<env::CurveKeys> ReadClusterKeys(const std::string& path) {
  SKY_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  struct stat about {};
  if (stat(path.c_str(), &about) == 0 && (about.st_mode & kOthers) != 0) {
    LOG(WARNING) << "keys " << path << ": others than its owner may use it: chmod 600 " << path;
  }
  const Json json = Json::parse(text, nullptr, false);
  const auto at = [&json](const char* pair, const char* half) {
    const Json::json_pointer place(fmt::format("/{}/{}", pair, half));
    return json.is_object() && json.contains(place) && json[place].is_string()
               ? json[place].get<std::string>()
               : std::string("none");
  };
  env::CurveKeys keys{.server_public_key = at("server", "public"),
                      .server_secret_key = at("server", "secret"),
                      .own = {at("node", "public"), at("node", "secret")}};
  const Status valid = keys.Validate();
  if (!valid.ok()) {
    return Status(
        StatusCode::kInvalidArgument,
        fmt::format("keys {}: {}; make such a file with skybridge keygen", path, valid.message()));
  }
  return keys;
}

}  // namespace skybridge::launch
