// SPDX-License-Identifier: Apache-2.0
//
// Pushes, pulls, phases and maps as a shard decodes them, and the checks of rows behind that.
#include <cmath>
#include <span>

#include "common/bytes.h"
#include "ps/row_check.h"
#include "ps/shard_codec.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/fuzz_message.h"

namespace skybridge::ps {
namespace {

const TableSpecs& Tables() {
  static const TableSpecs tables = {{.name = "rows", .dim = 2},
                                    {.name = "counts", .kind = TableKind::kCounts}};
  return tables;
}

// The bytes that a decoded push came from.
std::string Encode(const PushRows& rows, wire::Push* header) {
  std::string payload;
  header->set_rate(rows.rate);
  for (const PushPart& part : rows.parts) {
    wire::TablePart& out = *header->add_table();
    out.set_table(Number(part.table));
    out.set_rows(static_cast<uint32_t>(part.ids.size()));
    out.set_dim(Tables()[Number(part.table)].dim);
    out.set_counts(!part.sightings.empty());
    AppendRaw<RowId>(payload, part.ids);
    AppendRaw<float>(payload, part.gradients);
    AppendRaw<uint32_t>(payload, part.sightings);
  }
  return payload;
}

void CheckAscending(std::span<const RowId> ids) {
  for (size_t i = 1; i < ids.size(); ++i) CHECK(ids[i - 1] < ids[i]) << i;
}

void FuzzPush(const wire::Header& header, std::string_view payload) {
  const auto push = DecodePush(header, payload, Tables());
  if (!push) return fuzz::CheckSays(push.error());
  CHECK_EQ(push->rows.bytes(), payload.size());
  CHECK_LE(push->rows.parts.size(), static_cast<size_t>(kPartsMax));
  CHECK_EQ(Number(push->rank), header.push().rank());
  CHECK_EQ(Number(push->attempt), header.push().attempt());
  for (const PushPart& part : push->rows.parts) {
    CHECK_LT(Number(part.table), Tables().size());
    CHECK_EQ(part.gradients.size(), part.ids.size() * Tables()[Number(part.table)].dim);
  }
  wire::Push same;
  CHECK(Encode(push->rows, &same) == payload);

  const Status checked = CheckPush(Tables(), push->rows, {.slots = {0, kSlotCount}});
  if (!checked.ok()) return fuzz::CheckSays(checked);
  CHECK_GE(push->rows.rate, 0);
  for (size_t i = 0; i < push->rows.parts.size(); ++i) {
    CheckAscending(push->rows.parts[i].ids);
    if (i > 0) CHECK(push->rows.parts[i - 1].table < push->rows.parts[i].table);
    for (const float gradient : push->rows.parts[i].gradients) CHECK(std::isfinite(gradient));
  }
}

void FuzzPull(const wire::Pull& message, std::string_view payload) {
  const auto pull = DecodePull(message, payload, Tables());
  if (!pull) return fuzz::CheckSays(pull.error());
  CHECK_EQ(pull->bytes(), payload.size());
  const wire::PullReply reply = EncodePullReply(*pull, Tables(), 1);
  CHECK_EQ(reply.table_size(), message.table_size());
  for (int i = 0; i < reply.table_size(); ++i) {
    CHECK_EQ(reply.table(i).SerializeAsString(), [&] {
      wire::TablePart part = message.table(i);
      part.DiscardUnknownFields();
      return part.SerializeAsString();
    }());
  }
  const Status checked = CheckPull(Tables(), *pull, {.slots = {0, kSlotCount}});
  if (!checked.ok()) return fuzz::CheckSays(checked);
  for (const PullPart& part : pull->parts) CheckAscending(part.ids);
}

void FuzzRules(const wire::OpenPhase& message) {
  const auto rules = DecodeRules(message);
  if (!rules) return fuzz::CheckSays(rules.error());
  CHECK_EQ(Number(rules->phase), message.phase());
  CHECK_NE(message.phase(), 0u);
  CHECK_EQ(rules->staleness_max.has_value(), message.staleness() >= 0);
  CHECK_EQ(rules->ranks, message.ranks());
}

void FuzzMap(const wire::ClusterMap& message) {
  const auto map = DecodeMap(message);
  if (!map) return fuzz::CheckSays(map.error());
  CHECK_EQ(Number(map->version()), message.version());
  CHECK_EQ(map->shards().size(), static_cast<size_t>(message.shard_size()));
  for (uint64_t id = 0; id < 64; ++id) {
    const size_t owner = map->OwnerOf(TableId(0), RowId(id));
    CHECK_LT(owner, map->shards().size());
    const uint32_t slot = Number(SlotOf(TableId(0), RowId(id)));
    CHECK_GE(slot, map->shards()[owner].slot_begin);
    CHECK_LT(slot, map->shards()[owner].slot_end);
  }
}

}  // namespace
}  // namespace skybridge::ps

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace skybridge;
  fuzz::BeQuiet();
  fuzz::FuzzInput input(data, size);
  wire::Header header;
  switch (input.Below(4)) {
    case 0: fuzz::Fill(input, header.mutable_push()); break;
    case 1: fuzz::Fill(input, header.mutable_pull()); break;
    case 2: fuzz::Fill(input, header.mutable_open_phase()); break;
    default: fuzz::Fill(input, header.mutable_cluster_map()); break;
  }
  const std::string_view payload = input.Rest();
  if (header.has_push()) ps::FuzzPush(header, payload);
  if (header.has_pull()) ps::FuzzPull(header.pull(), payload);
  if (header.has_open_phase()) ps::FuzzRules(header.open_phase());
  if (header.has_cluster_map()) ps::FuzzMap(header.cluster_map());
  return 0;
}
