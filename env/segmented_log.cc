// SPDX-License-Identifier: Apache-2.0
#include "env/segmented_log.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

namespace skybridge::env {
namespace {

constexpr std::string_view kSuffix = ".redo";

}  // namespace

SegmentedLog::SegmentedLog(Disk& disk, SegmentedLogOptions options)
    : disk_(disk), options_(std::move(options)) {}

Status SegmentedLog::Noted(Status status) {
  if (failure_.ok()) failure_ = status;
  return status;
}

// ---------------------------------------------------------------- opening

Result<std::unique_ptr<SegmentedLog>> SegmentedLog::Open(Disk& disk, SegmentedLogOptions options) {
  CHECK_GT(options.segment_bytes, LogSegment::kRecordsAt + LogSegment::kRecordHeaderBytes);
  CHECK(std::has_single_bit(options.page_bytes)) << options.page_bytes;
  std::unique_ptr<SegmentedLog> log(new SegmentedLog(disk, std::move(options)));
  const std::string name = "open the log in " + log->options_.folder;
  const auto unused = log->OpenSegments();
  if (!unused) return unused.error().WithContext(name);
  SKY_RETURN_IF_ERROR(log->TakeUp(*unused).WithContext(name));
  return log;
}

Result<std::vector<LogSegment>> SegmentedLog::OpenSegments() {
  std::vector<LogSegment> unused;
  SKY_ASSIGN_OR_RETURN(const auto names, disk_.List(options_.folder));
  for (const std::string& name : names) {
    if (!name.ends_with(kSuffix)) continue;
    uint64_t number = 0;
    const char* end = name.data() + name.size() - kSuffix.size();
    const auto parsed = std::from_chars(name.data(), end, number);
    if (parsed.ec != std::errc() || parsed.ptr != end) continue;  // Not one of ours.
    next_file_ = std::max(next_file_, number + 1);
    SKY_ASSIGN_OR_RETURN(LogSegment segment,
                         LogSegment::Open(disk_, options_.folder + "/" + name, options_.store_id));
    next_nonce_ = std::max(next_nonce_, segment.nonce() + 1);
    auto& list = segment.nonce() == 0 ? spares_ : segment.first_lsn() == 0 ? unused : used_;
    list.push_back(std::move(segment));
  }
  std::ranges::sort(used_, {}, &LogSegment::nonce);
  return unused;
}

Status SegmentedLog::TakeUp(const std::vector<LogSegment>& unused) {
  LogMark mark;
  if (!used_.empty()) {
    SKY_ASSIGN_OR_RETURN(mark, NewestMark());
    next_lsn_ = mark.oldest_lsn;
  }
  SKY_RETURN_IF_ERROR(CheckSpares(next_lsn_));
  if (used_.empty() && options_.begun) {
    return {StatusCode::kDataLoss, "it is gone: no segment of it has a head"};
  }
  if (!used_.empty()) {
    SKY_RETURN_IF_ERROR(DropUnneeded(mark.oldest_lsn));
    SKY_RETURN_IF_ERROR(DropBehindGap(mark.synced_lsn));
    SKY_RETURN_IF_ERROR(EndLast(mark.synced_lsn));
  }
  // With their bytes gone, their nonces may be given again.
  for (const LogSegment& segment : unused) SKY_RETURN_IF_ERROR(disk_.Remove(segment.path()));
  if (used_.empty()) {
    SKY_RETURN_IF_ERROR(Roll());
    return DropSpares();
  }
  SKY_RETURN_IF_ERROR(used_.back().NewestMark(&mark_synced_).status());  // It will be synced.
  oldest_marked_ = mark.oldest_lsn;
  // Its end may not be synced, nor the mark that says which segment is the oldest.
  if (used_.size() > 1) before_ = used_[used_.size() - 2].file();
  SKY_RETURN_IF_ERROR(SyncFiles());
  SKY_RETURN_IF_ERROR(WriteMark());
  return DropSpares();
}

// What the marks of all segments say together: none ever said too much. One that was made ready
// knows nothing that no mark knows.
Result<LogMark> SegmentedLog::NewestMark() {
  LogMark newest;
  for (const LogSegment& segment : used_) {
    size_t place = 0;
    SKY_ASSIGN_OR_RETURN(const LogMark mark, segment.NewestMark(&place));
    newest.synced_lsn = std::max(newest.synced_lsn, mark.synced_lsn);
    newest.oldest_lsn = std::max(newest.oldest_lsn, mark.oldest_lsn);
  }
  return newest;
}

Status SegmentedLog::CheckSpares(uint64_t oldest_lsn) {
  for (auto it = spares_.begin(); it != spares_.end();) {
    SKY_RETURN_IF_ERROR(it->CheckNotNeeded(oldest_lsn));
    if (it->bytes() >= options_.segment_bytes) {
      ++it;
      continue;
    }
    SKY_RETURN_IF_ERROR(disk_.Remove(it->path()));  // Its reservation was interrupted.
    it = spares_.erase(it);
  }
  return Status();
}

// Segments that were released are spares, whatever is left of them.
Status SegmentedLog::DropUnneeded(uint64_t oldest_lsn) {
  while (used_.size() > 1 && used_.front().first_lsn() < oldest_lsn) {
    spares_.push_back(std::move(used_.front()));
    used_.erase(used_.begin());
  }
  if (used_.front().first_lsn() == oldest_lsn) return Status();
  return Status(StatusCode::kDataLoss,
                fmt::format("the segment that begins with record {} is missing or its head is "
                            "damaged; the oldest is {}, which begins with record {}",
                            oldest_lsn, used_.front().path(), used_.front().first_lsn()));
}

// A segment that was begun before the end of the one before it was synced is no part of the log if
// that end was lost. It is deleted for good before the log goes on in its place.
Status SegmentedLog::DropBehindGap(uint64_t synced) {
  while (used_.size() > 1 && used_.back().first_lsn() > synced + 1) {
    const LogSegment& before = used_[used_.size() - 2];
    uint64_t next = 0;
    SKY_ASSIGN_OR_RETURN(const uint64_t end, before.Scan(UINT64_MAX, 0, nullptr, &next));
    if (next >= used_.back().first_lsn()) return Status();
    if (next <= synced) return RefuseGap(before, end, next, synced);
    LOG(WARNING) << used_.back().path() << ": the records from " << used_.back().first_lsn()
                 << " on were not synced, and record " << next << " before them is lost";
    SKY_RETURN_IF_ERROR(disk_.Remove(used_.back().path()));
    used_.pop_back();
  }
  return Status();
}

// Finds the end of the log. All up to `synced` must be there.
Status SegmentedLog::EndLast(uint64_t synced) {
  const LogSegment& segment = used_.back();
  SKY_ASSIGN_OR_RETURN(end_, segment.Scan(UINT64_MAX, 0, nullptr, &next_lsn_));
  if (next_lsn_ <= synced) return RefuseGap(segment, end_, next_lsn_, synced);
  return segment.WipeTail(end_, next_lsn_);
}

Status SegmentedLog::RefuseGap(const LogSegment& segment, uint64_t end, uint64_t next,
                               uint64_t synced) const {
  return {StatusCode::kDataLoss,
          fmt::format("{} is damaged at byte {}: record {} is none, but the records up to {} were "
                      "synced",
                      segment.path(), end, next, synced)};
}

// ---------------------------------------------------------------- writing

Result<uint64_t> SegmentedLog::Append(uint8_t type, std::span<const std::string_view> pieces) {
  if (!failure_.ok()) return failure_;
  uint64_t length = 0;
  for (const std::string_view piece : pieces) length += piece.size();
  const uint64_t bytes = LogSegment::kRecordHeaderBytes + length;
  if (LogSegment::kRecordsAt + bytes > options_.segment_bytes) {
    return Status(StatusCode::kInvalidArgument,
                  fmt::format("append {} bytes to the log in {}: a segment holds {}", length,
                              options_.folder, options_.segment_bytes));
  }
  // The file's own size: it may have been made under other options.
  if (end_ + bytes > used_.back().bytes()) SKY_RETURN_IF_ERROR(Roll());
  const Status written =
      used_.back().WriteRecord(end_, next_lsn_, type, length, pieces, RestOfPage(end_ + bytes));
  if (!written.ok()) {
    if (written.code() != StatusCode::kResourceExhausted) return Noted(written);
    SKY_RETURN_IF_ERROR(Unwrite());
    return written;
  }
  end_ += bytes;
  return next_lsn_++;
}

// A record that was refused may be there as a whole, if there was no room for its zeros only; the
// next one will take its place, and a power cut must not bring it back then. Without room for this
// either it stays until then.
Status SegmentedLog::Unwrite() {
  Status wiped = used_.back().WipeRecord(end_);
  if (wiped.ok()) return SyncFiles();
  return wiped.code() == StatusCode::kResourceExhausted ? Status() : Noted(std::move(wiped));
}

uint64_t SegmentedLog::RestOfPage(uint64_t end) const {
  const uint64_t rest = (0 - end) % options_.page_bytes;
  return std::min(rest, used_.back().bytes() - end);
}

// Without a wait if the next segment is ready: what made it so has also synced the one before the
// full one. Otherwise all is synced first; what is released, before its segment is written over.
Status SegmentedLog::Roll() {
  if (!used_.empty()) {
    SKY_RETURN_IF_ERROR(Release(released_));  // What a tail kept may be free by now.
    if (!next_synced_) SKY_RETURN_IF_ERROR(Settle());
    CHECK(!before_);
  }
  if (!next_) SKY_RETURN_IF_ERROR(MakeNext(next_lsn_));
  if (!next_synced_) SKY_RETURN_IF_ERROR(Noted(next_->file()->Sync()));
  // The marks of a segment that is synced may not be.
  if (synced_ == last()) oldest_marked_ = oldest_synced_;
  before_ = synced_ == last() ? nullptr : used_.back().file();
  next_->set_first_lsn(next_lsn_);
  used_.push_back(*std::move(next_));
  next_.reset();
  next_synced_ = false;
  end_ = LogSegment::kRecordsAt;
  mark_synced_ = 1;
  mark_written_ = false;
  if (in_flight_) in_flight_->mark = false;
  if (used_.size() == 1) oldest_synced_ = oldest_marked_ = next_lsn_;
  return Status();
}

// Writes the header of the segment that comes after the last: with the number of its first record,
// or with 0 while that is not known. Errors: kResourceExhausted: there is none then.
Status SegmentedLog::MakeNext(uint64_t first_lsn) {
  SKY_ASSIGN_OR_RETURN(LogSegment segment, TakeSpare());
  Status written = segment.WriteHeader(options_.store_id, next_nonce_++, first_lsn,
                                       used_.empty() ? next_lsn_ : first());
  if (written.ok()) {
    next_ = std::move(segment);
    return written;
  }
  if (written.code() != StatusCode::kResourceExhausted) return Noted(std::move(written));
  spares_.insert(spares_.begin(), std::move(segment));
  // Tried again with the next record, whatever its size: the header may be there after all.
  if (first_lsn != 0 && !used_.empty()) end_ = used_.back().bytes();
  return written;
}

// Ahead of time only out of segments whose release survives a power cut.
bool SegmentedLog::MayMakeNext() const {
  return !next_ && !spares_.empty() && oldest_synced_ == first();
}

// A log that never fills a segment needs no other.
bool SegmentedLog::WantsSpare() const {
  return !next_ && spares_.empty() && !reservation_ && end_ > used_.back().bytes() / 2;
}

Result<LogSegment> SegmentedLog::TakeSpare() {
  if (!spares_.empty()) {
    LogSegment segment = std::move(spares_.front());
    spares_.erase(spares_.begin());
    return segment;
  }
  const std::string path = NewPath();
  SKY_ASSIGN_OR_RETURN(auto file, disk_.Create(path, options_.segment_bytes));
  return LogSegment(path, std::move(file));
}

std::string SegmentedLog::NewPath() {
  return fmt::format("{}/{:08}{}", options_.folder, next_file_++, kSuffix);
}

Status SegmentedLog::Release(uint64_t lsn) {
  if (!failure_.ok()) return failure_;
  released_ = std::max(released_, lsn);
  lsn = released_;
  for (auto tail = tails_.begin(); tail != tails_.end();) {
    const std::shared_ptr<const uint64_t> from = tail->lock();
    if (from) lsn = std::min(lsn, *from);
    tail = from ? tail + 1 : tails_.erase(tail);
  }
  while (used_.size() > 1 && used_[1].first_lsn() <= lsn) {
    spares_.push_back(std::move(used_.front()));
    used_.erase(used_.begin());
  }
  return DropSpares();
}

// Those that are too many, or too small: made under other options.
Status SegmentedLog::DropSpares() {
  size_t kept = 0;
  for (auto it = spares_.begin(); it != spares_.end();) {
    if (it->bytes() >= options_.segment_bytes && kept < options_.spares_max) {
      ++kept;
      ++it;
      continue;
    }
    SKY_RETURN_IF_ERROR(Settle());
    SKY_RETURN_IF_ERROR(Noted(disk_.Remove(it->path())));
    it = spares_.erase(it);
  }
  return Status();
}

// ---------------------------------------------------------------- syncing

SegmentedLog::Covered SegmentedLog::Coverage() const {
  return {.last = last(),
          .oldest = oldest_marked_,
          .mark = mark_written_,
          .before = before_,
          .next = next_.has_value()};
}

void SegmentedLog::NoteCovered(const Covered& covered) {
  synced_ = std::max(synced_, covered.last);
  oldest_synced_ = std::max(oldest_synced_, covered.oldest);
  if (covered.before == before_) before_.reset();
  next_synced_ = next_synced_ || (covered.next && next_);
  if (!covered.mark) return;
  mark_synced_ = 1 - mark_synced_;
  mark_written_ = false;
}

std::vector<std::shared_ptr<DiskFile>> SegmentedLog::UnsyncedFiles() const {
  std::vector<std::shared_ptr<DiskFile>> files;
  if (before_) files.push_back(before_);
  files.push_back(used_.back().file());
  if (next_ && !next_synced_) files.push_back(next_->file());
  return files;
}

Status SegmentedLog::SyncFiles() {
  for (const auto& file : UnsyncedFiles()) SKY_RETURN_IF_ERROR(Noted(file->Sync()));
  in_flight_.reset();
  NoteCovered(Coverage());
  return Status();
}

Status SegmentedLog::Sync() {
  if (!failure_.ok()) return failure_;
  if (synced_ == last()) return Status();
  SKY_RETURN_IF_ERROR(SyncFiles());
  return WriteMark();
}

Status SegmentedLog::Settle() {
  if (synced_ == last() && oldest_synced_ == first()) return Status();
  SKY_RETURN_IF_ERROR(WriteMark());
  SKY_RETURN_IF_ERROR(SyncFiles());
  if (oldest_synced_ == first()) return Status();
  return Status(
      StatusCode::kResourceExhausted,
      fmt::format("no room for a mark in {}; free space on that disk", used_.back().path()));
}

std::unique_ptr<RedoSync> SegmentedLog::StartSync() {
  // What keeps it from being made comes again when it is needed, or with FinishSync.
  if (failure_.ok() && MayMakeNext()) (void)MakeNext(0);
  in_flight_ = Coverage();
  std::shared_ptr<Reservation> reservation;
  if (failure_.ok() && WantsSpare()) {
    reservation = reservation_ = std::make_shared<Reservation>(Reservation{.path = NewPath()});
  }
  const auto sync = [files = UnsyncedFiles(), reservation, &disk = disk_,
                     bytes = options_.segment_bytes]() -> Status {
    for (const auto& file : files) SKY_RETURN_IF_ERROR(file->Sync());
    if (reservation) reservation->file = disk.Create(reservation->path, bytes);
    return {};
  };
  return std::make_unique<RedoSync>(sync);
}

Status SegmentedLog::FinishSync(const RedoSync& sync) {
  if (!failure_.ok()) return failure_;
  SKY_RETURN_IF_ERROR(Noted(sync.status()));
  SKY_RETURN_IF_ERROR(TakeReserved());
  if (!in_flight_) return Status();
  NoteCovered(*in_flight_);
  in_flight_.reset();
  return WriteMark();
}

// Without room there is none, until one is needed.
Status SegmentedLog::TakeReserved() {
  if (!reservation_) return Status();
  const std::shared_ptr<Reservation> made = std::move(reservation_);
  if (made->file) {
    spares_.emplace_back(made->path, *std::move(made->file));
    return Status();
  }
  if (made->file.error().code() == StatusCode::kResourceExhausted) return Status();
  return Noted(made->file.error());
}

// In the place of the mark before the last one that was synced. On some file systems even that may
// find no room; then the one before still holds.
Status SegmentedLog::WriteMark() {
  Status written = used_.back().WriteMark(1 - mark_synced_, synced_, first());
  mark_written_ = written.ok();
  if (written.code() == StatusCode::kResourceExhausted) return Status();
  if (written.ok()) oldest_marked_ = first();
  return Noted(std::move(written));
}

// ---------------------------------------------------------------- reading

uint64_t SegmentedLog::first() const { return used_.front().first_lsn(); }

Status SegmentedLog::Read(uint64_t from, const std::function<Status(const RedoRecord&)>& visit) {
  if (!failure_.ok()) return failure_;
  if (from < first()) {
    return Status(StatusCode::kDataLoss,
                  fmt::format("read record {} of the log in {}: it begins with {}", from,
                              options_.folder, first()));
  }
  for (size_t i = 0; i < used_.size(); ++i) {
    const uint64_t end_lsn = i + 1 < used_.size() ? used_[i + 1].first_lsn() : next_lsn_;
    if (end_lsn <= from) continue;
    uint64_t seen = 0;
    SKY_ASSIGN_OR_RETURN(const uint64_t end, used_[i].Scan(end_lsn - 1, from, &visit, &seen));
    if (seen == end_lsn) continue;
    return Status(StatusCode::kDataLoss,
                  fmt::format("{} is damaged at byte {}: record {} is none, but the segment holds "
                              "those up to {}",
                              used_[i].path(), end, seen, end_lsn - 1));
  }
  return Status();
}

// ---------------------------------------------------------------- tails

// Has files of its own: those of the log belong to its thread.
class SegmentedLog::OpenTail : public LogTail {
 public:
  OpenTail(uint64_t from, uint64_t to) : from_(std::make_shared<const uint64_t>(from)), to_(to) {}

  std::weak_ptr<const uint64_t> from() const { return from_; }
  // `last`: of the segment's records that it needs.
  void Add(LogSegment segment, uint64_t last) { parts_.push_back({std::move(segment), last}); }

  Status Read(const std::function<Status(const RedoRecord&)>& visit) override {
    for (Part& part : parts_) {
      uint64_t next = 0;
      SKY_RETURN_IF_ERROR(part.segment.Scan(part.last, *from_, &visit, &next).status());
      if (next > part.last) continue;
      return Status(StatusCode::kDataLoss,
                    fmt::format("{} is damaged: record {} is none; the records {} to {} were read",
                                part.segment.path(), next, *from_, to_));
    }
    return Status();
  }

 private:
  struct Part {
    LogSegment segment;
    uint64_t last;
  };
  const std::shared_ptr<const uint64_t> from_;  // Shared: see tails_.
  const uint64_t to_;
  std::vector<Part> parts_;
};

Result<std::unique_ptr<LogTail>> SegmentedLog::Tail(uint64_t from, uint64_t to) {
  if (!failure_.ok()) return failure_;
  if (from < first()) {
    return Status(StatusCode::kDataLoss,
                  fmt::format("read record {} of the log in {}: it begins with {}", from,
                              options_.folder, first()));
  }
  if (to > last() || to + 1 < from) {
    return Status(StatusCode::kOutOfRange,
                  fmt::format("read records {} to {} of the log in {}: it ends with {}", from, to,
                              options_.folder, last()));
  }
  auto tail = std::make_unique<OpenTail>(from, to);
  for (size_t i = 0; i < used_.size(); ++i) {
    const uint64_t end_lsn = i + 1 < used_.size() ? used_[i + 1].first_lsn() : next_lsn_;
    if (end_lsn <= from || used_[i].first_lsn() > to) continue;
    SKY_ASSIGN_OR_RETURN(auto file, disk_.Open(used_[i].path()));
    LogSegment segment = used_[i].With(std::move(file));
    tail->Add(std::move(segment), std::min(end_lsn - 1, to));
  }
  tails_.push_back(tail->from());
  return std::unique_ptr<LogTail>(std::move(tail));
}

}  // namespace skybridge::env
