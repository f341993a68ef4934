// SPDX-License-Identifier: Apache-2.0
#include "tests/worker/fake_shards.h"

#include <algorithm>
#include <deque>
#include <memory>

#include <glog/logging.h>

#include "common/bytes.h"
#include "common/hash.h"
#include "proto/envelope.h"

namespace skybridge::worker {

float ValueOf(uint32_t table, uint64_t id, size_t j) {
  const uint64_t bits = CombineHash(CombineHash(table, id), j) >> 40;
  return static_cast<float>(bits) * 0x1p-24f - 0.5f;
}

uint32_t CountOf(uint32_t table, uint64_t id) {
  return static_cast<uint32_t>(CombineHash(table, id) % 5 + 1);
}

PulledRows RowsAt(const TableSpecs& specs, const TableIds& ids) {
  PulledRows rows;
  rows.values.resize(specs.size());
  rows.counts.resize(specs.size());
  for (uint32_t table = 0; table < specs.size(); ++table) {
    for (const uint64_t id : ids[table]) {
      for (size_t j = 0; j < specs[table].dim; ++j) {
        rows.values[table].push_back(ValueOf(table, id, j));
      }
      if (specs[table].kind == TableKind::kCounts) {
        rows.counts[table].push_back(CountOf(table, id));
      }
    }
  }
  return rows;
}

// values [ids, dim], then counts [ids] if they are wanted.
std::string FakeShards::Rows(const wire::TablePart& part, const std::vector<uint64_t>& ids) const {
  std::string bytes;
  for (const uint64_t id : ids) {
    for (size_t j = 0; j < part.dim(); ++j) {
      const float value = ValueOf(part.table(), id, j);
      AppendRaw<float>(bytes, {&value, 1});
    }
  }
  for (const uint64_t id : ids) {
    if (!part.counts()) break;
    const uint32_t count = CountOf(part.table(), id);
    AppendRaw<uint32_t>(bytes, {&count, 1});
  }
  return bytes;
}

void FakeShards::Pull(size_t shard, const Envelope& message, const wire::Pull& pull,
                      wire::Header* reply, std::string* payload) {
  pulls.emplace_back(shard, pull);
  reply->mutable_pull_reply()->set_done(stands.contains(shard) ? stands.at(shard) : 0);
  RawReader reader(message.payload);
  for (const wire::TablePart& part : pull.table()) {
    std::vector<uint64_t> ids;
    CHECK(reader.Read(part.rows(), ids));
    CHECK(std::ranges::is_sorted(ids));
    *reply->mutable_pull_reply()->add_table() = part;
    *payload += Rows(part, ids);
  }
  CHECK_EQ(reader.remaining(), 0u);
}

void FakeShards::Push(size_t shard, const Envelope& message, const wire::Push& push) {
  SeenPush& seen = pushes.emplace_back();
  seen.shard = shard;
  seen.push = push;
  seen.map_version = wire::Open(message)->identity().map_version();
  RawReader reader(message.payload);
  for (const wire::TablePart& part : push.table()) {
    std::vector<uint64_t> ids;
    std::vector<float> gradients;
    std::vector<uint32_t> sightings;
    CHECK(reader.Read(part.rows(), ids));
    CHECK(reader.Read(size_t{part.rows()} * part.dim(), gradients));
    CHECK(!part.counts() || reader.Read(part.rows(), sightings));
    for (size_t i = 0; i < ids.size(); ++i) {
      const std::pair<uint32_t, uint64_t> row(part.table(), ids[i]);
      const auto begin = gradients.begin() + static_cast<ptrdiff_t>(i * part.dim());
      seen.gradients[row].assign(begin, begin + static_cast<ptrdiff_t>(part.dim()));
      if (part.counts()) seen.sightings[row] = sightings[i];
    }
  }
  CHECK_EQ(reader.remaining(), 0u);
}

void FakeShards::Scan(const wire::Scan& scan, wire::Header* reply, std::string* payload) const {
  const auto last = std::ranges::find(scanned, scan.after());
  const auto begin = scan.from_start() ? scanned.begin() : last + 1;
  const auto end =
      begin + std::min(static_cast<ptrdiff_t>(page), static_cast<ptrdiff_t>(scanned.end() - begin));
  const std::vector<uint64_t> ids(begin, end);
  wire::TablePart& part = *reply->mutable_scan_reply()->mutable_part();
  part.set_table(scan.table());
  part.set_rows(static_cast<uint32_t>(ids.size()));
  part.set_dim(3);
  part.set_counts(true);
  reply->mutable_scan_reply()->set_done(end == scanned.end());
  AppendRaw<uint64_t>(*payload, ids);
  *payload += Rows(part, ids);
}

std::pair<wire::Header, std::string> FakeShards::Answer(size_t shard, const Envelope& message) {
  const wire::Header request = *wire::Open(message);
  requests.push_back(request);
  wire::Header reply;
  std::string payload;
  reply.set_request(request.request());
  if (const Status status = refuse ? refuse(shard, request) : Status(); !status.ok()) {
    reply.mutable_error()->set_code(static_cast<uint32_t>(status.code()));
    reply.mutable_error()->set_message(status.message());
    return {reply, payload};
  }
  switch (request.body_case()) {
    case wire::Header::kPull: Pull(shard, message, request.pull(), &reply, &payload); break;
    case wire::Header::kPush:
      Push(shard, message, request.push());
      reply.mutable_push_reply();
      break;
    case wire::Header::kRankQuery: *reply.mutable_rank_reply() = ranks[shard]; break;
    case wire::Header::kLedgerQuery: *reply.mutable_ledger_reply() = ledgers[shard]; break;
    case wire::Header::kRankDone:
      leaves.emplace_back(shard, request.rank_done());
      reply.mutable_rank_done_reply();
      break;
    case wire::Header::kScan: Scan(request.scan(), &reply, &payload); break;
    default: LOG(FATAL) << "no request to a shard: " << request.ShortDebugString();
  }
  return {reply, payload};
}

std::optional<Answer> WorkRunner::Deliver(const Envelope& message) {
  const auto& entries = cluster.map.shards();
  const auto shard = std::ranges::find(entries, message.peer, &ShardMap::Shard::endpoint);
  CHECK(shard != entries.end()) << message.peer;
  auto [header, payload] = shards.Answer(static_cast<size_t>(shard - entries.begin()), message);
  return calls.Match(std::move(header), std::move(payload), {});
}

void WorkRunner::Run(LeaseWork& work) {
  std::deque<Envelope> messages;
  std::deque<std::unique_ptr<Task>> started;
  const auto take = [&](Effects out) {
    CHECK(out.persist.empty());
    for (Envelope& message : out.send) messages.push_back(std::move(message));
    for (auto& task : out.start) started.push_back(std::move(task));
  };
  size_t delivered = 0;
  Effects begun;
  work.Begin({}, &begun);
  take(std::move(begun));
  while (!work.outcome() && !(messages.empty() && started.empty())) {
    Effects out;
    if (!started.empty() && (tasks_first || messages.empty())) {
      const std::unique_ptr<Task> task = std::move(started.front());
      started.pop_front();
      task->Run();
      ++tasks;
      work.OnTask(dynamic_cast<WorkTask&>(*task), {}, &out);
    } else {
      const Envelope message = std::move(messages.front());
      messages.pop_front();
      before(delivered++, work, &out);
      if (const auto answer = Deliver(message)) work.OnAnswer(*answer, {}, &out);
    }
    take(std::move(out));
  }
}

void WorkRunner::Carry(Effects effects,
                       const std::function<void(const Answer&, Effects*)>& take_answer,
                       const std::function<void(WorkTask&, Effects*)>& take_task) {
  std::deque<Envelope> messages(effects.send.begin(), effects.send.end());
  std::deque<std::unique_ptr<Task>> started;
  while (!messages.empty() || !started.empty()) {
    Effects out;
    if (!started.empty()) {
      const std::unique_ptr<Task> task = std::move(started.front());
      started.pop_front();
      task->Run();
      take_task(dynamic_cast<WorkTask&>(*task), &out);
    } else {
      const Envelope message = std::move(messages.front());
      messages.pop_front();
      if (const auto answer = Deliver(message)) take_answer(*answer, &out);
    }
    messages.insert(messages.end(), out.send.begin(), out.send.end());
    std::ranges::move(out.start, std::back_inserter(started));
  }
}

}  // namespace skybridge::worker
