// SPDX-License-Identifier: Apache-2.0
#include "ps/row_record.h"

#include <glog/logging.h>

namespace skybridge::ps {
namespace {

constexpr uint32_t RoundUp(uint32_t value, uint32_t unit) {
  return (value + unit - 1) / unit * unit;
}

}  // namespace

uint32_t OptimizerStateSize(RowOptimizer optimizer, uint32_t dim) {
  switch (optimizer) {
    case RowOptimizer::kSgd: return 0;
    case RowOptimizer::kAdagrad: return dim;
    case RowOptimizer::kRowwiseAdagrad: return 1;
    case RowOptimizer::kAdam: return 2 * dim + 1;
  }
  LOG(FATAL) << "unknown optimizer " << static_cast<int>(optimizer);
}

RowLayout::RowLayout(const TableSpec& spec)
    : dim(spec.dim),
      state(spec.kind == TableKind::kCounts ? 0
                                            : OptimizerStateSize(spec.optimizer.kind, spec.dim)),
      bytes(RoundUp(static_cast<uint32_t>(sizeof(RowHeader) + sizeof(float) * (dim + state)), 8)) {
  CHECK(spec.kind != TableKind::kCounts || dim == 0) << "counts table " << spec.name;
}

std::vector<size_t> RecordBytes(const TableSpecs& tables) {
  std::vector<size_t> bytes;
  for (const TableSpec& spec : tables) bytes.push_back(RowLayout(spec).bytes);
  return bytes;
}

}  // namespace skybridge::ps
