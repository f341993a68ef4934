// SPDX-License-Identifier: Apache-2.0
#include "launch/cluster_keys.h"

#include <filesystem>
#include <system_error>

#include <fmt/format.h>
#include <glog/logging.h>
#include <nlohmann/json.hpp>

#include "env/files.h"
#include "launch/files.h"

namespace skybridge::launch {
namespace {

using Json = nlohmann::json;

namespace fs = std::filesystem;

constexpr fs::perms kOthers = fs::perms::group_all | fs::perms::others_all;

Json Shown(const env::CurveKeyPair& pair) {
  return {{"public", pair.public_key}, {"secret", pair.secret_key}};
}

}  // namespace

Status DrawClusterKeys(const std::string& path) {
  SKY_ASSIGN_OR_RETURN(const env::CurveKeyPair server, env::NewCurveKeyPair());
  SKY_ASSIGN_OR_RETURN(const env::CurveKeyPair node, env::NewCurveKeyPair());
  const std::string text = Json{{"server", Shown(server)}, {"node", Shown(node)}}.dump(2) + "\n";
  return env::WriteSecretFile(path, text);
}

Result<env::CurveKeys> ReadClusterKeys(const std::string& path) {
  SKY_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  std::error_code ignored;
  if ((fs::status(path, ignored).permissions() & kOthers) != fs::perms::none) {
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
