// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <glog/logging.h>

#include "common/bytes.h"
#include "common/hash.h"
#include "common/shard_map.h"
#include "env/row_store.h"

namespace skybridge::support {

// A RowStore in memory: records by key, for each table, and their keys in order once somebody
// scans. Checks what callers promise (ascending keys, sizes that fit), counts what they do, and
// fails when told to.
class MemoryRowStore : public env::RowStore {
 public:
  // record_bytes[table]: bytes of one record.
  explicit MemoryRowStore(std::vector<size_t> record_bytes)
      : record_bytes_(std::move(record_bytes)), tables_(record_bytes_.size()) {}

  Result<std::unique_ptr<env::StagedRows>> Stage(std::span<const env::RowRun> runs,
                                                 std::span<const env::StoreNote> notes) override {
    if (!failure.ok()) return failure;
    auto staged = std::make_unique<Staged>();
    for (const env::StoreNote& note : notes) {
      staged->notes.emplace_back(std::string(note.name), std::string(note.value));
    }
    for (const env::RowRun& run : runs) {
      CHECK_EQ(run.records.size(), run.keys.size() * BytesOf(run.table));
      CheckAscending(run.keys);
      staged->runs.push_back({run.table, std::vector(run.keys.begin(), run.keys.end()),
                              std::vector(run.records.begin(), run.records.end())});
    }
    return std::unique_ptr<env::StagedRows>(std::move(staged));
  }

  Status Take(std::unique_ptr<env::StagedRows> rows) override {
    if (!failure.ok()) return failure;
    ++ingests;
    const auto& staged = dynamic_cast<const Staged&>(*rows);
    for (const auto& [name, value] : staged.notes) notes_[name] = value;
    for (const Staged::Run& run : staged.runs) {
      const size_t bytes = BytesOf(run.table);
      for (size_t i = 0; i < run.keys.size(); ++i) {
        tables_[Number(run.table)].Put(run.keys[i], {run.records.data() + i * bytes, bytes});
        ++rows_ingested;
      }
    }
    return Status();
  }

  Status Drop(SlotRange slots, std::span<const env::StoreNote> notes) override {
    if (!failure.ok()) return failure;
    for (const env::StoreNote& note : notes) notes_[std::string(note.name)] = note.value;
    for (size_t t = 0; t < tables_.size(); ++t) tables_[t].Drop(slots, record_bytes_[t]);
    return Status();
  }

  Result<std::string> Note(std::string_view name) override {
    if (!failure.ok()) return failure;
    const auto it = notes_.find(std::string(name));
    return it == notes_.end() ? std::string() : it->second;
  }

  Status Read(TableId table, std::span<const env::RowKey> keys, std::span<char> records,
              std::span<uint8_t> found) override {
    if (!failure.ok()) return failure;
    const size_t bytes = BytesOf(table);
    CHECK_EQ(records.size(), keys.size() * bytes);
    CHECK_EQ(found.size(), keys.size());
    CheckAscending(keys);
    ++reads;
    for (size_t i = 0; i < keys.size(); ++i) {
      const char* record = tables_[Number(table)].Find(keys[i], bytes);
      found[i] = record != nullptr;
      if (found[i]) std::memcpy(records.data() + i * bytes, record, bytes);
    }
    return Status();
  }

  Status Scan(TableId table, env::RowKey from,
              const std::function<bool(env::RowKey, std::string_view)>& visit) override {
    if (!failure.ok()) return failure;
    const size_t bytes = BytesOf(table);
    Table& rows = tables_[Number(table)];
    const std::vector<env::RowKey>& keys = rows.Sorted();
    for (auto it = std::ranges::lower_bound(keys, from); it != keys.end(); ++it) {
      if (!visit(*it, {rows.Find(*it, bytes), bytes})) break;
    }
    return Status();
  }

  // One file for each table, and one for the notes. Named by content, so a table that does not
  // change has the same file in the next image, as runs of the real store have.
  Result<std::unique_ptr<env::StoreImage>> Freeze() override {
    if (!failure.ok()) return failure;
    auto image = std::make_unique<Image>(images_);
    for (size_t t = 0; t < tables_.size(); ++t) {
      std::string bytes;
      for (const env::RowKey& key : tables_[t].Sorted()) {
        AppendRaw<Slot>(bytes, std::span(&key.slot, 1));
        AppendRaw<RowId>(bytes, std::span(&key.id, 1));
        bytes.append(tables_[t].Find(key, record_bytes_[t]), record_bytes_[t]);
      }
      image->Add("table-" + std::to_string(t), std::move(bytes));
    }
    std::string notes;
    for (const auto& [name, value] : notes_) {
      for (const std::string* part : {&name, &value}) {
        const uint64_t size = part->size();
        AppendRaw<uint64_t>(notes, std::span(&size, 1));
        notes += *part;
      }
    }
    image->Add("notes", std::move(notes));
    return std::unique_ptr<env::StoreImage>(std::move(image));
  }

  // Takes up the files of an image, by name. The store is empty before. False: they are no image of
  // these tables.
  [[nodiscard]] bool Load(const std::map<std::string, std::string>& files) {
    for (const auto& [name, bytes] : files) {
      const auto dash = name.find_last_of('-');
      if (dash == std::string::npos || name != Image::NameOf(name.substr(0, dash), bytes))
        return false;
      std::string_view left = bytes;
      const bool whole = name.starts_with("notes")
                             ? LoadNotes(left)
                             : LoadTable(static_cast<size_t>(std::stoul(name.substr(6))), left);
      if (!whole) return false;
    }
    return files.size() == tables_.size() + 1;
  }

  // Images that live now.
  int64_t images() const { return images_.use_count() - 1; }
  size_t rows(TableId table) const { return tables_[Number(table)].places.size(); }

  Status failure;  // Every call fails with it while it is set.
  uint64_t ingests = 0;
  uint64_t rows_ingested = 0;
  uint64_t reads = 0;

 private:
  struct Staged : env::StagedRows {
    struct Run {
      TableId table;
      std::vector<env::RowKey> keys;
      std::vector<char> records;
    };
    std::vector<Run> runs;
    std::vector<std::pair<std::string, std::string>> notes;
  };
  class Image : public env::StoreImage {
   public:
    // `alive` is shared to be counted, which outlives the store.
    explicit Image(std::shared_ptr<const int> alive) : alive_(std::move(alive)) {}
    static std::string NameOf(const std::string& stem, std::string_view bytes) {
      return stem + "-" + std::to_string(HashBytes(bytes));
    }
    void Add(const std::string& stem, std::string bytes) {
      files_.push_back({.name = NameOf(stem, bytes), .bytes = bytes.size(), .lasting = true});
      content_[files_.back().name] = std::move(bytes);
    }
    const std::vector<env::ImageFile>& files() const override { return files_; }
    Status Read(const std::string& name,
                const std::function<Status(std::string_view)>& sink) override {
      const auto it = content_.find(name);
      if (it == content_.end()) return Status(StatusCode::kNotFound, name);
      // In two pieces, as long files come.
      const std::string_view bytes = it->second;
      SKY_RETURN_IF_ERROR(sink(bytes.substr(0, bytes.size() / 2)));
      return sink(bytes.substr(bytes.size() / 2));
    }

   private:
    const std::shared_ptr<const int> alive_;
    std::vector<env::ImageFile> files_;
    std::map<std::string, std::string> content_;
  };

  bool LoadTable(size_t table, std::string_view bytes) {
    if (table >= tables_.size()) return false;
    const size_t key_bytes = sizeof(Slot) + sizeof(RowId);
    const size_t step = key_bytes + record_bytes_[table];
    if (bytes.size() % step != 0) return false;
    for (; !bytes.empty(); bytes.remove_prefix(step)) {
      env::RowKey key;
      std::memcpy(&key.slot, bytes.data(), sizeof(Slot));
      std::memcpy(&key.id, bytes.data() + sizeof(Slot), sizeof(RowId));
      tables_[table].Put(key, bytes.substr(key_bytes, record_bytes_[table]));
    }
    return true;
  }
  bool LoadNotes(std::string_view bytes) {
    std::vector<std::string> parts;
    while (!bytes.empty()) {
      uint64_t size = 0;
      if (bytes.size() < sizeof(size)) return false;
      std::memcpy(&size, bytes.data(), sizeof(size));
      bytes.remove_prefix(sizeof(size));
      if (bytes.size() < size) return false;
      parts.emplace_back(bytes.substr(0, size));
      bytes.remove_prefix(size);
    }
    for (size_t i = 0; i + 1 < parts.size(); i += 2) notes_[parts[i]] = parts[i + 1];
    return parts.size() % 2 == 0;
  }

  struct HashKey {
    size_t operator()(const env::RowKey& key) const {
      return Mix64(Number(key.id) ^ (uint64_t{Number(key.slot)} << 48));
    }
  };
  struct Table {
    void Put(env::RowKey key, std::string_view record) {
      const auto [place, is_new] = places.try_emplace(key, places.size());
      if (is_new) {
        records.append(record);
        sorted.clear();
      } else {
        record.copy(records.data() + place->second * record.size(), record.size());
      }
    }
    void Drop(SlotRange slots, size_t bytes) {
      Table left;
      for (const env::RowKey& key : Sorted()) {
        if (Number(key.slot) >= slots.begin && Number(key.slot) < slots.end) continue;
        left.Put(key, {Find(key, bytes), bytes});
      }
      *this = std::move(left);
    }
    const char* Find(env::RowKey key, size_t bytes) const {
      const auto place = places.find(key);
      return place == places.end() ? nullptr : records.data() + place->second * bytes;
    }
    const std::vector<env::RowKey>& Sorted() {
      if (sorted.size() == places.size()) return sorted;
      for (const auto& [key, place] : places) sorted.push_back(key);
      std::ranges::sort(sorted);
      return sorted;
    }

    std::unordered_map<env::RowKey, size_t, HashKey> places;
    std::string records;
    std::vector<env::RowKey> sorted;  // Empty: not known.
  };

  size_t BytesOf(TableId table) const {
    CHECK_LT(Number(table), record_bytes_.size());
    return record_bytes_[Number(table)];
  }
  static void CheckAscending(std::span<const env::RowKey> keys) {
    for (size_t i = 1; i < keys.size(); ++i) CHECK(keys[i - 1] < keys[i]) << "key " << i;
  }

  const std::vector<size_t> record_bytes_;
  std::vector<Table> tables_;
  std::map<std::string, std::string> notes_;
  const std::shared_ptr<const int> images_ = std::make_shared<const int>();
};

}  // namespace skybridge::support
