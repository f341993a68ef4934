// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "common/shard_map.h"
#include "common/status.h"
#include "common/table_spec.h"
#include "proto/wire.pb.h"
#include "ps/phase_rules.h"
#include "ps/requests.h"
#include "ps/row_queries.h"

namespace skybridge::ps {

inline constexpr int kPartsMax = 64;  // Tables in one message.

// From messages to typed values. Errors of all: kInvalidArgument if a number does not fit its type,
// a table does not exist, a width is not the table's, or the parts do not add up to the payload
// exactly.
Result<PushRequest> DecodePush(const wire::Header& header, std::string_view payload,
                               const TableSpecs& tables);
Result<PullRequest> DecodePull(const wire::Pull& message, std::string_view payload,
                               const TableSpecs& tables);
Result<PhaseRules> DecodeRules(const wire::OpenPhase& message);
Result<ShardMap> DecodeMap(const wire::ClusterMap& message);
Result<Rank> DecodeRank(uint32_t rank);
Result<Attempt> DecodeAttempt(uint32_t attempt);

// And back.
wire::PhaseReply EncodeSummary(Phase phase, const PhaseSummary& summary);
wire::PullReply EncodePullReply(const PullRequest& pull, const TableSpecs& tables,
                                uint64_t committed);
wire::ScanReply EncodeScanReply(uint32_t table, const ScanPage& page, const TableSpecs& tables);
wire::TableHashReply EncodeHashes(const std::vector<TableSum>& sums, const TableSpecs& tables);

}  // namespace skybridge::ps
