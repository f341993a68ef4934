// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "common/node.h"
#include "ps/shard.h"

namespace skybridge::ps {

// A step of an image from begin to end, as if its task took no time.
inline void ContinueImage(Shard& shard) {
  std::unique_ptr<Task> piece = shard.ContinueImage();
  if (piece == nullptr) return;
  piece->Run();
  shard.TakePiece(&piece);
}

}  // namespace skybridge::ps
