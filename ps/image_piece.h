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

// Some rows of an image, as they were when this was made, on their way to the store: written beside
// it on another thread, then handed back to TieredRows, which made it.
class ImagePiece : public Task {
 public:
  // `store` outlives it.
  explicit ImagePiece(env::RowStore& store) : store_(store) {}
  void Run() override {
    const std::vector<env::RowRun> runs = rows.Runs();
    std::vector<env::StoreNote> views;
    for (const auto& [name, value] : notes) views.push_back({name, value});
    auto written = store_.Stage(runs, views);
    status = written.status();
    if (written) staged = *std::move(written);
  }

  SortedRows rows;
  std::vector<std::pair<std::string, std::string>> notes;
  bool whole = false;  // It is the last one of its image.
  // Where the image stood before it, and how often the store had been written.
  size_t begin_table = 0;
  RowNumber begin_row = 0;
  uint64_t writes = 0;
  uint64_t end = 0;  // Of the log: what explains these rows.
  std::vector<uint64_t> stored;

  Status status{StatusCode::kUnavailable, "this piece was not written"};
  std::unique_ptr<env::StagedRows> staged;

 private:
  env::RowStore& store_;
};

}  // namespace skybridge::ps
