// SPDX-License-Identifier: Apache-2.0
#include "env/rocksdb_row_store.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include <glog/logging.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>

#include "env/files.h"

namespace skybridge::env {
namespace {

namespace fs = std::filesystem;

constexpr char kMarkName[] = "SKYBRIDGE_ROWS";
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

Status ToStatus(const rocksdb::Status& status, const std::string& attempt) {
  if (status.ok()) return Status();
  const std::string text = attempt + ": " + status.ToString();
  if (status.IsNoSpace()) {
    return Status(StatusCode::kResourceExhausted, text + "; free space on that disk");
  }
  if (status.IsCorruption()) return Status(StatusCode::kDataLoss, text);
  return Status(StatusCode::kUnavailable, text);
}

Status ToStatus(const std::error_code& error, const std::string& attempt) {
  if (!error) return Status();
  const bool full = error == std::errc::no_space_on_device;
  return Status(full ? StatusCode::kResourceExhausted : StatusCode::kUnavailable,
                attempt + ": " + error.message());
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
  options.optimize_filters_for_hits = true;
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

// Leaves the folder there, with its mark and nothing else.
Status Clear(const std::string& folder) {
  SKY_RETURN_IF_ERROR(MakeFolders(folder));
  std::error_code error;
  const bool empty = fs::is_empty(folder, error);
  SKY_RETURN_IF_ERROR(ToStatus(error, "look into " + folder));
  const std::string mark = folder + "/" + kMarkName;
  if (!empty && !fs::exists(mark, error)) {
    return Status(StatusCode::kFailedPrecondition,
                  "use " + folder + " for a shard's rows: it holds other files; name an empty one");
  }
  const std::string db = folder + "/db";
  if (fs::exists(db, error)) {
    // Takes RocksDB's lock first, so rows of a living shard stay.
    const rocksdb::Status destroyed = rocksdb::DestroyDB(db, rocksdb::Options());
    if (!destroyed.ok()) {
      return Status(StatusCode::kFailedPrecondition, "delete the rows of an earlier job in " + db +
                                                         ": " + destroyed.ToString() +
                                                         "; is another shard running there?");
    }
  }
  fs::remove_all(db, error);
  SKY_RETURN_IF_ERROR(ToStatus(error, "delete " + db));
  fs::remove_all(folder + "/runs", error);
  SKY_RETURN_IF_ERROR(ToStatus(error, "delete " + folder + "/runs"));
  SKY_RETURN_IF_ERROR(
      WriteFileDurably(mark, "Rows of one Skybridge shard. Deleted by its next.\n"));
  return MakeFolders(folder + "/runs");
}

}  // namespace

struct RocksDbRowStore::State {
  RocksDbRowStoreOptions options;
  rocksdb::Options rocksdb_options;
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> families;  // By table; owned by `db`'s close.
  rocksdb::ColumnFamilyHandle* default_family = nullptr;
  uint64_t runs_written = 0;

  Status Open(bool direct_reads);
  void Close();
  Status CheckTable(TableId table) const;
  Result<std::string> WriteRun(const RowRun& run);
  Status HandOver(std::vector<rocksdb::IngestExternalFileArg> files);
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
  SKY_RETURN_IF_ERROR(ToStatus(status, "open " + path));
  db.reset(opened);
  default_family = handles.front();
  families.assign(handles.begin() + 1, handles.end());
  return Status();
}

void RocksDbRowStore::State::Close() {
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

Result<std::unique_ptr<RocksDbRowStore>> RocksDbRowStore::Create(RocksDbRowStoreOptions options) {
  SKY_RETURN_IF_ERROR(Clear(options.folder));
  SKY_RETURN_IF_ERROR(CheckFreeSpace(options.folder, kFreeBytesMin));
  auto state = std::make_unique<State>();
  state->options = std::move(options);
  if (Status direct = state->Open(true); !direct.ok()) {
    // Some file systems (tmpfs) cannot read past the kernel's cache.
    LOG(WARNING) << direct << "; trying without direct reads";
    SKY_RETURN_IF_ERROR(state->Open(false));
  }
  return std::unique_ptr<RocksDbRowStore>(new RocksDbRowStore(std::move(state)));
}

RocksDbRowStore::RocksDbRowStore(std::unique_ptr<State> state) : state_(std::move(state)) {}

RocksDbRowStore::~RocksDbRowStore() { state_->Close(); }

// ---------------------------------------------------------------- writing

Result<std::string> RocksDbRowStore::State::WriteRun(const RowRun& run) {
  SKY_RETURN_IF_ERROR(CheckTable(run.table));
  const size_t bytes = options.record_bytes[Number(run.table)];
  CHECK_EQ(run.records.size(), run.keys.size() * bytes);
  const std::string path = options.folder + "/runs/" + std::to_string(runs_written++) + ".sst";
  const std::string attempt = "write " + std::to_string(run.keys.size()) + " rows (" +
                              std::to_string(run.records.size()) + " bytes) to " + path;
  // The rows just left memory because others are hotter, but may come back soon: keep the pages.
  rocksdb::SstFileWriter writer(rocksdb::EnvOptions(rocksdb_options), rocksdb_options,
                                families[Number(run.table)], /*invalidate_page_cache=*/false);
  SKY_RETURN_IF_ERROR(ToStatus(writer.Open(path), attempt));
  for (size_t i = 0; i < run.keys.size(); ++i) {
    const KeyBytes key = Encode(run.keys[i]);
    const rocksdb::Slice record(run.records.data() + i * bytes, bytes);
    SKY_RETURN_IF_ERROR(ToStatus(writer.Put(ToSlice(key), record), attempt));
  }
  SKY_RETURN_IF_ERROR(ToStatus(writer.Finish(), attempt));
  return path;
}

Status RocksDbRowStore::State::HandOver(std::vector<rocksdb::IngestExternalFileArg> files) {
  for (rocksdb::IngestExternalFileArg& file : files) {
    file.options.move_files = true;
    file.options.snapshot_consistency = true;  // Scans see one state.
    file.options.write_global_seqno = false;
    file.options.verify_checksums_before_ingest = options.verify;
  }
  return ToStatus(db->IngestExternalFiles(files), "ingest rows into " + options.folder + "/db");
}

Status RocksDbRowStore::Ingest(std::span<const RowRun> runs) {
  uint64_t bytes = kFreeBytesMin;
  for (const RowRun& run : runs) bytes += run.records.size() + run.keys.size() * sizeof(RowKey);
  SKY_RETURN_IF_ERROR(CheckFreeSpace(state_->options.folder, bytes));
  std::vector<rocksdb::IngestExternalFileArg> files;
  const auto write_all = [&]() -> Status {
    for (const RowRun& run : runs) {
      if (run.keys.empty()) continue;
      SKY_ASSIGN_OR_RETURN(std::string path, state_->WriteRun(run));
      files.emplace_back();
      files.back().column_family = state_->families[Number(run.table)];
      files.back().external_files.push_back(std::move(path));
    }
    return files.empty() ? Status() : state_->HandOver(files);
  };
  Status status = write_all();
  if (!status.ok()) {
    std::error_code ignored;  // Half-written runs only take room; the next store deletes them.
    fs::remove_all(state_->options.folder + "/runs", ignored);
    fs::create_directory(state_->options.folder + "/runs", ignored);
  }
  return status;
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
