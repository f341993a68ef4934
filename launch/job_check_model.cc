// SPDX-License-Identifier: Apache-2.0
#include "launch/job_check_model.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "launch/nearest_name.h"

namespace skybridge::launch {
namespace {

constexpr uint32_t kDimMax = 4096;
constexpr uint32_t kLettersMax = 32;

void CheckOptimizer(const std::string& path, const job::Optimizer& optimizer, Findings* findings) {
  findings->NotNegative(path + ".learning_rate", optimizer.learning_rate());
  findings->Positive(path + ".epsilon", optimizer.epsilon());
  for (const auto& [name, beta] :
       {std::pair(".beta1", optimizer.beta1()), std::pair(".beta2", optimizer.beta2())}) {
    if (!(beta >= 0 && beta < 1))
      findings->Add(path + name, "{} is not in 0 to 1, 1 excluded", beta);
  }
}

// A name that can stand in a file name and before a slash.
bool IsPlainName(const std::string& name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

std::vector<std::string> TablesOfFeatures(const job::Job& job) {
  std::vector<std::string> names;
  for (const job::Tower* tower : {&job.query(), &job.candidate()}) {
    for (const job::Feature& feature : tower->feature()) {
      if (!feature.has_number()) names.push_back(feature.table());
    }
  }
  return names;
}

bool HasDim(const job::Job& job, const std::string& table) {
  return std::ranges::any_of(job.table(), [&table](const job::Table& listed) {
    return listed.name() == table && listed.has_dim();
  });
}

void CheckTables(const job::Job& job, const job::Job& resolved, Findings* findings) {
  const std::vector<std::string> used = TablesOfFeatures(resolved);
  std::set<std::string> seen;
  for (int i = 0; i < resolved.table_size(); ++i) {
    const job::Table& table = resolved.table(i);
    const std::string path = fmt::format("table[{}]", i);
    if (!IsPlainName(table.name()) || table.name() == "candidate_counts") {
      findings->Add(path + ".name", "\"{}\": use letters, digits, '_', '-' and '.'", table.name());
      continue;
    }
    if (!seen.insert(table.name()).second) {
      findings->Add(path + ".name", "{} is listed twice", table.name());
    }
    if (std::ranges::find(used, table.name()) == used.end()) {
      findings->Add(path + ".name", "no feature uses {}{}", table.name(),
                    Suggestion(table.name(), used));
      continue;
    }
    // A width that is left open is a tower's, which is checked there.
    if (HasDim(job, table.name())) {
      findings->Range<uint32_t>(path + ".dim", table.dim(), 1, kDimMax);
    }
    findings->NotNegative(path + ".init_stddev", table.init_stddev());
    CheckOptimizer(path + ".optimizer", table.optimizer(), findings);
  }
}

void CheckId(const std::string& path, const job::Id& id, Findings* findings) {
  if (id.form() == job::HASHED && id.below() != 0) {
    findings->Add(path + ".below", "only bounds ids of form INTEGER");
  }
}

void CheckText(const std::string& path, const job::Text& text, Findings* findings) {
  if (!text.words() && !text.word_pairs() && text.prefix() == 0 && text.ngram_to() == 0) {
    findings->Add(path, "makes no tokens: switch on words, word_pairs, prefix or n-grams");
  }
  if ((text.ngram_from() == 0) != (text.ngram_to() == 0) || text.ngram_from() > text.ngram_to()) {
    findings->Add(path + ".ngram_from", "{}..{} is no range of lengths", text.ngram_from(),
                  text.ngram_to());
  }
  findings->Range<uint32_t>(path + ".prefix", text.prefix(), 0, kLettersMax);
  findings->Range<uint32_t>(path + ".ngram_to", text.ngram_to(), 0, kLettersMax);
  findings->NotNegative(path + ".prefix_weight", text.prefix_weight());
  findings->NotNegative(path + ".ngram_weight", text.ngram_weight());
  findings->NotNegative(path + ".saturation", text.saturation());
  if (!text.has_weights_optimizer()) return;
  if (!text.learned_weights()) {
    findings->Add(path + ".weights_optimizer", "does nothing without learned_weights: true");
  }
  CheckOptimizer(path + ".weights_optimizer", text.weights_optimizer(), findings);
}

void CheckFeature(const std::string& path, const job::Feature& feature, Findings* findings) {
  if (feature.column().empty()) findings->Add(path + ".column", "missing: say which one to read");
  switch (feature.kind_case()) {
    case job::Feature::kId: return CheckId(path + ".id", feature.id(), findings);
    case job::Feature::kText: return CheckText(path + ".text", feature.text(), findings);
    case job::Feature::kNumber:
      if (feature.number().scale() == 0) findings->Add(path + ".number.scale", "0 divides");
      if (feature.has_table()) findings->Add(path + ".table", "a number has no rows");
      return;
    case job::Feature::KIND_NOT_SET:
      findings->Add(path, "{} has no kind: write id {{}}, number {{}} or text {{}}",
                    feature.column());
  }
}

// Without hidden layers the sum of the features is the tower's vector.
void CheckSum(const std::string& path, const job::Tower& tower, const job::Job& resolved,
              Findings* findings) {
  for (int i = 0; i < tower.feature_size(); ++i) {
    const job::Feature& feature = tower.feature(i);
    const std::string at = fmt::format("{}.feature[{}]", path, i);
    if (feature.has_number()) {
      findings->Add(at, "a number cannot be summed with vectors: give {} hidden layers", path);
      continue;
    }
    for (const job::Table& table : resolved.table()) {
      if (table.name() != feature.table() || table.dim() == tower.dim()) continue;
      findings->Add(at, "table {} has dim {}, but {}.dim is {} and there are no hidden layers",
                    table.name(), table.dim(), path, tower.dim());
    }
  }
}

void CheckTower(const std::string& path, const job::Tower& tower, const job::Job& resolved,
                Findings* findings) {
  findings->Range<uint32_t>(path + ".dim", tower.dim(), 1, kDimMax);
  if (tower.feature_size() == 0) findings->Add(path, "no feature: say what the tower reads");
  std::set<std::string> columns;
  for (int i = 0; i < tower.feature_size(); ++i) {
    const std::string at = fmt::format("{}.feature[{}]", path, i);
    CheckFeature(at, tower.feature(i), findings);
    if (!columns.insert(tower.feature(i).column()).second) {
      findings->Add(at + ".column", "{} is a feature of this tower already",
                    tower.feature(i).column());
    }
  }
  for (int i = 0; i < tower.hidden_size(); ++i) {
    findings->Range<uint32_t>(fmt::format("{}.hidden[{}]", path, i), tower.hidden(i), 1, kDimMax);
  }
  if (tower.hidden_size() == 0) {
    if (tower.layer_norm()) findings->Add(path + ".layer_norm", "there are no hidden layers");
    CheckSum(path, tower, resolved, findings);
  }
  findings->Positive(path + ".pivot", tower.pivot());
  if (tower.has_optimizer()) CheckOptimizer(path + ".optimizer", tower.optimizer(), findings);
  if (resolved.similarity().kind() == job::COSINE &&
      (tower.norm() == job::NONE || tower.norm() == job::PIVOTED)) {
    findings->Add(path + ".norm",
                  "{} is not of unit length, which COSINE means: write "
                  "similarity {{ kind: DOT }}",
                  job::Norm_Name(tower.norm()));
  }
}

void CheckLoss(const job::Job& job, const job::Job& resolved, Findings* findings) {
  const job::Loss& loss = job.loss();
  const job::Negatives& negatives = resolved.negatives();
  findings->Positive("similarity.temperature", job.similarity().temperature());
  findings->Positive("loss.negative_weight", loss.negative_weight());
  if (!(negatives.logq() >= 0 && negatives.logq() <= 2)) {
    findings->Add("negatives.logq", "{} is not in 0 to 2", negatives.logq());
  }
  if (loss.kind() == job::BPR) {
    if (loss.decoupled()) findings->Add("loss.decoupled", "is a form of SOFTMAX, not of BPR");
    if (negatives.in_batch()) {
      findings->Add("negatives.in_batch", "BPR takes its negatives from `uniform` only");
    }
    if (negatives.logq() != 0) findings->Add("negatives.logq", "BPR knows no sampling correction");
    if (negatives.uniform() == 0) findings->Add("negatives.uniform", "BPR needs some");
    return;
  }
  if (loss.negative_weight() != 1 && !loss.decoupled()) {
    findings->Add("loss.negative_weight", "only weighs when decoupled: true");
  }
  if (!negatives.in_batch() && negatives.uniform() == 0) {
    findings->Add("negatives", "nothing to contrast with: set in_batch or uniform");
  }
  if (negatives.uniform() == 0 && resolved.training().batch() == 1) {
    findings->Add("training.batch", "a batch of one has no in-batch negatives");
  }
}

}  // namespace

void CheckModel(const job::Job& job, const job::Job& resolved, Findings* findings) {
  CheckTables(job, resolved, findings);
  CheckTower("query", resolved.query(), resolved, findings);
  CheckTower("candidate", resolved.candidate(), resolved, findings);
  if (resolved.query().dim() != resolved.candidate().dim()) {
    findings->Add("candidate.dim", "{}, but query.dim is {}: the two vectors are compared",
                  resolved.candidate().dim(), resolved.query().dim());
  }
  CheckLoss(job, resolved, findings);
}

}  // namespace skybridge::launch
