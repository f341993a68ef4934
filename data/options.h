// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace skybridge::data {

// The part of a job that decides what examples and batches are. Filled by OptionsFromJob, which
// has checked it; immutable afterwards.

enum class Format : uint8_t { kTsv, kCsv, kJsonLines, kAdjacency };

// Keeps the rows whose `column` has this value.
struct RowFilter {
  std::string column;
  std::string value;
};

// Makes the query out of the candidate's text: a random sentence of `document` becomes `query`.
struct InverseClozeOptions {
  std::string document;  // A column of the candidate tower, in the source.
  std::string query;     // A column of the query tower; the source need not have it.
  double keep = 0.1;     // Probability that the sentence stays in the document too.
};

struct SourceOptions {
  std::vector<std::string> paths;    // As the user wrote them, with shell patterns.
  std::optional<Format> format;      // Absent: by the ending of each file's name.
  std::vector<std::string> columns;  // Names; empty: each file starts with a header line.
  std::optional<RowFilter> where;
  std::optional<InverseClozeOptions> inverse_cloze;
  std::optional<std::string> group_by;
  std::optional<std::string> mask_by;
};

enum class FeatureKind : uint8_t { kId, kNumber, kText };
enum class IdForm : uint8_t { kHashed, kInteger };
enum class Pooling : uint8_t { kMean, kSum, kSqrtN };

struct IdOptions {
  IdForm form = IdForm::kHashed;
  std::string separator;  // Empty: one id a field.
  uint64_t below = 0;     // kInteger: ids at or above are refused. 0: no bound.
};

struct NumberOptions {
  std::optional<float> missing;  // What an empty field means. Absent: an empty field is an error.
};

struct TextOptions {
  bool words = true;
  bool word_pairs = false;
  uint32_t prefix = 0;  // Letters; 0: none.
  float prefix_weight = 0.4f;
  uint32_t ngram_from = 0;  // Letters; 0: none.
  uint32_t ngram_to = 0;
  float ngram_weight = 0.05f;
  uint64_t buckets = 0;     // 0: ids are 64-bit hashes.
  float saturation = 1.2f;  // BM25's k. 0: each distinct token counts once.
};

struct FeatureOptions {
  std::string column;
  FeatureKind kind = FeatureKind::kId;
  IdOptions id;
  NumberOptions number;
  TextOptions text;
  Pooling pooling = Pooling::kMean;  // kId and kText.
  // Count in how many candidates each of its rows occurs (candidate tower: some feature of either
  // tower weighs the rows of this table).
  bool count_documents = false;
};

struct TowerFeatures {
  std::vector<FeatureOptions> features;
};

struct EvaluationOptions {
  std::string name = "test";
  SourceOptions source;    // Unused with `holdout`.
  bool holdout = false;    // The pairs that DatasetOptions.holdout kept out of training.
  bool mask_seen = false;  // Collect the candidates that each query has in the training sources.
};

struct DatasetOptions {
  std::string base;  // Folder that relative paths start from.
  uint64_t seed = 1;

  std::vector<SourceOptions> train;
  std::optional<SourceOptions> candidates;  // Absent: the distinct candidates of `train`.
  std::vector<EvaluationOptions> evaluations;
  std::string candidate_key;
  // Whether a candidate's key is its number (INTEGER feature on candidate_key) or a hash.
  IdForm candidate_key_form = IdForm::kHashed;
  std::optional<std::string> query_key;  // Absent: every row is its own query.
  std::vector<std::string> display;
  double holdout = 0;
  uint64_t partition_bytes = 4u << 20;

  TowerFeatures query;
  TowerFeatures candidate;

  uint32_t batch = 1024;  // Units a batch: a query with up to `positives` positives.
  uint32_t positives = 1;
  bool in_batch_negatives = true;
  uint32_t uniform_negatives = 0;
  bool mask_history = true;
  bool sample_negatives = false;  // BPR: one negative per positive.
};

}  // namespace skybridge::data
