// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <span>

#include <glog/logging.h>

namespace skybridge::model {

// A row-major matrix in someone else's memory: row r starts at data + r * stride.
template <typename T>
struct BasicMatrixView {
  T* data = nullptr;
  size_t rows = 0;
  size_t cols = 0;
  size_t stride = 0;

  T* row(size_t r) const { return data + r * stride; }
  // Rows [begin, begin + count).
  BasicMatrixView RowSlice(size_t begin, size_t count) const {
    DCHECK_LE(begin + count, rows);
    return {row(begin), count, cols, stride};
  }
  // Columns [begin, begin + count).
  BasicMatrixView ColumnSlice(size_t begin, size_t count) const {
    DCHECK_LE(begin + count, cols);
    return {data + begin, rows, count, stride};
  }
  operator BasicMatrixView<const T>() const { return {data, rows, cols, stride}; }  // NOLINT
};

using MatrixView = BasicMatrixView<float>;
using ConstMatrixView = BasicMatrixView<const float>;

// Dense rows of `cols` numbers; values.size() must be a multiple of it.
template <typename T>
BasicMatrixView<T> RowsOf(std::span<T> values, size_t cols) {
  CHECK_EQ(values.size() % cols, 0u);
  return {values.data(), values.size() / cols, cols, cols};
}

// What becomes of the numbers that a result's place holds.
enum class Into { kOverwrite, kAdd };

inline void Fill(MatrixView matrix, float value) {
  for (size_t r = 0; r < matrix.rows; ++r) std::fill_n(matrix.row(r), matrix.cols, value);
}

// A matrix of its own, at a cache line's start, its values not set.
class Matrix {
 public:
  Matrix() = default;
  Matrix(size_t rows, size_t cols) : Matrix(rows, cols, cols) {}
  Matrix(size_t rows, size_t cols, size_t stride)
      : data_(static_cast<float*>(
            ::operator new(std::max<size_t>(1, rows* stride) * sizeof(float), kAlignment))),
        view_{data_.get(), rows, cols, stride} {
    CHECK_GE(stride, cols);
  }

  const MatrixView& view() { return view_; }
  ConstMatrixView view() const { return view_; }
  float* row(size_t r) { return view_.row(r); }
  const float* row(size_t r) const { return view_.row(r); }
  size_t rows() const { return view_.rows; }
  size_t cols() const { return view_.cols; }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Delete {
    void operator()(float* data) const { ::operator delete(data, kAlignment); }
  };
  std::unique_ptr<float[], Delete> data_;
  MatrixView view_;
};

}  // namespace skybridge::model
