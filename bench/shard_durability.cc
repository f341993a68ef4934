// SPDX-License-Identifier: Apache-2.0
// What it costs a shard to keep what it says: steps a second (one pull and one push of the same
// rows) without a log, with one, with answers that wait for the disk, and while one checkpoint
// after the other is made. Ranks without bounded staleness, each with one request under way, and
// with --compute_ms as if they computed.
//
// They take turns, so that whatever else the machine does meets them alike: each round gives a
// ratio to the shard without a log, and medians over the rounds are printed.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <semaphore>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gflags/gflags.h>
#include <glog/logging.h>

#include "bench/round_driver.h"
#include "common/bytes.h"
#include "common/rng.h"
#include "env/folder_object_store.h"
#include "env/posix_disk.h"
#include "env/rocksdb_row_store.h"
#include "env/segmented_log.h"
#include "env/system_clock.h"
#include "env/task_pool.h"
#include "proto/envelope.h"
#include "ps/row_record.h"
#include "ps/shard_node.h"

DEFINE_string(folder, "build/bench-shard", "On the disk to measure; emptied first.");
DEFINE_uint32(rounds, 15, "Rounds; each runs all of them.");
DEFINE_double(round_s, 0.5, "Seconds of one turn.");
DEFINE_uint32(ranks, 8, "Ranks that pull and push.");
DEFINE_uint32(step_rows, 1024, "Rows of a pull and of a push.");
DEFINE_double(compute_ms, 0, "What a rank computes between the answer to its pull and its push.");
DEFINE_uint32(dim, 64, "Width of a row.");
DEFINE_uint64(table_rows, 200000, "Rows that steps draw from; all are pushed once at first.");
DEFINE_uint32(variants, 16, "Steps of a rank, drawn once, that it takes in turn.");
DEFINE_double(checkpoint_every_s, 0, "Of CHECKPOINT; 0: one after the other.");
DEFINE_uint64(image_log_mb, 1024, "Log between two images; the turns begin after the first.");
DEFINE_string(only, "", "One of none, PROCESS, POWER, CHECKPOINT instead of all, for a profile.");

namespace skybridge::ps {
namespace {

constexpr char kScheduler[] = "scheduler";
constexpr Duration kPauseMax = std::chrono::milliseconds(5);  // Then it is time for a tick.

// Takes everything and keeps nothing.
class NoLog : public env::RedoLog {
 public:
  Result<uint64_t> Append(uint8_t, std::span<const std::string_view>) override { return ++last_; }
  Status Sync() override { return Status(); }
  std::unique_ptr<env::RedoSync> StartSync() override {
    return std::make_unique<env::RedoSync>([] { return Status(); });
  }
  Status FinishSync(const env::RedoSync&) override { return Status(); }
  Status Read(uint64_t, const std::function<Status(const env::RedoRecord&)>&) override {
    return Status();
  }
  Result<std::unique_ptr<env::LogTail>> Tail(uint64_t, uint64_t) override {
    return Status(StatusCode::kDataLoss, "there is no log");
  }
  Status Release(uint64_t) override { return Status(); }
  uint64_t first() const override { return last_ + 1; }
  uint64_t last() const override { return last_; }
  uint64_t synced() const override { return last_; }

 private:
  uint64_t last_ = 0;
};

wire::Header Message(uint64_t request) {
  wire::Header header;
  wire::Identity& identity = *header.mutable_identity();
  identity.set_job_high(1);
  identity.set_generation(1);
  identity.set_map_version(1);
  identity.set_target_incarnation(1);
  header.set_request(request);
  return header;
}

// Of the calling thread, or of all.
double CpuSeconds(int who) {
  rusage usage{};
  CHECK_EQ(getrusage(who, &usage), 0);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// A request that is sent again and again with other numbers; its payload stays.
struct Request {
  wire::Header header;
  std::string payload;

  static Request Of(wire::Header header, std::string payload) {
    Envelope sealed = wire::Seal("rank", std::move(header), std::move(payload));
    Request request{.header = {}, .payload = std::move(sealed.payload)};
    CHECK(request.header.ParseFromString(sealed.header));
    return request;
  }
  Envelope Numbered(uint64_t rank) {
    header.set_request(rank);
    return {.peer = "rank", .header = header.SerializeAsString(), .payload = payload};
  }
};

// One rank: a step after the other.
class Client {
 public:
  explicit Client(uint64_t rank) : rank_(rank) {
    Rng rng(1, Purpose::kTest, rank);
    for (size_t v = 0; v < FLAGS_variants; ++v) {
      std::vector<uint64_t> ids(FLAGS_step_rows);
      for (uint64_t& id : ids) id = rng.Below(FLAGS_table_rows);
      std::ranges::sort(ids);
      ids.erase(std::ranges::unique(ids).begin(), ids.end());
      variants_.push_back(StepOn(std::move(ids)));
    }
  }

  // The next request: a pull, a push of the same rows, the next pull ...
  Envelope Next() {
    if (!pulled_ && step_ < fill_) filling_ = StepOn(RowsToFill());
    Step& step = Current();
    if (!pulled_) {
      step.pull.header.mutable_pull()->set_clock(step_ + 1);
      step.pull.header.mutable_pull()->set_done(step_);
      return step.pull.Numbered(rank_);
    }
    step.push.header.mutable_push()->set_sequence(step_);
    return step.push.Numbered(rank_);
  }
  // When the next request may go.
  Instant Answered(Instant now) {
    step_ += pulled_;
    pulled_ = !pulled_;
    return pulled_ ? now + std::chrono::microseconds(static_cast<int64_t>(FLAGS_compute_ms * 1e3))
                   : now;
  }
  uint64_t steps() const { return step_; }
  bool filled() const { return step_ >= fill_; }
  // Whether the last request was a push, and of which rows.
  const std::vector<uint64_t>* pushed() { return pulled_ ? &Current().rows : nullptr; }

 private:
  struct Step {
    std::vector<uint64_t> rows;
    Request pull, push;
  };
  Step& Current() { return step_ < fill_ ? filling_ : variants_[step_ % variants_.size()]; }
  // This rank's share of all rows, a step after the other.
  std::vector<uint64_t> RowsToFill() const {
    const uint64_t begin = (rank_ * fill_ + step_) * FLAGS_step_rows;
    std::vector<uint64_t> ids;
    for (uint64_t id = begin; id < begin + FLAGS_step_rows; ++id) {
      ids.push_back(id % FLAGS_table_rows);
    }
    std::ranges::sort(ids);
    return ids;
  }
  Step StepOn(std::vector<uint64_t> ids) const {
    std::string bytes;
    AppendRaw<uint64_t>(bytes, ids);
    const auto n = static_cast<uint32_t>(ids.size());
    wire::Header pull = Message(rank_);
    pull.mutable_pull()->set_phase(1);
    pull.mutable_pull()->set_rank(static_cast<uint32_t>(rank_));
    pull.mutable_pull()->set_attempt(1);
    pull.mutable_pull()->add_table()->set_rows(n);
    pull.mutable_pull()->mutable_table(0)->set_dim(FLAGS_dim);
    Request pull_of = Request::Of(pull, bytes);
    AppendRaw<float>(bytes, std::vector<float>(size_t{n} * FLAGS_dim, 0.01F));
    wire::Header push = Message(rank_);
    push.mutable_push()->set_phase(1);
    push.mutable_push()->set_stream(rank_);
    push.mutable_push()->set_rank(static_cast<uint32_t>(rank_));
    push.mutable_push()->set_attempt(1);
    push.mutable_push()->set_chunks(1);
    push.mutable_push()->set_rate(1);
    push.mutable_push()->add_table()->set_rows(n);
    push.mutable_push()->mutable_table(0)->set_dim(FLAGS_dim);
    return {std::move(ids), std::move(pull_of), Request::Of(push, std::move(bytes))};
  }

  const uint64_t rank_;
  // Steps of each rank, until every row is there.
  const uint64_t fill_ = FLAGS_table_rows / (uint64_t{FLAGS_step_rows} * FLAGS_ranks) + 1;
  uint64_t step_ = 0;
  bool pulled_ = false;
  Step filling_;
  std::vector<Step> variants_;
};

// A shard with its ranks, on this thread; its tasks run on others.
class Bench {
 public:
  Bench(const std::string& name, bool logs, Durability durability, bool checkpoints)
      : name_(name), folder_(FLAGS_folder + "/" + name), logs_(logs), durability_(durability) {
    if (checkpoints) {
      auto objects = env::FolderObjectStore::Open(folder_ + "-objects");
      CHECK(objects) << objects.error();
      objects_ = *std::move(objects);
      const auto every =
          std::chrono::microseconds(static_cast<int64_t>(FLAGS_checkpoint_every_s * 1e6));
      rounds_.emplace(FLAGS_table_rows, RecordBytes(tables_)[0], every);
    }
    auto store = env::RocksDbRowStore::Open({.folder = folder_,
                                             .owner = name,
                                             .new_store_id = 1,
                                             .record_bytes = RecordBytes(tables_)});
    CHECK(store) << store.error();
    store_ = *std::move(store);
    Start();
    for (uint32_t r = 0; r < FLAGS_ranks; ++r) clients_.emplace_back(r);
    Begin();
  }

  const std::string& name() const { return name_; }
  // Rows are there, and two images: the files of the log are used again.
  bool warm() {
    images_ += log_->first() != first_;
    first_ = log_->first();
    const bool filled = std::ranges::all_of(clients_, &Client::filled);
    return filled && (images_ > 2 || name_ == "none");
  }
  // What is measured begins now.
  void Forget() {
    cpu_ = cpu_of_all_ = 0;
    cpu_steps_ = 0;
    longest_ = Duration{0};
  }

  // Steps a second over `seconds`.
  double Turn(double seconds) {
    const Instant begin = clock_.Now();
    const uint64_t before = steps();
    const double cpu = CpuSeconds(RUSAGE_THREAD);
    const double cpu_of_all = CpuSeconds(RUSAGE_SELF);
    const auto passed = [&] { return ToSeconds(clock_.Now() - begin); };
    for (Client& client : clients_) ready_.emplace(begin, &client);
    while (passed() < seconds) Once();
    const double rate = static_cast<double>(steps() - before) / passed();
    // All answers come home, so that the next turn of this shard begins as this one did.
    closing_ = true;
    ready_.clear();
    while (under_way_ > 0) Once();
    closing_ = false;
    cpu_ += CpuSeconds(RUSAGE_THREAD) - cpu;
    cpu_of_all_ += CpuSeconds(RUSAGE_SELF) - cpu_of_all;
    cpu_steps_ += steps() - before;
    return rate;
  }
  // Dies and starts again: megabytes of log that it replays, and seconds until it may serve.
  std::pair<double, double> Restart() {
    node_.reset();
    log_.reset();
    const Instant begin = clock_.Now();
    Start();
    const double seconds = ToSeconds(clock_.Now() - begin);
    uint64_t bytes = 0;
    CHECK(log_->Read(log_->first(),
                     [&](const env::RedoRecord& record) {
                       bytes += record.payload.size();
                       return Status();
                     })
              .ok());
    return {1e-6 * static_cast<double>(bytes), seconds};
  }
  double SyncsAStep() const { return static_cast<double>(syncs_) / static_cast<double>(steps()); }
  // Microseconds of the node's thread; of all threads.
  const std::optional<RoundDriver>& rounds() const { return rounds_; }
  // The longest time for which the node did one thing, and its ranks waited.
  double LongestMs() const { return 1e3 * ToSeconds(longest_); }
  double CpuAStep() const { return 1e6 * cpu_ / static_cast<double>(cpu_steps_); }
  double CpuOfAllAStep() const { return 1e6 * cpu_of_all_ / static_cast<double>(cpu_steps_); }

 private:
  void Start() {
    log_ = std::make_unique<NoLog>();
    if (logs_) {
      env::SegmentedLogOptions log_options{.folder = folder_ + "/log", .store_id = 1};
      log_options.spares_max = (FLAGS_image_log_mb << 20) / log_options.segment_bytes + 2;
      auto log = env::SegmentedLog::Open(disk_, log_options);
      CHECK(log) << log.error();
      log_ = *std::move(log);
    }
    auto node = ShardNode::Open(
        {
            .job = {1, 0},
            .endpoint = "shard",
            .scheduler_endpoint = kScheduler,
            .tables = tables_,
            .image_log_bytes = logs_ ? FLAGS_image_log_mb << 20 : ~uint64_t{0},
            .durability = durability_,
            .scheduler_outage_max = std::chrono::hours(1),
        },
        *store_, *log_, objects_.get());
    CHECK(node) << node.error();
    node_ = *std::move(node);
  }
  void Begin() {
    wire::Header welcome = Message(1);
    welcome.mutable_welcome()->set_incarnation(1);
    welcome.mutable_welcome()->set_generation(1);
    Deliver(welcome);
    wire::Header map = Message(2);
    map.mutable_cluster_map()->set_version(1);
    map.mutable_cluster_map()->add_shard()->set_incarnation(1);
    map.mutable_cluster_map()->mutable_shard(0)->set_slot_end(kSlotCount);
    Deliver(map);
    wire::Header open = Message(3);
    open.mutable_open_phase()->set_phase(1);
    open.mutable_open_phase()->set_staleness(-1);
    open.mutable_open_phase()->set_ranks(FLAGS_ranks);
    Deliver(open);
  }
  void Deliver(const wire::Header& header) {
    Perform(node_->Handle(wire::Seal(kScheduler, header), clock_.Now()));
  }

  // One event of the node.
  void Once() {
    for (auto& task : tasks_.TakeFinished()) {
      Perform(node_->Finish(std::move(task), clock_.Now()));
    }
    const Instant now = clock_.Now();
    if (now >= next_tick_) {
      next_tick_ = now + std::chrono::milliseconds(20);
      Perform(node_->Tick(now));
      if (rounds_) {
        if (auto question = rounds_->Question(now)) {
          question->MergeFrom(Message(4));
          Deliver(*question);
        }
      }
      longest_ = std::max(longest_, clock_.Now() - now);
    }
    CHECK(!node_->finished()) << node_->exit_status();
    if (ready_.empty() || now < ready_.begin()->first) {
      const Duration pause = ready_.empty() ? kPauseMax : ready_.begin()->first - now;
      (void)woken_.try_acquire_for(std::min(pause, kPauseMax));
      return;
    }
    Client& client = *ready_.begin()->second;
    ready_.erase(ready_.begin());
    ++under_way_;
    const Envelope request = client.Next();
    const Instant begin = clock_.Now();
    if (rounds_ && client.pushed() != nullptr) {
      for (const uint64_t row : *client.pushed()) rounds_->Pushed(row);
    }
    Perform(node_->Handle(request, begin));
    longest_ = std::max(longest_, clock_.Now() - begin);
  }

  void Perform(Effects effects) {
    for (const Envelope& message : effects.send) {
      wire::Header header;
      CHECK(header.ParseFromString(message.header));
      CHECK(!header.has_error()) << header.ShortDebugString();
      if (header.has_round_reply()) rounds_->Answered(header.round_reply());
      if (message.peer != "rank") continue;
      Client& client = clients_[header.request()];
      const Instant next = client.Answered(clock_.Now());
      --under_way_;
      if (!closing_) ready_.emplace(next, &client);
    }
    syncs_ += effects.start.size();
    for (auto& task : effects.start) tasks_.Start(std::move(task));
  }

  uint64_t steps() const {
    uint64_t sum = 0;
    for (const Client& client : clients_) sum += client.steps();
    return sum;
  }

  const std::string name_;
  const std::string folder_;
  const bool logs_;
  const Durability durability_;
  const TableSpecs tables_ = {{.name = "rows", .dim = FLAGS_dim}};
  env::PosixDisk disk_;
  std::unique_ptr<env::RowStore> store_;
  std::unique_ptr<env::RedoLog> log_;
  std::unique_ptr<ObjectStore> objects_;  // Null: no checkpoints.
  std::optional<RoundDriver> rounds_;
  std::unique_ptr<ShardNode> node_;
  std::vector<Client> clients_;
  std::multimap<Instant, Client*> ready_;  // Whose next request may go, and when.
  uint64_t under_way_ = 0;
  bool closing_ = false;
  uint64_t syncs_ = 0;
  double cpu_ = 0, cpu_of_all_ = 0;  // In turns, as are the next.
  uint64_t cpu_steps_ = 0;
  Duration longest_{0};
  uint64_t first_ = 1;   // Of the log, when it was last looked at ...
  uint64_t images_ = 0;  // ... and how often it had moved.
  Instant next_tick_{};
  env::SystemClock clock_;
  std::counting_semaphore<> woken_{0};  // By a task that ended.
  env::TaskPool pool_{2};
  env::TaskQueue tasks_{pool_, [this] { woken_.release(); }};
};

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void PrintRounds(const std::string& name, const RoundDriver& rounds) {
  fmt::print("{:10} {} checkpoints, {} failed", name, rounds.ended(), rounds.failed());
  if (const std::vector<double> ratios = rounds.SentForChanged(); !ratios.empty()) {
    fmt::print("; sent for a byte of changed rows: median {:.2f} ({:.2f} to {:.2f}), {:.2f} in all",
               ratios[ratios.size() / 2], ratios.front(), ratios.back(),
               rounds.AllSentForChanged());
  }
  fmt::print("\n");
}

void Run() {
  std::filesystem::remove_all(FLAGS_folder);
  std::vector<std::unique_ptr<Bench>> benches;
  const auto add = [&](const std::string& name, bool logs, Durability durability,
                       bool checkpoints = false) {
    if (!FLAGS_only.empty() && FLAGS_only != name) return;
    benches.push_back(std::make_unique<Bench>(name, logs, durability, checkpoints));
  };
  add("none", false, Durability::kProcess);
  add("PROCESS", true, Durability::kProcess);
  add("POWER", true, Durability::kPower);
  add("CHECKPOINT", true, Durability::kProcess, true);
  for (const auto& bench : benches) {
    do bench->Turn(FLAGS_round_s);
    while (!bench->warm());
    bench->Forget();
  }
  std::vector<std::vector<double>> rates(benches.size()), ratios(benches.size());
  for (uint32_t round = 0; round < FLAGS_rounds; ++round) {
    for (size_t b = 0; b < benches.size(); ++b) {
      rates[b].push_back(benches[b]->Turn(FLAGS_round_s));
      ratios[b].push_back(rates[b].back() / rates[0].back());
    }
  }
  for (size_t b = 0; b < benches.size(); ++b) {
    const auto [low, high] = std::ranges::minmax(ratios[b]);
    fmt::print(
        "{:10} {:8.0f} steps/s, ratio {:.3f} ({:.3f} to {:.3f}), {:.3f} syncs a step, CPU a step: "
        "{:.0f} us, with other threads {:.0f} us; longest pause {:.1f} ms\n",
        benches[b]->name(), Median(rates[b]), Median(ratios[b]), low, high,
        benches[b]->SyncsAStep(), benches[b]->CpuAStep(), benches[b]->CpuOfAllAStep(),
        benches[b]->LongestMs());
  }
  for (const auto& bench : benches) {
    if (bench->rounds()) PrintRounds(bench->name(), *bench->rounds());
  }
  for (const auto& bench : benches) {
    if (bench->name() == "none") continue;
    const auto [megabytes, seconds] = bench->Restart();
    fmt::print("{:10} starts again in {:.2f} s with {:.0f} MB of log: {:.0f} MB/s\n", bench->name(),
               seconds, megabytes, megabytes / seconds);
  }
  benches.clear();
  std::filesystem::remove_all(FLAGS_folder);
}

}  // namespace
}  // namespace skybridge::ps

int main(int argc, char** argv) {
  google::InitGoogleLogging(argv[0]);
  gflags::ParseCommandLineFlags(&argc, &argv, true);
  skybridge::ps::Run();
  return 0;
}
