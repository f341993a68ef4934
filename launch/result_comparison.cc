// SPDX-License-Identifier: Apache-2.0
#include "launch/result_comparison.h"

#include <map>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace skybridge::launch {
namespace {

using Json = nlohmann::json;

// What is compared, by its name.
using Facts = std::map<std::string, std::string>;

Result<Json> Parse(const std::string& text, const char* which) {
  Json json = Json::parse(text, nullptr, false);
  const auto unfit = [which](const char* why) {
    return Status(StatusCode::kFailedPrecondition, fmt::format("the {} result {}", which, why));
  };
  if (!json.is_object()) return unfit("is not JSON");
  if (json.value("status", "") != "ok") return unfit("is that of a run that failed");
  if (!json.contains("tables") || !json["tables"].is_array()) {
    return unfit("has no tables: `run --hash` names them");
  }
  return json;
}

std::string TextOf(const Json& json, const char* field) {
  return json.contains(field) ? json[field].dump() : "absent";
}

Facts FactsOf(const Json& result, bool lockstep) {
  Facts facts;
  for (const char* field : {"training_pairs", "candidates", "examples_trained", "steps"}) {
    facts[field] = TextOf(result, field);
  }
  if (lockstep && result.contains("evaluations")) {
    facts["evaluations"] = result["evaluations"].dump();
  }
  if (!lockstep) facts["pushes"] = TextOf(result, "pushes");
  for (const Json& table : result["tables"]) {
    const std::string name = "table " + TextOf(table, "name");
    facts[name + " rows"] = TextOf(table, "rows");
    if (lockstep) facts[name] = TextOf(table, "hash");
  }
  return facts;
}

}  // namespace

Result<std::vector<std::string>> CompareResults(const std::string& calm, const std::string& storm,
                                                bool lockstep) {
  SKY_ASSIGN_OR_RETURN(const Json calm_json, Parse(calm, "fault-free"));
  SKY_ASSIGN_OR_RETURN(const Json storm_json, Parse(storm, "storm's"));
  const Facts expected = FactsOf(calm_json, lockstep);
  Facts found = FactsOf(storm_json, lockstep);
  std::vector<std::string> differences;
  for (const auto& [name, value] : expected) {
    const auto it = found.find(name);
    const std::string its = it == found.end() ? "absent" : it->second;
    if (its != value) {
      differences.push_back(fmt::format("{}: {} without faults, {} with them", name, value, its));
    }
    if (it != found.end()) found.erase(it);
  }
  for (const auto& [name, value] : found) {
    differences.push_back(fmt::format("{}: absent without faults, {} with them", name, value));
  }
  return differences;
}

}  // namespace skybridge::launch
