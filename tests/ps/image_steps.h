// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <gtest/gtest.h>

#include "common/node.h"
#include "ps/shard_journal.h"

namespace skybridge::ps {

// A piece of an image from begin to end, as if its tasks took no time.
inline void ContinueImage(ShardJournal& journal) {
  while (const std::unique_ptr<PieceTask> step = journal.ContinueImage()) {
    step->Run();
    EXPECT_TRUE(journal.Sync().ok());  // Beside it.
    journal.TakePiece(*step);
    if (step->step == PieceTask::Step::kEnter) return;
  }
}

}  // namespace skybridge::ps
