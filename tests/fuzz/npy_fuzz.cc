// SPDX-License-Identifier: Apache-2.0
//
// Arrays, rows and labels in files.
#include <cstring>
#include <vector>

#include "retrieval/labels.h"
#include "retrieval/npy.h"
#include "retrieval/row_file.h"
#include "tests/fuzz/fuzz_folder.h"
#include "tests/fuzz/fuzz_input.h"

namespace skybridge::retrieval {
namespace {

constexpr NpyType kTypes[] = {NpyType::kFloat32, NpyType::kUint32, NpyType::kUint64};

// Every number of an opened array can be read.
template <typename T>
uint64_t Touch(std::span<const T> values) {
  uint64_t sum = 0;
  for (const T& value : values) {
    uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof(value));
    sum += bits;
  }
  return sum;
}

void CheckForeign(const std::string& path) {
  for (const NpyType type : kTypes) {
    for (const int axes : {1, 2}) {
      const auto file = NpyFile::Open(path, type, axes);
      if (!file) {
        fuzz::CheckSays(file.error(), path);
        CHECK(file.error().code() == StatusCode::kDataLoss ||
              file.error().code() == StatusCode::kInvalidArgument);
        continue;
      }
      if (axes == 1) CHECK_EQ(file->columns(), 1u);
      if (type == NpyType::kFloat32) Touch(file->floats());
      if (type == NpyType::kUint32) Touch(file->uint32s());
      if (type == NpyType::kUint64) Touch(file->uint64s());
    }
  }
}

// What was written is read; a byte more or less is noticed.
void CheckWritten(const fuzz::FuzzFolder& folder, uint64_t rows, uint64_t columns,
                  std::string_view bytes) {
  std::vector<float> values(rows * columns);
  if (!values.empty()) {
    std::memcpy(values.data(), bytes.data(), std::min(bytes.size(), values.size() * sizeof(float)));
  }
  const std::string path = folder.path() + "/array.npy";
  const auto written = WriteNpy(path, rows, columns, values);
  CHECK(written.has_value()) << written.error();
  CHECK(CheckFile(path, *written).ok());
  const auto file = NpyFile::Open(path, NpyType::kFloat32, 2);
  CHECK(file.has_value()) << file.error();
  CHECK_EQ(file->rows(), rows);
  CHECK_EQ(file->columns(), columns);
  CHECK(values.empty() ||
        std::memcmp(file->floats().data(), values.data(), values.size() * sizeof(float)) == 0);
  for (const uint64_t size : {written->bytes - 1, written->bytes + 1}) {
    std::filesystem::resize_file(path, size);
    CHECK(NpyFile::Open(path, NpyType::kFloat32, 2).status().code() == StatusCode::kDataLoss);
    CHECK(CheckFile(path, *written).code() == StatusCode::kDataLoss);
  }
}

void CheckLabels(const fuzz::FuzzFolder& folder, const std::vector<std::string>& keys,
                 const std::vector<std::string>& titles) {
  const std::string stem = folder.path() + "/part";
  const auto written = WriteLabels(stem, {keys, titles});
  CHECK(written.has_value()) << written.error();
  const auto labels = LabelFile::Open(stem + ".labels.tsv", stem + ".labels.npy");
  CHECK(labels.has_value()) << labels.error();
  CHECK_EQ(labels->rows(), keys.size());
  for (size_t row = 0; row < keys.size(); ++row) {
    CHECK((labels->Fields(row) == std::vector<std::string>{keys[row], titles[row]})) << row;
  }
}

// Any lines under any offsets, and any rows under any ids.
void CheckForeignPair(const fuzz::FuzzFolder& folder, std::string_view bytes,
                      const std::vector<uint64_t>& numbers) {
  const std::string lines = folder.Write("lines", bytes);
  const std::string array = folder.path() + "/numbers.npy";
  CHECK(WriteNpy(array, numbers).has_value());
  const auto labels = LabelFile::Open(lines, array);
  if (!labels) {
    fuzz::CheckSays(labels.error(), lines);
  } else {
    for (uint64_t row = 0; row < labels->rows(); ++row) CHECK(!labels->Fields(row).empty());
  }
  const auto rows = RowFile::Open(array, lines, "");
  if (!rows) return fuzz::CheckSays(rows.error(), folder.path());
  for (const uint64_t id : rows->ids()) CHECK(rows->Find(id).has_value());
  for (uint64_t row = 0; row < rows->rows(); ++row) Touch(rows->Values(row));
}

}  // namespace
}  // namespace skybridge::retrieval

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace skybridge;
  fuzz::BeQuiet();
  static const fuzz::FuzzFolder folder;
  fuzz::FuzzInput input(data, size);
  switch (input.Below(4)) {
    case 0: retrieval::CheckForeign(folder.Write("foreign.npy", input.Rest())); break;
    case 1: {
      const uint64_t rows = input.Below(8);
      const uint64_t columns = input.Below(8);
      retrieval::CheckWritten(folder, rows, columns, input.Rest());
      break;
    }
    case 2: {
      std::vector<std::string> keys, titles;
      while (!input.empty()) {
        keys.emplace_back(input.Text());
        titles.emplace_back(input.Text());
      }
      retrieval::CheckLabels(folder, keys, titles);
      break;
    }
    default: {
      std::vector<uint64_t> numbers(input.Below(6));
      for (uint64_t& number : numbers) number = input.Number();
      retrieval::CheckForeignPair(folder, input.Rest(), numbers);
    }
  }
  return 0;
}
