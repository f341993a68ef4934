// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "common/shard_map.h"
#include "proto/wire.pb.h"
#include "scheduler/grant_spec.h"
#include "scheduler/lease.h"
#include "scheduler/lease_table.h"
#include "scheduler/membership.h"
#include "scheduler/shard_calls.h"

namespace skybridge::scheduler {

// Between the wire's messages and the machines' structs. Pure; nothing is checked beyond what a
// struct cannot hold.

// Nothing if the role is neither shard nor trainer.
std::optional<Registration> FromWire(const wire::Register& message);
LeaseId FromWire(const wire::Lease& message);
WorkDone FromWire(const wire::Progress& message);
LeaseOutcome FromWire(const wire::LeaseDone& message);
ShardReply FromWire(const wire::PhaseReply& message);
ShardReply FromWire(const wire::TableHashReply& message);
// An attempt in `node`'s hands.
Granted FromWire(const wire::Lease& lease, uint32_t attempt, Incarnation node);
// The leases that `node` says it holds.
std::vector<Granted> HeldLeases(const wire::Heartbeat& message, Incarnation node);

wire::Lease ToWire(const LeaseId& lease);
wire::Register ToWire(const Registration& registration);
// Headers without identity.
wire::Header ToWire(const ShardCall& call);
wire::Header ToWire(const Granted& granted, const GrantSpec& spec);
wire::Header ToWire(const ShardMap& map);

// A status, also OK, and back.
wire::Error ToWire(const Status& status);
Status StatusFromWire(const wire::Error& error);

}  // namespace skybridge::scheduler
