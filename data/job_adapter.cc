// SPDX-License-Identifier: Apache-2.0
#include "data/job_adapter.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "proto/job.pb.h"

namespace skybridge::data {
namespace {

Status Invalid(std::string_view field, std::string_view what) {
  return Status(StatusCode::kInvalidArgument, fmt::format("{}: {}", field, what));
}

// ---------------------------------------------------------------- sources

std::optional<Format> FormatOf(job::Format format) {
  if (format == job::TSV) return Format::kTsv;
  if (format == job::CSV) return Format::kCsv;
  if (format == job::JSON_LINES) return Format::kJsonLines;
  if (format == job::ADJACENCY) return Format::kAdjacency;
  return std::nullopt;
}

Result<RowFilter> FilterOf(const std::string& where, const std::string& field) {
  const size_t equals = where.find('=');
  if (equals == std::string::npos || equals == 0) {
    return Invalid(field + ".where", "'" + where + "' is not column=value, as split=train");
  }
  return RowFilter{where.substr(0, equals), where.substr(equals + 1)};
}

Status CheckAdjacency(const SourceOptions& source, const std::string& candidate_key,
                      const std::string& field) {
  if (source.columns.size() != 2 || source.columns[1] != candidate_key) {
    return Invalid(field + ".column",
                   "ADJACENCY needs two names: the query's column, then " + candidate_key);
  }
  if (source.inverse_cloze) return Invalid(field + ".inverse_cloze", "ADJACENCY has no text");
  return Status();
}

Result<SourceOptions> SourceOf(const job::Source& from, const std::string& candidate_key,
                               const std::string& field) {
  SourceOptions source;
  source.paths.assign(from.path().begin(), from.path().end());
  if (source.paths.empty()) return Invalid(field + ".path", "missing");
  source.format = FormatOf(from.format());
  source.columns.assign(from.column().begin(), from.column().end());
  const std::set<std::string> distinct(source.columns.begin(), source.columns.end());
  if (distinct.size() != source.columns.size()) return Invalid(field + ".column", "a name twice");
  if (from.has_where()) {
    SKY_ASSIGN_OR_RETURN(source.where, FilterOf(from.where(), field));
  }
  if (from.has_inverse_cloze()) {
    const job::InverseCloze& cloze = from.inverse_cloze();
    source.inverse_cloze = {cloze.document(), cloze.query(), cloze.keep()};
    if (!(cloze.keep() >= 0 && cloze.keep() <= 1)) {
      return Invalid(field + ".inverse_cloze.keep", "not in [0, 1]");
    }
  }
  if (from.has_group_by()) source.group_by = from.group_by();
  if (from.has_mask_by()) source.mask_by = from.mask_by();
  if (source.format == Format::kAdjacency) {
    SKY_RETURN_IF_ERROR(CheckAdjacency(source, candidate_key, field));
  }
  return source;
}

// Of sources that are not trained on.
Status CheckPlain(const SourceOptions& source, const std::string& field) {
  if (source.inverse_cloze) return Invalid(field + ".inverse_cloze", "for training sources only");
  if (source.group_by) return Invalid(field + ".group_by", "for training sources only");
  if (source.mask_by) return Invalid(field + ".mask_by", "for training sources only");
  return Status();
}

// ---------------------------------------------------------------- features

Pooling PoolingOf(job::Pooling pooling) {
  if (pooling == job::SUM) return Pooling::kSum;
  return pooling == job::SQRT_N ? Pooling::kSqrtN : Pooling::kMean;
}

Result<TextOptions> TextOf(const job::Text& from, const std::string& field) {
  TextOptions text;
  text.words = from.words();
  text.word_pairs = from.word_pairs();
  text.prefix = from.prefix();
  text.prefix_weight = static_cast<float>(from.prefix_weight());
  text.ngram_from = from.ngram_from();
  text.ngram_to = from.ngram_to();
  text.ngram_weight = static_cast<float>(from.ngram_weight());
  text.buckets = from.buckets();
  text.saturation = static_cast<float>(from.saturation());
  if (text.ngram_from > text.ngram_to || (text.ngram_from == 0 && text.ngram_to > 0)) {
    return Invalid(field + ".ngram_from", fmt::format("lengths from {} to {}: say both, the "
                                                      "smaller first",
                                                      text.ngram_from, text.ngram_to));
  }
  if (!text.words && !text.word_pairs && text.prefix == 0 && text.ngram_from == 0) {
    return Invalid(field, "no token: words, word_pairs, prefix and n-grams are all off");
  }
  if (!(text.saturation >= 0)) return Invalid(field + ".saturation", "negative");
  return text;
}

Result<FeatureOptions> FeatureOf(const job::Feature& from, const std::string& field) {
  FeatureOptions feature;
  feature.column = from.column();
  if (feature.column.empty()) return Invalid(field + ".column", "missing");
  if (from.has_id()) {
    feature.kind = FeatureKind::kId;
    const bool integer = from.id().form() == job::INTEGER;
    feature.id = {.form = integer ? IdForm::kInteger : IdForm::kHashed,
                  .separator = from.id().separator(),
                  .below = from.id().below()};
    feature.pooling = PoolingOf(from.id().pooling());
  } else if (from.has_number()) {
    feature.kind = FeatureKind::kNumber;
    if (from.number().has_missing()) {
      feature.number.missing = static_cast<float>(from.number().missing());
    }
  } else if (from.has_text()) {
    feature.kind = FeatureKind::kText;
    SKY_ASSIGN_OR_RETURN(feature.text, TextOf(from.text(), field + ".text"));
    feature.pooling = PoolingOf(from.text().pooling());
  } else {
    return Invalid(field, "no kind: add id {}, number {} or text {}");
  }
  return feature;
}

Result<TowerFeatures> TowerOf(const job::Tower& from, const std::string& field) {
  TowerFeatures tower;
  for (int i = 0; i < from.feature_size(); ++i) {
    SKY_ASSIGN_OR_RETURN(tower.features.emplace_back(),
                         FeatureOf(from.feature(i), fmt::format("{}.feature[{}]", field, i)));
  }
  if (tower.features.empty()) return Invalid(field + ".feature", "missing");
  return tower;
}

const std::string& TableOf(const job::Feature& feature) {
  return feature.has_table() ? feature.table() : feature.column();
}

// Rows are counted in the documents of every candidate feature whose table somebody weighs.
void MarkCounted(const job::Job& job, TowerFeatures* candidate) {
  std::set<std::string> weighed;
  for (const job::Tower* tower : {&job.query(), &job.candidate()}) {
    for (const job::Feature& feature : tower->feature()) {
      if (feature.text().learned_weights()) weighed.insert(TableOf(feature));
    }
  }
  for (int i = 0; i < job.candidate().feature_size(); ++i) {
    const bool counted = weighed.contains(TableOf(job.candidate().feature(i)));
    FeatureOptions& feature = candidate->features[static_cast<size_t>(i)];
    feature.count_documents = counted && feature.kind != FeatureKind::kNumber;
  }
}

IdForm KeyForm(const TowerFeatures& candidate, const std::string& key) {
  const bool integer = std::ranges::any_of(candidate.features, [&](const FeatureOptions& f) {
    return f.column == key && f.kind == FeatureKind::kId && f.id.form == IdForm::kInteger;
  });
  return integer ? IdForm::kInteger : IdForm::kHashed;
}

// ---------------------------------------------------------------- the whole

// A column that inverse cloze makes is a text, and somebody reads it.
Status CheckMade(const TowerFeatures& tower, const std::string& column, const std::string& field) {
  bool read = false;
  for (const FeatureOptions& feature : tower.features) {
    if (feature.column != column) continue;
    if (feature.kind != FeatureKind::kText) {
      return Invalid(field, fmt::format("'{}' is read by a feature that is no text", column));
    }
    read = true;
  }
  return read ? Status() : Invalid(field, fmt::format("no text feature reads '{}'", column));
}

Status AddSources(const job::Data& data, DatasetOptions* options) {
  if (data.train_size() == 0) return Invalid("data.train", "missing: no training source");
  for (int i = 0; i < data.train_size(); ++i) {
    const std::string field = fmt::format("data.train[{}]", i);
    SKY_ASSIGN_OR_RETURN(SourceOptions source,
                         SourceOf(data.train(i), options->candidate_key, field));
    if (source.inverse_cloze) {
      const InverseClozeOptions& cloze = *source.inverse_cloze;
      const std::string place = field + ".inverse_cloze";
      SKY_RETURN_IF_ERROR(CheckMade(options->query, cloze.query, place + ".query"));
      SKY_RETURN_IF_ERROR(CheckMade(options->candidate, cloze.document, place + ".document"));
    }
    options->train.push_back(std::move(source));
  }
  if (!data.has_candidates()) {
    if (data.display_size() > 0) {
      return Invalid("data.display", "needs data.candidates, whose columns are displayed");
    }
    return Status();
  }
  SKY_ASSIGN_OR_RETURN(options->candidates,
                       SourceOf(data.candidates(), options->candidate_key, "data.candidates"));
  if (options->candidates->format == Format::kAdjacency) {
    return Invalid("data.candidates.format", "ADJACENCY does not describe candidates");
  }
  return CheckPlain(*options->candidates, "data.candidates");
}

Status AddEvaluations(const job::Job& job, DatasetOptions* options) {
  for (int i = 0; i < job.evaluation_size(); ++i) {
    const job::Evaluation& from = job.evaluation(i);
    const std::string field = fmt::format("evaluation[{}]", i);
    EvaluationOptions evaluation{
        .name = from.name(), .holdout = from.holdout(), .mask_seen = from.mask_seen()};
    if (from.has_source() == from.holdout()) {
      return Invalid(field, "say either source {} or holdout: true");
    }
    if (from.holdout() && options->holdout <= 0) {
      return Invalid(field + ".holdout", "data.holdout is 0, so nothing is held out");
    }
    if (from.mask_seen() && !options->query_key) {
      return Invalid(field + ".mask_seen", "needs data.query_key to know a query again");
    }
    if (from.has_source()) {
      SKY_ASSIGN_OR_RETURN(evaluation.source,
                           SourceOf(from.source(), options->candidate_key, field + ".source"));
      SKY_RETURN_IF_ERROR(CheckPlain(evaluation.source, field + ".source"));
    }
    options->evaluations.push_back(std::move(evaluation));
  }
  return Status();
}

Status AddBatches(const job::Job& job, DatasetOptions* options) {
  options->batch = job.training().batch();
  options->positives = job.training().positives();
  options->in_batch_negatives = job.negatives().in_batch();
  options->uniform_negatives = job.negatives().uniform();
  options->mask_history = job.negatives().mask_history();
  options->sample_negatives = job.loss().kind() == job::BPR;
  if (options->batch == 0) return Invalid("training.batch", "0");
  if (options->positives == 0) return Invalid("training.positives", "0");
  if (!options->in_batch_negatives && options->uniform_negatives == 0) {
    return Invalid("negatives", "none: in_batch is false and uniform is 0");
  }
  return Status();
}

}  // namespace

Result<DatasetOptions> OptionsFromJob(const job::Job& job, std::string_view base) {
  const job::Data& data = job.data();
  DatasetOptions options{.base = std::string(base), .seed = job.seed()};
  options.candidate_key = data.candidate_key();
  if (options.candidate_key.empty()) return Invalid("data.candidate_key", "missing");
  if (data.has_query_key()) options.query_key = data.query_key();
  options.display.assign(data.display().begin(), data.display().end());
  options.holdout = data.holdout();
  if (!(options.holdout >= 0 && options.holdout < 1)) {
    return Invalid("data.holdout", "not in [0, 1)");
  }
  options.partition_bytes = data.partition_bytes();
  if (options.partition_bytes == 0) return Invalid("data.partition_bytes", "0");
  SKY_ASSIGN_OR_RETURN(options.query, TowerOf(job.query(), "query"));
  SKY_ASSIGN_OR_RETURN(options.candidate, TowerOf(job.candidate(), "candidate"));
  MarkCounted(job, &options.candidate);
  options.candidate_key_form = KeyForm(options.candidate, options.candidate_key);
  SKY_RETURN_IF_ERROR(AddSources(data, &options));
  SKY_RETURN_IF_ERROR(AddEvaluations(job, &options));
  SKY_RETURN_IF_ERROR(AddBatches(job, &options));
  return options;
}

}  // namespace skybridge::data
