// SPDX-License-Identifier: Apache-2.0
#include "model/matmul.h"

#include <Eigen/Core>

#include "tests/model/gradient_check.h"

namespace skybridge::model {
namespace {

struct Shape {
  size_t m, k, n;
};

constexpr Shape kShapes[] = {{1, 1, 1},  {1, 5, 1},    {1, 7, 9},     {3, 1, 2},   {2, 3, 4},
                             {5, 64, 1}, {64, 64, 64}, {17, 130, 33}, {6, 700, 8}, {48, 9, 300}};

// A matrix at `shift` floats behind a cache line's start, in rows of `cols` + `gap`.
class Placed {
 public:
  Placed(size_t rows, size_t cols, const std::vector<float>& values, size_t shift, size_t gap)
      : holder_(1, shift + rows * (cols + gap)),
        view_{holder_.row(0) + shift, rows, cols, cols + gap} {
    for (size_t r = 0; r < rows; ++r) std::copy_n(&values[r * cols], cols, view_.row(r));
  }
  MatrixView view() const { return view_; }
  std::vector<float> values() const {
    std::vector<float> all;
    for (size_t r = 0; r < view_.rows; ++r) {
      all.insert(all.end(), view_.row(r), view_.row(r) + view_.cols);
    }
    return all;
  }

 private:
  Matrix holder_;
  MatrixView view_;
};

std::vector<float> Transposed(const std::vector<float>& values, size_t rows, size_t cols) {
  std::vector<float> out(values.size());
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < cols; ++c) out[c * rows + r] = values[r * cols + c];
  }
  return out;
}

struct Products {
  std::vector<float> plain, left, right;
  bool operator==(const Products&) const = default;
};

// The three forms of one product on top of `start`, everything `shift` floats off its line.
Products Multiply(const Shape& s, const std::vector<float>& a, const std::vector<float>& b,
                  const std::vector<float>& start, Into into, size_t shift, size_t gap) {
  const Placed left(s.m, s.k, a, shift, gap);
  const Placed left_t(s.k, s.m, Transposed(a, s.m, s.k), shift, gap);
  const Placed right(s.k, s.n, b, shift + 1, gap);
  const Placed right_t(s.n, s.k, Transposed(b, s.k, s.n), shift + 1, gap);
  const Placed out[3] = {Placed(s.m, s.n, start, 2 * shift, gap),
                         Placed(s.m, s.n, start, 2 * shift, gap),
                         Placed(s.m, s.n, start, 2 * shift, gap)};
  Multiply(left.view(), right.view(), into, out[0].view());
  MultiplyTransposedLeft(left_t.view(), right.view(), into, out[1].view());
  MultiplyTransposedRight(left.view(), right_t.view(), into, out[2].view());
  return {out[0].values(), out[1].values(), out[2].values()};
}

TEST(MatmulTest, AllFormsAgreeWithThreeLoops) {
  Rng rng(1, Purpose::kTest);
  for (const Shape& s : kShapes) {
    const std::vector<float> a = RandomNumbers(s.m * s.k, rng);
    const std::vector<float> b = RandomNumbers(s.k * s.n, rng);
    const std::vector<float> start = RandomNumbers(s.m * s.n, rng);
    for (const Into into : {Into::kOverwrite, Into::kAdd}) {
      const Products products = Multiply(s, a, b, start, into, 0, 0);
      for (size_t i = 0; i < s.m; ++i) {
        for (size_t j = 0; j < s.n; ++j) {
          double sum = into == Into::kAdd ? static_cast<double>(start[i * s.n + j]) : 0;
          for (size_t p = 0; p < s.k; ++p) {
            sum += static_cast<double>(a[i * s.k + p]) * static_cast<double>(b[p * s.n + j]);
          }
          ASSERT_NEAR(products.plain[i * s.n + j], sum, 1e-4) << s.m << " " << s.k << " " << s.n;
          ASSERT_NEAR(products.left[i * s.n + j], sum, 1e-4);
          ASSERT_NEAR(products.right[i * s.n + j], sum, 1e-4);
        }
      }
    }
  }
}

TEST(MatmulTest, BitsDoNotDependOnWhereTheMatricesLie) {
  Rng rng(2, Purpose::kTest);
  for (const Shape& s : kShapes) {
    const std::vector<float> a = RandomNumbers(s.m * s.k, rng);
    const std::vector<float> b = RandomNumbers(s.k * s.n, rng);
    const std::vector<float> start = RandomNumbers(s.m * s.n, rng);
    const Products expected = Multiply(s, a, b, start, Into::kAdd, 0, 0);
    for (size_t shift = 1; shift < 10; ++shift) {
      ASSERT_EQ(Multiply(s, a, b, start, Into::kAdd, shift, shift % 3), expected)
          << s.m << " " << s.k << " " << s.n << " at " << shift;
    }
  }
}

TEST(MatmulTest, BlocksDoNotFollowTheProcessorsCaches) {
  EXPECT_EQ(Eigen::l1CacheSize(), 32 * 1024);
  EXPECT_EQ(Eigen::l2CacheSize(), 256 * 1024);
  EXPECT_EQ(Eigen::nbThreads(), 1);
}

TEST(MatmulTest, AnEmptySumIsZero) {
  std::vector<float> out{7, 7};
  Multiply({nullptr, 2, 0, 0}, {nullptr, 0, 1, 1}, Into::kOverwrite, {out.data(), 2, 1, 1});
  EXPECT_EQ(out, (std::vector<float>{0, 0}));
}

}  // namespace
}  // namespace skybridge::model
