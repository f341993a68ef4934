// SPDX-License-Identifier: Apache-2.0
#include "ps/chunk_assembler.h"

#include <algorithm>
#include <string>
#include <utility>

namespace skybridge::ps {
namespace {

std::string Describe(const PushRequest& request) {
  return "push " + std::to_string(request.sequence) + " of stream " +
         std::to_string(Number(request.stream)) + ", chunk " + std::to_string(request.chunk) +
         " of " + std::to_string(request.chunks);
}

template <typename T>
void MoveAppend(std::vector<T>& to, std::vector<T>&& from) {
  if (to.empty()) {
    to = std::move(from);
  } else {
    to.insert(to.end(), from.begin(), from.end());
    from = {};
  }
}

// Adds the rows of `part` behind those of its table.
Status AppendPart(PushPart&& part, std::vector<PushPart>& parts) {
  if (parts.empty() || parts.back().table < part.table) {
    parts.push_back(std::move(part));
    return Status();
  }
  PushPart& last = parts.back();
  const bool both_filled = !last.ids.empty() && !part.ids.empty();
  if (last.table != part.table || (both_filled && last.ids.back() >= part.ids.front()) ||
      (both_filled && last.sightings.empty() != part.sightings.empty())) {
    return Status(StatusCode::kInvalidArgument,
                  "table " + std::to_string(Number(part.table)) +
                      " does not go on where the chunks before ended");
  }
  MoveAppend(last.ids, std::move(part.ids));
  MoveAppend(last.gradients, std::move(part.gradients));
  MoveAppend(last.sightings, std::move(part.sightings));
  return Status();
}

// Room for all rows that `chunks` have of the table of `part`: growing as they come would take up
// to twice their bytes, of which the budget knows nothing.
void Reserve(const std::vector<std::optional<PushRows>>& chunks, PushPart* part) {
  size_t ids = 0, gradients = 0, sightings = 0;
  for (const std::optional<PushRows>& chunk : chunks) {
    for (const PushPart& other : chunk->parts) {
      if (other.table != part->table) continue;
      ids += other.ids.size();
      gradients += other.gradients.size();
      sightings += other.sightings.size();
    }
  }
  part->ids.reserve(ids);
  part->gradients.reserve(gradients);
  part->sightings.reserve(sightings);
}

Result<PushRows> Join(std::vector<std::optional<PushRows>> chunks) {
  PushRows whole{.rate = chunks.front()->rate, .examples = chunks.front()->examples};
  for (std::optional<PushRows>& chunk : chunks) {
    if (chunk->rate != whole.rate) {
      return Status(StatusCode::kInvalidArgument, "chunks with different rates");
    }
    for (PushPart& part : chunk->parts) {
      if (whole.parts.empty() || whole.parts.back().table != part.table) Reserve(chunks, &part);
      SKY_RETURN_IF_ERROR(AppendPart(std::move(part), whole.parts));
    }
  }
  return whole;
}

}  // namespace

ChunkAssembler::Pushes::iterator ChunkAssembler::Forget(Pushes::iterator push) {
  budget_.Give(push->second.bytes);
  return unfinished_.erase(push);
}

Result<std::optional<AssembledPush>> ChunkAssembler::Add(PushRequest request) {
  if (request.chunks == 0 || request.chunks > kChunksMax || request.chunk >= request.chunks) {
    return Status(StatusCode::kInvalidArgument, Describe(request) + ": there can be 1 to " +
                                                    std::to_string(kChunksMax) + " chunks");
  }
  const uint64_t bytes = request.rows.bytes();
  auto it = unfinished_.find({request.stream, request.sequence});
  if (it != unfinished_.end() && it->second.attempt < request.attempt) {
    Forget(it);
    it = unfinished_.end();
  }
  if (it != unfinished_.end()) {
    Unfinished& push = it->second;
    if (push.attempt > request.attempt) {
      return Status(StatusCode::kFenced, Describe(request) + ": a later attempt sends it");
    }
    if (push.crcs.size() != request.chunks) {
      return Status(StatusCode::kInvalidArgument, Describe(request) + ": it was announced with " +
                                                      std::to_string(push.crcs.size()));
    }
    if (push.whole || push.chunks[request.chunk]) {
      if (push.crcs[request.chunk] == request.crc) {
        std::optional<AssembledPush> whole = std::move(push.whole);
        if (whole) unfinished_.erase(it);
        return whole;
      }
      return Status(StatusCode::kNondeterminism,
                    Describe(request) + ": came again with other bytes");
    }
  }
  if (it == unfinished_.end() && unfinished_.size() >= kUnfinishedMax) {
    return Status(
        StatusCode::kResourceExhausted,
        Describe(request) + ": " + std::to_string(kUnfinishedMax) + " pushes are unfinished");
  }
  if (!budget_.TryTake(bytes)) {
    return Status(StatusCode::kResourceExhausted,
                  Describe(request) + ": " + std::to_string(bytes) + " bytes, and " +
                      std::to_string(budget_.used()) + " of " + std::to_string(budget_.limit()) +
                      " wait already");
  }
  if (it == unfinished_.end()) {
    it = unfinished_.emplace(std::pair(request.stream, request.sequence), Unfinished{}).first;
    it->second.attempt = request.attempt;
    it->second.chunks.resize(request.chunks);
    it->second.crcs.resize(request.chunks);
  }
  Unfinished& push = it->second;
  push.bytes += bytes;
  push.crcs[request.chunk] = request.crc;
  const std::string name = Describe(request);
  push.chunks[request.chunk] = std::move(request.rows);
  const auto is_there = [](const auto& chunk) { return chunk.has_value(); };
  if (!std::ranges::all_of(push.chunks, is_there)) return std::optional<AssembledPush>();

  Unfinished finished = std::move(push);
  unfinished_.erase(it);
  auto whole = Join(std::move(finished.chunks));
  if (!whole) {
    budget_.Give(finished.bytes);
    return whole.error().WithContext(name);
  }
  return std::optional<AssembledPush>(
      AssembledPush{*std::move(whole), std::move(finished.crcs), finished.bytes});
}

void ChunkAssembler::PutBack(StreamId stream, uint64_t sequence, Attempt attempt,
                             AssembledPush push) {
  Unfinished& unfinished = unfinished_[{stream, sequence}];
  unfinished.attempt = attempt;
  unfinished.crcs = push.crcs;
  unfinished.bytes = push.bytes;
  unfinished.whole = std::move(push);
}

void ChunkAssembler::Drop(StreamId stream) {
  auto it = unfinished_.lower_bound({stream, 0});
  while (it != unfinished_.end() && it->first.first == stream) it = Forget(it);
}

uint64_t ChunkAssembler::bytes() const {
  uint64_t sum = 0;
  for (const auto& [name, push] : unfinished_) sum += push.bytes;
  return sum;
}

void ChunkAssembler::Clear() {
  for (auto it = unfinished_.begin(); it != unfinished_.end();) it = Forget(it);
}

}  // namespace skybridge::ps
