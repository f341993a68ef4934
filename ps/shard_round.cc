// SPDX-License-Identifier: Apache-2.0
#include "ps/shard_round.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

#include "ps/row_record.h"

namespace skybridge::ps {

using State = RoundAnswer::State;

ShardRound::ShardRound(ShardRoundOptions options, Shard& shard, env::RowStore& store,
                       env::RedoLog& log, ObjectStore* objects)
    : options_(std::move(options)),
      shard_(shard),
      journal_(shard.journal()),
      store_(store),
      log_(log),
      objects_(objects),
      folder_(fmt::format("objects/shard-{}-{:016x}", options_.shard, options_.store_id)) {}

RoundAnswer ShardRound::Answer(uint32_t round, State state) const {
  RoundAnswer answer{.round = round, .state = state, .committed = shard_.committed()};
  if (state == State::kFailed) answer.failure = failure_;
  if (state == State::kUploaded) answer.fragment = fragment_;
  return answer;
}

std::optional<RoundAnswer> ShardRound::Refusal(uint32_t round) const {
  if (!open_ || round != round_) return Answer(round, State::kNoRound);
  if (!failure_.ok()) return Answer(round, State::kFailed);
  return std::nullopt;
}

// ---------------------------------------------------------------- questions

RoundAnswer ShardRound::Prepare(uint32_t round) {
  if (round > round_) Begin(round);
  if (const auto refusal = Refusal(round)) return *refusal;
  return Answer(round, frozen_ ? State::kPrepared : State::kPreparing);
}

RoundAnswer ShardRound::Cut(uint32_t round, Phase phase, uint64_t clock) {
  if (const auto refusal = Refusal(round)) return *refusal;
  if (!frozen_) return Answer(round, State::kPreparing);
  const bool set = cut_ || waits_for_clock_;
  if (set && clock == asked_clock_) return Answer(round, State::kCut);
  // A question from before the last one, or one that waited on its way.
  if (clock < asked_clock_) return Answer(round, State::kTooLate);
  if (Status fits = shard_.CheckCut(phase, clock > 0); !fits.ok()) {
    Fail(fits, "cut");
    return Answer(round, State::kFailed);
  }
  ForgetCut();
  asked_clock_ = clock;
  if (clock > 0 && clock < shard_.committed()) return Answer(round, State::kTooLate);
  if (clock > shard_.committed()) {
    waits_for_clock_ = true;
  } else if (Status taken = TakeCut(); !taken.ok()) {
    Fail(taken, "cut");
    return Answer(round, State::kFailed);
  }
  return Answer(round, State::kCut);
}

RoundAnswer ShardRound::Collect(uint32_t round) {
  if (const auto refusal = Refusal(round)) return *refusal;
  if (fragment_) return Answer(round, State::kUploaded);
  if (cut_ || waits_for_clock_) return Answer(round, State::kCut);
  return Answer(round, frozen_ ? State::kPrepared : State::kPreparing);
}

RoundAnswer ShardRound::End(uint32_t round, bool committed) {
  if (open_ && round >= round_) {
    if (committed && round == round_) {
      for (const auto& [name, object] : round_files_) {
        if (const auto sent = sent_.find(name); sent != sent_.end()) sent->second.committed = true;
      }
    }
    Drop();
  }
  round_ = std::max(round_, round);
  return Answer(round, State::kEnded);
}

// ---------------------------------------------------------------- steps

void ShardRound::Begin(uint32_t round) {
  Drop();
  round_ = round;
  open_ = true;
  failure_ = Status();
  frozen_ = false;
  next_file_ = 0;
  files_ = 0;
  new_bytes_ = 0;
  asked_clock_ = 0;
  round_files_.clear();
  if (objects_ == nullptr) {
    Fail(Status(StatusCode::kFailedPrecondition, "this server has no checkpoint store"), "prepare");
  } else if (Number(shard_.own().version) == 0) {
    Fail(Status(StatusCode::kNotReady, "this shard does not know its slots yet"), "prepare");
  } else {
    image_wanted_ = journal_.WantImage();
    given_up_ = journal_.images_given_up();
  }
}

void ShardRound::Drop() {
  ForgetCut();
  open_ = false;
  // Both are with a task, or were never there, if this has neither.
  if (image_ || hold_) {
    cleanups_.push_back(std::make_unique<RoundCleanup>(std::move(image_), std::move(hold_)));
  }
}

void ShardRound::Fail(const Status& status, const std::string& attempt) {
  LOG(WARNING) << "shard " << options_.shard << ", checkpoint round " << round_ << ", " << attempt
               << ": " << status;
  Drop();
  open_ = true;  // To say so.
  failure_ = status.WithContext(attempt);
}

// Right after the image ended: what it needs of the log was not released yet. Rows that come into
// the store until it is frozen do no harm: the cut is later still.
std::unique_ptr<Task> ShardRound::BeginFreeze() {
  redo_ = journal_.image_redo();
  refused_by_log_ = journal_.refused_by_log();
  auto hold = log_.Tail(redo_, redo_ - 1);
  if (!hold) {
    Fail(hold.error(), "keep the log");
    return nullptr;
  }
  hold_ = *std::move(hold);
  freezing_ = true;
  return std::make_unique<FreezeTask>(round_, store_);
}

void ShardRound::TakeImage(FreezeTask& task) {
  freezing_ = false;
  if (!open_ || !failure_.ok() || task.round != round_) {
    cleanups_.push_back(std::make_unique<RoundCleanup>(std::move(task.image), nullptr));
    return;
  }
  if (!task.status.ok()) return Fail(task.status, "freeze");
  image_ = std::move(task.image);
  files_ = image_->files().size();
  frozen_ = true;
  // Files that are gone do not come back.
  SentObjects still;
  for (const env::ImageFile& file : image_->files()) {
    if (const auto it = sent_.find(file.name); it != sent_.end()) still.insert(*it);
  }
  sent_ = std::move(still);
}

Status ShardRound::TakeCut() {
  SKY_ASSIGN_OR_RETURN(tail_, log_.Tail(redo_, log_.last()));
  cut_ = CutPoint{.id = ++cuts_,
                  .lsn = log_.last(),
                  .committed = shard_.committed(),
                  .slots = shard_.own().slots};
  waits_for_clock_ = false;
  return Status();
}

void ShardRound::ForgetCut() {
  waits_for_clock_ = false;
  cut_.reset();
  tail_.reset();
  fragment_.reset();
}

std::vector<std::unique_ptr<Task>> ShardRound::Advance() {
  const bool going = open_ && failure_.ok();
  std::unique_ptr<Task> freeze;
  if (going && hold_ == nullptr && !freezing_ && journal_.images() >= image_wanted_) {
    freeze = BeginFreeze();
  } else if (going && hold_ == nullptr && journal_.images_given_up() > given_up_) {
    Fail({StatusCode::kResourceExhausted, "the disk has no room for the image"}, "prepare");
  }
  // What the round keeps of the log may be what training has no room for.
  if (going && hold_ != nullptr && journal_.refused_by_log() > refused_by_log_) {
    Fail({StatusCode::kResourceExhausted, "the log is full"}, "keep the log");
  } else if (going && waits_for_clock_ && shard_.committed() >= asked_clock_) {
    Status taken = shard_.committed() == asked_clock_
                       ? TakeCut()
                       : Status(StatusCode::kOutOfRange,
                                fmt::format("clock {} was passed: the rows stand at {}",
                                            asked_clock_, shard_.committed()));
    if (!taken.ok()) Fail(taken, "cut");
  }
  std::vector<std::unique_ptr<Task>> tasks = std::move(cleanups_);
  cleanups_.clear();
  if (freeze) tasks.push_back(std::move(freeze));
  if (auto upload = running_ ? nullptr : NextUpload()) {
    running_ = true;
    tasks.push_back(std::move(upload));
  }
  return tasks;
}

// ---------------------------------------------------------------- uploads

// Files go as soon as the store is frozen: they do not depend on the cut.
std::unique_ptr<Task> ShardRound::NextUpload() {
  if (!open_ || !failure_.ok() || !frozen_) return nullptr;
  if (next_file_ < files_) {
    auto upload = std::make_unique<FileUpload>(round_, std::move(image_), folder_, *objects_);
    upload->next_file = next_file_;
    upload->known = sent_;
    return upload;
  }
  if (!tail_) return nullptr;
  return std::make_unique<CutUpload>(cut_->id, std::move(tail_), MakeFragment(), folder_,
                                     *objects_);
}

checkpoint::Fragment ShardRound::MakeFragment() const {
  checkpoint::Fragment fragment;
  fragment.set_shard(options_.shard);
  fragment.set_slot_begin(cut_->slots.begin);
  fragment.set_slot_end(cut_->slots.end);
  fragment.set_committed(cut_->committed);
  fragment.set_redo(redo_);
  fragment.set_cut(cut_->lsn);
  fragment.set_seed(options_.seed);
  const std::vector<size_t> record_bytes = RecordBytes(options_.tables);
  for (size_t t = 0; t < options_.tables.size(); ++t) {
    checkpoint::Table& table = *fragment.add_table();
    table.set_name(options_.tables[t].name);
    table.set_record_bytes(static_cast<uint32_t>(record_bytes[t]));
  }
  for (const auto& [name, object] : round_files_) {
    checkpoint::File& file = *fragment.add_file();
    file.set_name(name);
    Encode(object.info, file.mutable_object());
  }
  return fragment;
}

void ShardRound::Finish(std::unique_ptr<Task> task) {
  if (auto* freeze = dynamic_cast<FreezeTask*>(task.get())) {
    TakeImage(*freeze);
  } else if (auto* files = dynamic_cast<FileUpload*>(task.get())) {
    running_ = false;
    TakeFiles(*files);
  } else if (auto* cut = dynamic_cast<CutUpload*>(task.get())) {
    running_ = false;
    TakeFragment(*cut);
  }
}

void ShardRound::TakeFiles(FileUpload& upload) {
  // Sent is sent, also by a round that is over or has failed.
  for (const auto& [name, object] : upload.sent) sent_[name] = object;
  if (!open_ || !failure_.ok() || upload.round != round_) {
    cleanups_.push_back(std::make_unique<RoundCleanup>(std::move(upload.image), nullptr));
    return;
  }
  image_ = std::move(upload.image);
  next_file_ = upload.next_file;
  new_bytes_ += upload.new_bytes;
  round_files_.insert(upload.sent.begin(), upload.sent.end());
  if (!upload.status.ok()) Fail(upload.status, "upload");
}

void ShardRound::TakeFragment(CutUpload& upload) {
  if (!open_ || !failure_.ok() || !cut_ || upload.cut != cut_->id) return;
  if (!upload.status.ok()) return Fail(upload.status, "upload");
  fragment_ = UploadedFragment{.shard = options_.shard,
                               .slots = cut_->slots,
                               .object = upload.object,
                               .new_bytes = new_bytes_ + upload.new_bytes};
}

}  // namespace skybridge::ps
