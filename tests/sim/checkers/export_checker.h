// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/checkers/checker.h"

namespace skybridge::sim {

// I16: from the moment there is a manifest, every file it names is there as it says, and it names
// each candidate once. Looks now and then, as a reader would, and at the end.
class ExportWhole : public Checker {
 public:
  // keys: of all candidates, ascending; outlive this.
  ExportWhole(std::string folder, std::span<const uint64_t> keys)
      : Checker("I16"), folder_(std::move(folder)), keys_(keys) {}
  void Passed(Instant now) override;
  void Ended() override;

 private:
  void Read(const std::string& json);

  const std::string folder_;
  const std::span<const uint64_t> keys_;
  Instant look_at_;
  bool seen_ = false;
};

}  // namespace skybridge::sim
