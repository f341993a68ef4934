// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/node.h"
#include "common/status.h"
#include "env/row_store.h"
#include "ps/row_index.h"
#include "ps/sorted_rows.h"

namespace skybridge::ps {

// Some rows of an image, as they were when this was made, on their way to the store: first written
// beside it, then made part of it, both on another thread. TieredRows made it, and may take the
// second step before that thread does. What is not said to be for any thread is TieredRows's.
class ImagePiece {
 public:
  // `store` outlives it.
  explicit ImagePiece(env::RowStore& store) : store_(store) {}

  // The first step. Once, on any thread; nothing else of this is used meanwhile.
  void Stage() {
    const std::vector<env::RowRun> runs = rows.Runs();
    std::vector<env::StoreNote> views;
    for (const auto& [name, value] : notes) views.push_back({name, value});
    auto written = store_.Stage(runs, views);
    status = written.status();
    if (written) staged_ = std::make_unique<env::PendingRows>(store_, *std::move(written));
  }
  // The second. Any thread, and again: it is done once, and others wait for it.
  Status Enter() { return staged_->Enter(); }

  SortedRows rows;
  std::vector<std::pair<std::string, std::string>> notes;
  bool whole = false;  // It is the last one of its image.
  // Where the image stood before it, and how often the store had been written.
  size_t begin_table = 0;
  RowNumber begin_row = 0;
  uint64_t writes = 0;
  uint64_t end = 0;  // Of the log: what explains these rows.
  std::vector<uint64_t> stored;
  Status status{StatusCode::kUnavailable, "this piece was not written"};  // Of Stage.
  bool noted = false;  // That it is in the store; set by TieredRows.

 private:
  env::RowStore& store_;
  std::unique_ptr<env::PendingRows> staged_;
};

// A step of a piece.
class PieceTask : public Task {
 public:
  enum class Step { kStage, kEnter };
  PieceTask(std::shared_ptr<ImagePiece> of, Step what) : piece(std::move(of)), step(what) {}
  void Run() override {
    if (step == Step::kStage) {
      piece->Stage();
    } else {
      (void)piece->Enter();
    }
  }

  const std::shared_ptr<ImagePiece> piece;
  const Step step;
};

}  // namespace skybridge::ps
