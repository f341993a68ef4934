// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/swarm_text.h"

#include <charconv>
#include <cstdint>
#include <functional>
#include <utility>

namespace skybridge::sim {
namespace {

constexpr std::pair<std::string_view, int64_t> kUnits[] = {
    {"s", 1'000'000'000}, {"ms", 1'000'000}, {"us", 1'000}, {"ns", 1}};

template <typename Number>
std::string PrintNumber(Number value) {
  char text[64];
  const auto end = std::to_chars(std::begin(text), std::end(text), value).ptr;
  return {text, end};
}

template <typename Number>
bool ReadNumber(std::string_view text, Number& value) {
  Number read{};
  const auto end = std::from_chars(text.data(), text.data() + text.size(), read);
  if (end.ec != std::errc() || end.ptr != text.data() + text.size()) return false;
  value = read;
  return true;
}

std::string Print(uint32_t value) { return PrintNumber(value); }
std::string Print(uint64_t value) { return PrintNumber(value); }
std::string Print(int32_t value) { return PrintNumber(value); }
std::string Print(double value) { return PrintNumber(value); }
std::string Print(bool value) { return value ? "true" : "false"; }
std::string Print(Duration value) {
  for (const auto& [name, ns] : kUnits) {
    if (value.count() % ns == 0) return PrintNumber(value.count() / ns) + std::string(name);
  }
  return "0s";
}
std::string Print(Instant value) { return Print(value.since_start); }

bool Read(std::string_view text, uint32_t& value) { return ReadNumber(text, value); }
bool Read(std::string_view text, uint64_t& value) { return ReadNumber(text, value); }
bool Read(std::string_view text, int32_t& value) { return ReadNumber(text, value); }
bool Read(std::string_view text, double& value) {
  double read = 0;
  if (!ReadNumber(text, read) || !(read >= 0 && read <= 1e9)) return false;
  value = read;
  return true;
}
bool Read(std::string_view text, bool& value) {
  if (text != "true" && text != "false") return false;
  value = text == "true";
  return true;
}
bool Read(std::string_view text, Duration& value) {
  for (const auto& [name, ns] : kUnits) {
    int64_t count = 0;
    if (!text.ends_with(name) || !ReadNumber(text.substr(0, text.size() - name.size()), count)) {
      continue;
    }
    if (count < 0 || count > 86'400'000'000'000 / ns) return false;  // A day.
    value = Duration(count * ns);
    return true;
  }
  return false;
}
bool Read(std::string_view text, Instant& value) { return Read(text, value.since_start); }

struct Field {
  std::string_view name;
  std::function<std::string(const Swarm&)> print;
  std::function<bool(std::string_view, Swarm&)> read;
};

template <typename Access>
Field Make(std::string_view name, Access access) {
  return {name, [access](const Swarm& swarm) { return Print(access(swarm)); },
          [access](std::string_view text, Swarm& swarm) { return Read(text, access(swarm)); }};
}

#define SKY_FIELD(path) \
  Make(                 \
      #path, [](auto& swarm) -> auto& { return swarm.path; })

const std::vector<Field>& Fields() {
  static const std::vector<Field> fields = {
      SKY_FIELD(shards),
      SKY_FIELD(trainers),
      SKY_FIELD(ranks),
      SKY_FIELD(epochs),
      SKY_FIELD(staleness),
      SKY_FIELD(exports),
      SKY_FIELD(tight_memory),
      SKY_FIELD(long_partitions),
      SKY_FIELD(image_log_bytes),
      SKY_FIELD(log_capacity),
      SKY_FIELD(supervised),
      SKY_FIELD(tick),
      SKY_FIELD(task_max),
      SKY_FIELD(rolling_pause),
      SKY_FIELD(scheduler_outage),
      SKY_FIELD(checkpoint_every),
      SKY_FIELD(checkpoint_keep),
      SKY_FIELD(restores),
      SKY_FIELD(restored_shards),
      SKY_FIELD(scales),
      SKY_FIELD(spare_shards),
      SKY_FIELD(move_piece_bytes),
      SKY_FIELD(links.drop),
      SKY_FIELD(links.duplicate),
      SKY_FIELD(links.reorder),
      SKY_FIELD(links.delay_min),
      SKY_FIELD(links.delay_max),
      SKY_FIELD(links.late_max),
      SKY_FIELD(links.replay),
      SKY_FIELD(links.replay_max),
      SKY_FIELD(links.cuts_per_second),
      SKY_FIELD(links.cut_max),
      SKY_FIELD(trainer_faults.crashes_per_minute),
      SKY_FIELD(trainer_faults.restarts),
      SKY_FIELD(trainer_faults.restart_max),
      SKY_FIELD(trainer_faults.freezes_per_minute),
      SKY_FIELD(trainer_faults.freeze_max),
      SKY_FIELD(server_faults.freezes_per_minute),
      SKY_FIELD(server_faults.freeze_max),
      SKY_FIELD(scheduler_crashes.crashes_per_minute),
      SKY_FIELD(scheduler_crashes.restart_max),
      SKY_FIELD(shard_crashes.crashes_per_minute),
      SKY_FIELD(shard_crashes.restart_max),
      SKY_FIELD(recovery_crashes),
      SKY_FIELD(power_cuts),
      SKY_FIELD(mass_kills_per_minute),
      SKY_FIELD(store_failures),
      SKY_FIELD(heal_at),
      SKY_FIELD(deadline),
  };
  return fields;
}

#undef SKY_FIELD

}  // namespace

Status SetField(std::string_view assignment, Swarm& swarm) {
  const size_t equals = assignment.find('=');
  const std::string_view name = assignment.substr(0, equals);
  for (const Field& field : Fields()) {
    if (field.name != name) continue;
    if (equals != assignment.npos && field.read(assignment.substr(equals + 1), swarm)) {
      return Status();
    }
    return Status(StatusCode::kInvalidArgument, "\"" + std::string(assignment) +
                                                    "\" is no value for " + std::string(name) +
                                                    "; it is " + field.print(swarm) + " now");
  }
  return Status(StatusCode::kNotFound, "a run has no " + std::string(name));
}

Status CheckSwarm(const Swarm& swarm) {
  const LinkFaults& links = swarm.links;
  const std::pair<const char*, bool> rules[] = {
      {"shards must be 1 to 16", swarm.shards >= 1 && swarm.shards <= 16},
      {"trainers must be 1 to 64", swarm.trainers >= 1 && swarm.trainers <= 64},
      {"ranks must be 1 to 64", swarm.ranks >= 1 && swarm.ranks <= 64},
      {"epochs must be 1 to 100", swarm.epochs >= 1 && swarm.epochs <= 100},
      {"checkpoint_keep must be 1 or more", swarm.checkpoint_keep >= 1},
      {"restores must be at most 8", swarm.restores <= 8},
      {"restored_shards must be 1 to 16",
       swarm.restored_shards >= 1 && swarm.restored_shards <= 16},
      {"spare_shards must be at most 16", swarm.spare_shards <= 16},
      {"scales must be at most 100", swarm.scales <= 100},
      {"store_failures must be at most 1", swarm.store_failures <= 1},
      {"power_cuts must be at most 1", swarm.power_cuts <= 1},
      {"staleness must be -1 or more", swarm.staleness >= -1},
      {"tick must be 1ms or more", swarm.tick >= std::chrono::milliseconds(1)},
      {"links.delay_min is above links.delay_max", links.delay_min <= links.delay_max},
      {"links.drop must be at most 1", links.drop <= 1},
      {"heal_at is after deadline", swarm.heal_at <= swarm.deadline},
  };
  for (const auto& [what, holds] : rules) {
    if (!holds) return Status(StatusCode::kInvalidArgument, what);
  }
  return Status();
}

std::vector<std::string> FieldNames() {
  std::vector<std::string> names;
  for (const Field& field : Fields()) names.emplace_back(field.name);
  return names;
}

std::vector<std::string> Differences(const Swarm& from, const Swarm& to) {
  std::vector<std::string> assignments;
  for (const Field& field : Fields()) {
    const std::string value = field.print(to);
    if (value != field.print(from)) assignments.push_back(std::string(field.name) + "=" + value);
  }
  return assignments;
}

std::string Describe(const Swarm& swarm) {
  std::string text;
  for (const Field& field : Fields()) {
    const std::string value = field.print(swarm);
    if (value == "0" || value == "false" || value == "0s") continue;
    text += std::string(text.empty() ? "" : " ") + std::string(field.name) + "=" + value;
  }
  return text;
}

}  // namespace skybridge::sim
