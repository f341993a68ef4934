// SPDX-License-Identifier: Apache-2.0
#include "model/matmul.h"

#include <Eigen/Core>

// Without these two Eigen's blocks, and with them the order of sums, follow the processor's caches
// and the result's alignment.
#if !defined(EIGEN_NO_CPUID) || EIGEN_GEMM_TO_COEFFBASED_THRESHOLD != 1
#error "cmake/skybridge.cmake fixes how Eigen cuts products"
#endif

namespace skybridge::model {
namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Stride = Eigen::OuterStride<>;

Eigen::Map<const RowMajor, Eigen::Unaligned, Stride> Map(const ConstMatrixView& m) {
  return {m.data, static_cast<Eigen::Index>(m.rows), static_cast<Eigen::Index>(m.cols),
          Stride(static_cast<Eigen::Index>(m.stride))};
}

Eigen::Map<RowMajor, Eigen::Unaligned, Stride> Map(const MatrixView& m) {
  return {m.data, static_cast<Eigen::Index>(m.rows), static_cast<Eigen::Index>(m.cols),
          Stride(static_cast<Eigen::Index>(m.stride))};
}

template <typename Left, typename Right>
void Product(const Left& a, const Right& b, Into into, const MatrixView& out) {
  CHECK_EQ(a.cols(), b.rows());
  CHECK_EQ(static_cast<size_t>(a.rows()), out.rows);
  CHECK_EQ(static_cast<size_t>(b.cols()), out.cols);
  if (out.rows == 0 || out.cols == 0) return;
  if (into == Into::kOverwrite) Fill(out, 0);
  Map(out).noalias() += a * b;
}

}  // namespace

void Multiply(ConstMatrixView a, ConstMatrixView b, Into into, MatrixView out) {
  Product(Map(a), Map(b), into, out);
}

void MultiplyTransposedLeft(ConstMatrixView a, ConstMatrixView b, Into into, MatrixView out) {
  Product(Map(a).transpose(), Map(b), into, out);
}

void MultiplyTransposedRight(ConstMatrixView a, ConstMatrixView b, Into into, MatrixView out) {
  Product(Map(a), Map(b).transpose(), into, out);
}

}  // namespace skybridge::model
