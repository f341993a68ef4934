// SPDX-License-Identifier: Apache-2.0
//
// An export on disk: a manifest, and files of any content that fit it or not.
#include <cmath>

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include "data/query_encoder.h"
#include "env/files.h"
#include "launch/export_reader.h"
#include "retrieval/npy.h"
#include "retrieval/whole_file.h"
#include "tests/fuzz/fuzz_folder.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/fuzz_message.h"

namespace skybridge::launch {
namespace {

constexpr uint32_t kDim = 2;
constexpr char kJob[] = R"(
  data { train { path: "t.tsv" } candidate_key: "item" }
  query { dim: 2 feature { column: "user" id { form: INTEGER } } }
  candidate { dim: 2 feature { column: "item" id { form: INTEGER } } })";
constexpr const char* kNames[] = {"a", "b", "c", "d", "e", "f", ""};
constexpr const char* kKinds[] = {"vectors",       "ids",       "labels",
                                  "label_offsets", "table_ids", "table_rows",
                                  "table_counts",  "index",     "other"};
constexpr const char* kTables[] = {"", "user", "item"};

// A file of the export: an array of small shape and numbers, or any bytes.
void WriteOne(fuzz::FuzzInput& input, const std::string& path) {
  const uint32_t rows = input.Below(5);
  const uint32_t columns = input.Below(5);
  switch (input.Below(4)) {
    case 0: {
      std::vector<float> values(size_t{rows} * columns);
      for (float& value : values) value = static_cast<float>(input.Byte());
      CHECK(retrieval::WriteNpy(path, rows, columns, values).has_value());
      return;
    }
    case 1: {
      std::vector<uint64_t> values(rows);
      uint64_t sum = 0;
      for (uint64_t& value : values) value = sum += input.Byte();
      CHECK(retrieval::WriteNpy(path, std::span<const uint64_t>(values)).has_value());
      return;
    }
    case 2: {
      const std::vector<uint32_t> values(rows, columns);
      CHECK(retrieval::WriteNpy(path, std::span<const uint32_t>(values)).has_value());
      return;
    }
    default: CHECK(env::WriteFileDurably(path, input.Text()).ok());
  }
}

exports::Manifest MakeManifest(fuzz::FuzzInput& input, const fuzz::FuzzFolder& folder) {
  exports::Manifest manifest;
  fuzz::Fill(input, &manifest);
  manifest.set_format(1);
  manifest.set_job(kJob);
  manifest.set_dim(kDim);
  manifest.clear_file();
  for (uint32_t count = input.Below(10); count > 0; --count) {
    exports::File& file = *manifest.add_file();
    file.set_name(kNames[input.Below(std::size(kNames))]);
    file.set_kind(kKinds[input.Below(std::size(kKinds))]);
    file.set_table(kTables[input.Below(std::size(kTables))]);
    file.set_partition(input.Below(3));
    const auto found = retrieval::SummariseFile(folder.path() + "/" + file.name());
    if (!found) continue;
    file.set_bytes(found->bytes);
    file.set_xxh64(fmt::format("{:016x}", found->xxh64 ^ (input.Below(8) == 7 ? 1 : 0)));
  }
  return manifest;
}

void UseTower(const ExportReader& reader) {
  const auto tower = QueryTower::Load(reader);
  if (!tower) return fuzz::CheckSays(tower.error(), reader.folder());
  for (uint32_t table = 0; table < reader.model().tables().size(); ++table) {
    for (const uint64_t id : {0, 1, 7}) {
      const std::vector<float> row = tower->Row(TableId(table), id);
      CHECK_EQ(row.size(), reader.model().tables()[table].dim);
      (void)tower->Count(TableId(table), id);  // Any number will do.
    }
  }
  const auto options = reader.DatasetOptions("/base");
  if (reader.manifest().job() != kJob) return;  // Who knows what its queries are.
  CHECK(options.has_value()) << options.error();
  const auto batch = data::EncodeColumns(options->query, {{"user", "7"}});
  CHECK(batch.has_value()) << batch.error();
  CHECK_EQ(tower->Embed(*batch).size(), reader.model().dim());
}

void Use(const ExportReader& reader) {
  CHECK_EQ(reader.manifest().format(), 1u);
  CHECK_EQ(reader.manifest().dim(), reader.model().dim());
  const auto vectors = reader.Vectors();
  if (!vectors) fuzz::CheckSays(vectors.error(), reader.folder());
  if (vectors) {
    CHECK_EQ(vectors->vectors().size(), vectors->size() * reader.model().dim());
    for (uint32_t i = 0; i < vectors->size(); ++i) CHECK_EQ(*vectors->Find(vectors->keys()[i]), i);
  }
  const auto labels = ExportLabels::Load(reader);
  if (!labels) fuzz::CheckSays(labels.error(), reader.folder());
  for (uint32_t i = 0; labels && i < labels->size(); ++i) CHECK(!labels->Fields(i).empty());
  for (const char* kind : kKinds) {
    const auto files = reader.Files(kind);
    if (!files) {
      fuzz::CheckSays(files.error(), reader.folder());
      continue;
    }
    CHECK(std::ranges::is_sorted(*files, {}, [](const auto& file) { return file.first; }));
  }
  UseTower(reader);
}

}  // namespace
}  // namespace skybridge::launch

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace skybridge;
  fuzz::BeQuiet();
  static const fuzz::FuzzFolder folder;
  fuzz::FuzzInput input(data, size);
  const bool foreign = input.Below(4) == 0;
  std::string text;
  if (foreign) {
    text = input.Rest();
  } else {
    for (const char* name : launch::kNames) {
      if (*name != '\0') launch::WriteOne(input, folder.path() + "/" + name);
    }
    const auto manifest = launch::MakeManifest(input, folder);
    CHECK(google::protobuf::util::MessageToJsonString(manifest, &text).ok());
  }
  folder.Write("MANIFEST.json", text);
  const auto reader = launch::ExportReader::Open(folder.path());
  if (!reader) {
    CHECK(foreign) << reader.error();
    fuzz::CheckSays(reader.error(), folder.path());
    return 0;
  }
  launch::Use(*reader);
  return 0;
}
