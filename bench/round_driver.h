// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <optional>
#include <vector>

#include "common/time.h"
#include "proto/envelope.h"

namespace skybridge::ps {

// Asks one shard for its part of one checkpoint after the other, as a scheduler does, and counts
// what it sends. Rows [0, rows) of one table are pushed meanwhile.
class RoundDriver {
 public:
  // every: from the beginning of a round to that of the next, or its end if that is later.
  RoundDriver(uint64_t rows, uint64_t record_bytes, Duration every)
      : record_bytes_(record_bytes), every_(every), changed_(rows) {}

  void Pushed(uint64_t row) {
    new_rows_ += changed_[row] ? 0 : 1;
    changed_[row] = true;
  }

  // The next question, if there is one; call now and then.
  std::optional<wire::Header> Question(Instant now) {
    wire::Header header;
    switch (state_) {
      case wire::RoundReply::NO_ROUND:
      case wire::RoundReply::ENDED:
      case wire::RoundReply::FAILED:
        if (now < next_) return std::nullopt;
        next_ = now + every_;
        failed_ += state_ == wire::RoundReply::FAILED;
        rows_of_round_ = new_rows_;
        new_rows_ = 0;
        changed_.assign(changed_.size(), false);
        header.mutable_prepare_round()->set_round(++round_);
        break;
      case wire::RoundReply::PREPARED:
        header.mutable_cut_round()->set_round(round_);
        header.mutable_cut_round()->set_phase(1);
        break;
      case wire::RoundReply::CUT: header.mutable_collect_round()->set_round(round_); break;
      case wire::RoundReply::UPLOADED:
        header.mutable_end_round()->set_round(round_);
        header.mutable_end_round()->set_committed(true);
        break;
      default: header.mutable_prepare_round()->set_round(round_);
    }
    return header;
  }
  void Answered(const wire::RoundReply& reply) {
    if (reply.round() != round_) return;
    if (state_ == wire::RoundReply::CUT && reply.state() == wire::RoundReply::UPLOADED) {
      // The first one sends everything.
      if (++ended_ > 1) {
        sent_.push_back(static_cast<double>(reply.fragment().new_bytes()));
        changed_bytes_.push_back(static_cast<double>(rows_of_round_ * record_bytes_));
      }
    }
    state_ = reply.state();
  }

  uint64_t ended() const { return ended_; }
  uint64_t failed() const { return failed_; }
  // Bytes sent for each byte of the rows that had changed, those of the log among them: by round,
  // ascending; and of all together.
  std::vector<double> SentForChanged() const {
    std::vector<double> ratios;
    for (size_t r = 0; r < sent_.size(); ++r) ratios.push_back(sent_[r] / changed_bytes_[r]);
    std::ranges::sort(ratios);
    return ratios;
  }
  double AllSentForChanged() const {
    return std::reduce(sent_.begin(), sent_.end()) /
           std::reduce(changed_bytes_.begin(), changed_bytes_.end());
  }

 private:
  const uint64_t record_bytes_;
  const Duration every_;
  Instant next_{};
  std::vector<bool> changed_;  // Since the last round began.
  uint64_t new_rows_ = 0;
  uint64_t rows_of_round_ = 0;
  uint32_t round_ = 0;
  wire::RoundReply::State state_ = wire::RoundReply::NO_ROUND;
  uint64_t ended_ = 0, failed_ = 0;
  std::vector<double> sent_, changed_bytes_;  // By round.
};

}  // namespace skybridge::ps
