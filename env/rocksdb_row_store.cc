// SPDX-License-Identifier: Apache-2.0
#include "env/rocksdb_row_store.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <mutex>
#include <system_error>
#include <utility>

#include <glog/logging.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>

#include "env/files.h"
#include "env/image_chain.h"
#include "env/store_mark.h"

namespace skybridge::env {
namespace {

namespace fs = std::filesystem;

constexpr size_t kKeyBytes = 10;
// RocksDB asserts, instead of returning an error, when its own small files do not fit.
constexpr uint64_t kFreeBytesMin = 16 << 20;
constexpr size_t kReadMax = 256;  // Keys of one MultiGet: above this nothing is gained.

using KeyBytes = std::array<char, kKeyBytes>;

KeyBytes Encode(RowKey key) {
  KeyBytes bytes;
  const uint16_t slot = __builtin_bswap16(Number(key.slot));
  const uint64_t id = __builtin_bswap64(Number(key.id));
  std::memcpy(bytes.data(), &slot, sizeof(slot));
  std::memcpy(bytes.data() + sizeof(slot), &id, sizeof(id));
  return bytes;
}

RowKey Decode(const rocksdb::Slice& bytes) {
  uint16_t slot;
  uint64_t id;
  std::memcpy(&slot, bytes.data(), sizeof(slot));
  std::memcpy(&id, bytes.data() + sizeof(slot), sizeof(id));
  return {Slot(__builtin_bswap16(slot)), RowId(__builtin_bswap64(id))};
}

rocksdb::Slice ToSlice(const KeyBytes& key) { return {key.data(), key.size()}; }
rocksdb::Slice ToSlice(std::string_view text) { return {text.data(), text.size()}; }

Status ToStatus(const rocksdb::Status& status, const std::string& attempt) {
  if (status.ok()) return Status();
  const std::string text = attempt + ": " + status.ToString();
  if (status.IsNoSpace()) {
    return Status(StatusCode::kResourceExhausted, text + "; free space on that disk");
  }
  if (status.IsCorruption()) return Status(StatusCode::kDataLoss, text);
  return Status(StatusCode::kUnavailable, text);
}

// A cold tier below a row cache of our own: small blocks, since a read wants one row; filters and
// index in memory, so that a read is one access to the disk; writes only by ingest.
rocksdb::Options MakeOptions(const RocksDbRowStoreOptions& given, bool direct_reads) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.paranoid_checks = true;
  options.use_direct_reads = direct_reads;  // Hot rows are cached above, not in the kernel.
  options.max_open_files = -1;
  options.compression = rocksdb::kNoCompression;  // Float rows do not shrink.
  options.bottommost_compression = rocksdb::kNoCompression;
  options.level_compaction_dynamic_level_bytes = true;
  options.target_file_size_base = 256 << 20;
  options.max_bytes_for_level_base = 1 << 30;
  options.write_buffer_size = 1 << 20;  // Nothing is ever put into it.
  options.avoid_flush_during_shutdown = true;
  options.recycle_log_file_num = 0;
  options.track_and_verify_wals_in_manifest = true;
  options.file_checksum_gen_factory = rocksdb::GetFileChecksumGenCrc32cFactory();
  options.paranoid_file_checks = given.verify;
  options.keep_log_file_num = 2;
  options.max_log_file_size = 4 << 20;

  rocksdb::BlockBasedTableOptions table;
  table.block_size = 4096;
  table.format_version = 5;
  table.checksum = rocksdb::kXXH3;
  table.data_block_index_type = rocksdb::BlockBasedTableOptions::kDataBlockBinaryAndHash;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.block_cache = rocksdb::NewLRUCache(given.block_cache_bytes);
  table.cache_index_and_filter_blocks = false;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

// Half-written runs and images of a former life only take room.
Status EmptyFolder(const std::string& folder) {
  std::error_code error;
  fs::remove_all(folder, error);
  SKY_RETURN_IF_ERROR(SystemStatus(error, "delete " + folder));
  return MakeFolders(folder);
}

// Without CURRENT RocksDB would make a new, empty database, and delete the rest.
Status CheckDatabase(const std::string& folder, const std::string& if_not) {
  SKY_ASSIGN_OR_RETURN(const bool there, Exists(folder + "/db/CURRENT"));
  return there ? Status() : Status(StatusCode::kDataLoss, if_not);
}

// Files that wait to be ingested, which moves them away.
class StagedFiles : public StagedRows {
 public:
  ~StagedFiles() override {
    std::error_code error;  // The next start deletes what stays.
    for (const auto& file : files) fs::remove(file.external_files[0], error);
  }
  // Call before anything is written there.
  void Add(rocksdb::ColumnFamilyHandle* family, std::string path) {
    files.emplace_back();
    files.back().column_family = family;
    files.back().external_files.push_back(std::move(path));
  }

  std::vector<rocksdb::IngestExternalFileArg> files;
};

}  // namespace

struct RocksDbRowStore::State {
  RocksDbRowStoreOptions options;
  rocksdb::Options rocksdb_options;
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> families;  // By table; owned by `db`'s close.
  rocksdb::ColumnFamilyHandle* default_family = nullptr;
  uint64_t store_id = 0;
  std::atomic<uint64_t> runs_written = 0;
  uint64_t chains_begun = 0;
  std::mutex chain_mutex;             // Whoever finds no room gives it up, on any thread.
  uint64_t additions = 0;             // Of files to all chains, those that are gone too.
  std::unique_ptr<ImageChain> chain;  // Null: the next image begins one.

  ~State();
  Status Start();
  Status Open(bool direct_reads);
  Status CheckTable(TableId table) const;
  std::string NewRunPath() { return options.folder + "/runs/" + std::to_string(runs_written++); }
  Status WriteRun(const RowRun& run, StagedFiles* staged);
  Status WriteNotes(std::span<const StoreNote> notes, StagedFiles* staged);
  Status WriteDrop(size_t table, SlotRange slots, StagedFiles* staged);
  Status HandOver(StagedFiles* staged);
  Status MakeRoom(uint64_t bytes);
  Status BeginChain();
  Status TakeAdditions();
  Status ReadFailure(TableId table, RowKey key, const rocksdb::Status& status, size_t bytes) const;
  Status ReadSome(TableId table, std::span<const RowKey> keys, char* records, uint8_t* found);
};

Status RocksDbRowStore::State::Open(bool direct_reads) {
  rocksdb_options = MakeOptions(options, direct_reads);
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  descriptors.emplace_back(rocksdb::kDefaultColumnFamilyName, rocksdb_options);
  for (size_t t = 0; t < options.record_bytes.size(); ++t) {
    descriptors.emplace_back("table-" + std::to_string(t), rocksdb_options);
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* opened = nullptr;
  const std::string path = options.folder + "/db";
  const rocksdb::Status status =
      rocksdb::DB::Open(rocksdb_options, path, descriptors, &handles, &opened);
  // RocksDB has no code of its own for this.
  if (status.IsIOError() && status.ToString().find("lock") != std::string::npos) {
    return Status(StatusCode::kFailedPrecondition,
                  "open " + path + ": " + status.ToString() + "; is another shard running there?");
  }
  SKY_RETURN_IF_ERROR(ToStatus(status, "open " + path));
  db.reset(opened);
  default_family = handles.front();
  families.assign(handles.begin() + 1, handles.end());
  return Status();
}

RocksDbRowStore::State::~State() {
  if (!db) return;
  for (rocksdb::ColumnFamilyHandle* family : families) db->DestroyColumnFamilyHandle(family);
  db->DestroyColumnFamilyHandle(default_family);
  (void)db->Close();  // Nothing is buffered, so nothing can be lost here.
}

Status RocksDbRowStore::State::CheckTable(TableId table) const {
  if (Number(table) < families.size()) return Status();
  return Status(StatusCode::kInvalidArgument, "table " + std::to_string(Number(table)) + " of " +
                                                  options.folder + ": it holds " +
                                                  std::to_string(families.size()));
}

Status RocksDbRowStore::State::Start() {
  SKY_RETURN_IF_ERROR(CheckFreeSpace(options.folder, kFreeBytesMin));
  if (Status direct = Open(true); !direct.ok()) {
    if (direct.code() == StatusCode::kFailedPrecondition) return direct;
    // Some file systems (tmpfs) cannot read past the kernel's cache.
    LOG(WARNING) << direct << "; trying without direct reads";
    SKY_RETURN_IF_ERROR(Open(false));
  }
  // Now that the lock is ours. It makes the name of db/ safe too: RocksDB only syncs what is in it.
  SKY_RETURN_IF_ERROR(EmptyFolder(options.folder + "/runs"));
  return EmptyFolder(options.folder + "/images");
}

Result<std::unique_ptr<RocksDbRowStore>> RocksDbRowStore::Open(RocksDbRowStoreOptions options) {
  auto state = std::make_unique<State>();
  const StoreMark mark(options.folder);
  SKY_ASSIGN_OR_RETURN(const StoreMark::Store marked,
                       mark.Take(options.owner, options.new_store_id));
  if (marked.made) {
    SKY_RETURN_IF_ERROR(CheckDatabase(options.folder, "open " + options.folder +
                                                          "/db: CURRENT is not there, though " +
                                                          mark.path() + " is: its rows are lost"));
  }
  state->store_id = marked.id;
  state->options = std::move(options);
  SKY_RETURN_IF_ERROR(state->Start());
  // Not before: a start that is killed in between has lost nothing, and is repeated.
  if (!marked.made) SKY_RETURN_IF_ERROR(mark.Write(state->options.owner, marked.id));
  return std::unique_ptr<RocksDbRowStore>(new RocksDbRowStore(std::move(state)));
}

Result<std::unique_ptr<RocksDbRowStore>> RocksDbRowStore::Adopt(RocksDbRowStoreOptions options) {
  const std::string attempt = "take up the files in " + options.folder + "/db";
  const StoreMark mark(options.folder);
  SKY_ASSIGN_OR_RETURN(const bool marked, mark.Exists());
  if (marked) {
    return Status(StatusCode::kFailedPrecondition,
                  attempt + ": they are a store already, as " + mark.path() + " says");
  }
  SKY_RETURN_IF_ERROR(CheckDatabase(options.folder, attempt + ": CURRENT is not among them"));
  auto state = std::make_unique<State>();
  state->store_id = options.new_store_id;
  state->options = std::move(options);
  SKY_RETURN_IF_ERROR(state->Start());
  SKY_RETURN_IF_ERROR(state->TakeAdditions());
  // Now it is whole.
  SKY_RETURN_IF_ERROR(mark.Write(state->options.owner, state->options.new_store_id));
  return std::unique_ptr<RocksDbRowStore>(new RocksDbRowStore(std::move(state)));
}

RocksDbRowStore::RocksDbRowStore(std::unique_ptr<State> state) : state_(std::move(state)) {}

RocksDbRowStore::~RocksDbRowStore() = default;

uint64_t RocksDbRowStore::store_id() const { return state_->store_id; }

// ---------------------------------------------------------------- writing

Status RocksDbRowStore::State::WriteRun(const RowRun& run, StagedFiles* staged) {
  SKY_RETURN_IF_ERROR(CheckTable(run.table));
  const size_t bytes = options.record_bytes[Number(run.table)];
  CHECK_EQ(run.records.size(), run.keys.size() * bytes);
  const std::string path = NewRunPath();
  const std::string attempt = "write " + std::to_string(run.keys.size()) + " rows (" +
                              std::to_string(run.records.size()) + " bytes) to " + path;
  staged->Add(families[Number(run.table)], path);
  // The rows just left memory because others are hotter, but may come back soon: keep the pages.
  rocksdb::SstFileWriter writer(rocksdb::EnvOptions(rocksdb_options), rocksdb_options,
                                families[Number(run.table)], /*invalidate_page_cache=*/false);
  SKY_RETURN_IF_ERROR(ToStatus(writer.Open(path), attempt));
  for (size_t i = 0; i < run.keys.size(); ++i) {
    const KeyBytes key = Encode(run.keys[i]);
    const rocksdb::Slice record(run.records.data() + i * bytes, bytes);
    SKY_RETURN_IF_ERROR(ToStatus(writer.Put(ToSlice(key), record), attempt));
  }
  return ToStatus(writer.Finish(), attempt);
}

Status RocksDbRowStore::State::WriteNotes(std::span<const StoreNote> notes, StagedFiles* staged) {
  std::vector<StoreNote> sorted(notes.begin(), notes.end());
  std::ranges::sort(sorted, {}, &StoreNote::name);
  const std::string path = NewRunPath();
  const std::string attempt = "write " + std::to_string(notes.size()) + " notes to " + path;
  staged->Add(default_family, path);
  rocksdb::SstFileWriter writer(rocksdb::EnvOptions(rocksdb_options), rocksdb_options,
                                default_family);
  SKY_RETURN_IF_ERROR(ToStatus(writer.Open(path), attempt));
  for (const StoreNote& note : sorted) {
    SKY_RETURN_IF_ERROR(ToStatus(writer.Put(ToSlice(note.name), ToSlice(note.value)), attempt));
  }
  return ToStatus(writer.Finish(), attempt);
}

Status RocksDbRowStore::State::WriteDrop(size_t table, SlotRange slots, StagedFiles* staged) {
  const std::string path = NewRunPath();
  staged->Add(families[table], path);
  const std::string attempt = "write the end of slots " + std::to_string(slots.begin) + " to " +
                              std::to_string(slots.end) + " to " + path;
  rocksdb::SstFileWriter writer(rocksdb::EnvOptions(rocksdb_options), rocksdb_options,
                                families[table]);
  SKY_RETURN_IF_ERROR(ToStatus(writer.Open(path), attempt));
  const KeyBytes begin = Encode({.slot = Slot(static_cast<uint16_t>(slots.begin)), .id = {}});
  const KeyBytes end = Encode({.slot = Slot(static_cast<uint16_t>(slots.end)), .id = {}});
  SKY_RETURN_IF_ERROR(ToStatus(writer.DeleteRange(ToSlice(begin), ToSlice(end)), attempt));
  return ToStatus(writer.Finish(), attempt);
}

Status RocksDbRowStore::State::HandOver(StagedFiles* staged) {
  if (staged->files.empty()) return Status();
  for (rocksdb::IngestExternalFileArg& file : staged->files) {
    file.options.move_files = true;
    file.options.snapshot_consistency = true;  // Scans see one state.
    file.options.write_global_seqno = false;
    file.options.verify_checksums_before_ingest = options.verify;
  }
  std::vector<AddedFile> added;
  for (const rocksdb::IngestExternalFileArg& file : staged->files) {
    added.push_back({.family = file.column_family->GetID(), .path = file.external_files[0]});
  }
  // RocksDB notes it in files of its own, and does not take well to a full disk there.
  SKY_RETURN_IF_ERROR(MakeRoom(kFreeBytesMin / 2));
  const auto ingest = [&] {
    return ToStatus(db->IngestExternalFiles(staged->files),
                    "ingest rows into " + options.folder + "/db");
  };
  const std::lock_guard lock(chain_mutex);
  return chain ? chain->Add(added, ingest) : ingest();
}

// Files that only make later images smaller go before anything else lacks room.
Status RocksDbRowStore::State::MakeRoom(uint64_t bytes) {
  Status room = CheckFreeSpace(options.folder, bytes);
  if (room.code() != StatusCode::kResourceExhausted) return room;
  std::unique_ptr<ImageChain> given_up;
  {
    const std::lock_guard lock(chain_mutex);
    given_up = std::move(chain);
  }
  if (!given_up) return room;
  LOG(WARNING) << room << "; what images share is given up";
  given_up.reset();
  return CheckFreeSpace(options.folder, bytes);
}

Result<std::unique_ptr<StagedRows>> RocksDbRowStore::Stage(std::span<const RowRun> runs,
                                                           std::span<const StoreNote> notes) {
  uint64_t bytes = kFreeBytesMin;
  for (const RowRun& run : runs) bytes += run.records.size() + run.keys.size() * sizeof(RowKey);
  for (const StoreNote& note : notes) bytes += note.value.size();
  SKY_RETURN_IF_ERROR(state_->MakeRoom(bytes));
  auto staged = std::make_unique<StagedFiles>();
  for (const RowRun& run : runs) {
    if (!run.keys.empty()) SKY_RETURN_IF_ERROR(state_->WriteRun(run, staged.get()));
  }
  if (!notes.empty()) SKY_RETURN_IF_ERROR(state_->WriteNotes(notes, staged.get()));
  return std::unique_ptr<StagedRows>(std::move(staged));
}

Status RocksDbRowStore::Take(std::unique_ptr<StagedRows> staged) {
  return state_->HandOver(&dynamic_cast<StagedFiles&>(*staged));
}

Status RocksDbRowStore::Drop(SlotRange slots, std::span<const StoreNote> notes) {
  SKY_RETURN_IF_ERROR(state_->MakeRoom(kFreeBytesMin));
  StagedFiles staged;
  for (size_t t = 0; t < state_->families.size() && slots.begin < slots.end; ++t) {
    SKY_RETURN_IF_ERROR(state_->WriteDrop(t, slots, &staged));
  }
  if (!notes.empty()) SKY_RETURN_IF_ERROR(state_->WriteNotes(notes, &staged));
  return state_->HandOver(&staged);
}

// ---------------------------------------------------------------- images

Status RocksDbRowStore::State::BeginChain() {
  const std::string folder =
      fs::absolute(options.folder).string() + "/images/" + std::to_string(chains_begun++);
  const std::string attempt = "freeze " + options.folder + "/db in " + folder;
  rocksdb::Checkpoint* made = nullptr;
  SKY_RETURN_IF_ERROR(ToStatus(rocksdb::Checkpoint::Create(db.get(), &made), attempt));
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  // Memtables are empty. A flush of nothing waits until merging has caught up, seconds at times.
  constexpr uint64_t kNoFlush = std::numeric_limits<uint64_t>::max();
  SKY_RETURN_IF_ERROR(ToStatus(checkpoint->CreateCheckpoint(folder, kNoFlush), attempt));
  SKY_ASSIGN_OR_RETURN(chain, ImageChain::Begin(folder, additions, chain.get()));
  return Status();
}

Result<std::unique_ptr<StoreImage>> RocksDbRowStore::Freeze() {
  SKY_RETURN_IF_ERROR(state_->MakeRoom(kFreeBytesMin));
  const std::lock_guard lock(state_->chain_mutex);
  if (!state_->chain || state_->chain->closed()) SKY_RETURN_IF_ERROR(state_->BeginChain());
  return state_->chain->Image();
}

// In their order: of two rows with one key the later one counts.
Status RocksDbRowStore::State::TakeAdditions() {
  const std::string folder = options.folder + "/db";
  std::map<ImageChain::Place, std::string> files;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const auto place = ImageChain::PlaceOf(it->path().filename().string());
    if (place) files.emplace(*place, it->path().string());
  }
  SKY_RETURN_IF_ERROR(SystemStatus(error, "list " + folder));
  for (auto file = files.begin(); file != files.end();) {
    StagedFiles addition;
    const uint64_t number = file->first.addition;
    for (; file != files.end() && file->first.addition == number; ++file) {
      const size_t family = file->first.family;
      if (family > families.size()) {
        return Status(StatusCode::kDataLoss,
                      "take up " + file->second + ": there is no table " + std::to_string(family));
      }
      addition.Add(family == 0 ? default_family : families[family - 1], file->second);
    }
    SKY_RETURN_IF_ERROR(HandOver(&addition));
  }
  return Status();
}

// ---------------------------------------------------------------- reading

Status RocksDbRowStore::State::ReadFailure(TableId table, RowKey key, const rocksdb::Status& status,
                                           size_t bytes) const {
  const std::string attempt = "read row " + std::to_string(Number(key.id)) + " of table " +
                              std::to_string(Number(table)) + " in " + options.folder + "/db";
  if (!status.ok()) return ToStatus(status, attempt);
  return Status(StatusCode::kDataLoss, attempt + ": " + std::to_string(bytes) +
                                           " bytes instead of " +
                                           std::to_string(options.record_bytes[Number(table)]));
}

Status RocksDbRowStore::State::ReadSome(TableId table, std::span<const RowKey> keys, char* records,
                                        uint8_t* found) {
  const size_t bytes = options.record_bytes[Number(table)];
  std::array<KeyBytes, kReadMax> encoded;
  std::array<rocksdb::Slice, kReadMax> slices;
  std::array<rocksdb::PinnableSlice, kReadMax> values;
  std::array<rocksdb::Status, kReadMax> statuses;
  for (size_t i = 0; i < keys.size(); ++i) {
    encoded[i] = Encode(keys[i]);
    slices[i] = ToSlice(encoded[i]);
  }
  db->MultiGet(rocksdb::ReadOptions(), families[Number(table)], keys.size(), slices.data(),
               values.data(), statuses.data(), /*sorted_input=*/true);
  for (size_t i = 0; i < keys.size(); ++i) {
    found[i] = statuses[i].ok();
    if (statuses[i].IsNotFound()) continue;
    if (!statuses[i].ok() || values[i].size() != bytes) {
      return ReadFailure(table, keys[i], statuses[i], values[i].size());
    }
    std::memcpy(records + i * bytes, values[i].data(), bytes);
  }
  return Status();
}

Result<std::string> RocksDbRowStore::Note(std::string_view name) {
  std::string value;
  const rocksdb::Status status =
      state_->db->Get(rocksdb::ReadOptions(), state_->default_family, ToSlice(name), &value);
  if (status.IsNotFound()) return std::string();
  SKY_RETURN_IF_ERROR(
      ToStatus(status, "read note " + std::string(name) + " in " + state_->options.folder + "/db"));
  return value;
}

Status RocksDbRowStore::Read(TableId table, std::span<const RowKey> keys, std::span<char> records,
                             std::span<uint8_t> found) {
  SKY_RETURN_IF_ERROR(state_->CheckTable(table));
  const size_t bytes = state_->options.record_bytes[Number(table)];
  CHECK_EQ(records.size(), keys.size() * bytes);
  CHECK_EQ(found.size(), keys.size());
  for (size_t begin = 0; begin < keys.size(); begin += kReadMax) {
    const size_t count = std::min(kReadMax, keys.size() - begin);
    SKY_RETURN_IF_ERROR(state_->ReadSome(table, keys.subspan(begin, count),
                                         records.data() + begin * bytes, found.data() + begin));
  }
  return Status();
}

Status RocksDbRowStore::Scan(TableId table, RowKey from,
                             const std::function<bool(RowKey, std::string_view)>& visit) {
  SKY_RETURN_IF_ERROR(state_->CheckTable(table));
  const std::string attempt =
      "scan table " + std::to_string(Number(table)) + " in " + state_->options.folder + "/db";
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  options.readahead_size = 2 << 20;
  const std::unique_ptr<rocksdb::Iterator> rows(
      state_->db->NewIterator(options, state_->families[Number(table)]));
  const KeyBytes begin = Encode(from);
  for (rows->Seek(ToSlice(begin)); rows->Valid(); rows->Next()) {
    const rocksdb::Slice record = rows->value();
    if (rows->key().size() != kKeyBytes ||
        record.size() != state_->options.record_bytes[Number(table)]) {
      return Status(StatusCode::kDataLoss,
                    attempt + ": a record has " + std::to_string(record.size()) + " bytes");
    }
    if (!visit(Decode(rows->key()), {record.data(), record.size()})) break;
  }
  return ToStatus(rows->status(), attempt);
}

}  // namespace skybridge::env
