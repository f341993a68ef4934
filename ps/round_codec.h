// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proto/wire.pb.h"
#include "ps/shard_round.h"

namespace skybridge::ps {

// Puts the scheduler's question to the shard's part of checkpoint rounds, and its answer into
// `reply`. False, and nothing done, if it is about something else.
bool ServeRound(const wire::Header& question, ShardRound& round, wire::Header* reply);

wire::RoundReply EncodeRound(const RoundAnswer& answer);

}  // namespace skybridge::ps
