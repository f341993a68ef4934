// SPDX-License-Identifier: Apache-2.0
#include "data/cloze.h"

#include <glog/logging.h>

#include "common/rng.h"
#include "data/tower_batch.h"

namespace skybridge::data {
namespace {

// Features that read `column` are encoded from `text`, the others copied from example `example`.
void Append(std::vector<FeatureEncoder>& encoders, const std::string& column, std::string_view text,
            const TowerBatch& loaded, uint32_t example, TowerBatch* out) {
  for (size_t i = 0; i < encoders.size(); ++i) {
    if (encoders[i].options().column != column) {
      AppendFeature(loaded.features[i], example, &out->features[i]);
      continue;
    }
    // The job adapter lets only text features read a made column, and any text is good for these.
    CHECK(encoders[i].Append(text, &out->features[i]).ok());
  }
  ++out->count;
}

std::vector<FeatureEncoder> Encoders(const TowerFeatures& tower) {
  return {tower.features.begin(), tower.features.end()};
}

}  // namespace

ClozePair MakeCloze(const DatasetOptions& options, const Partition& partition, uint32_t epoch,
                    uint32_t record) {
  const ClozeTexts& texts = *partition.cloze;
  const InverseClozeOptions& cloze = *options.train[partition.ref.source].inverse_cloze;
  const uint64_t first = texts.sentence_offsets[record];
  const uint64_t last = texts.sentence_offsets[record + 1] - 1;
  Rng rng(options.seed, Purpose::kInverseCloze, epoch, partition.ref.index, record);
  const uint64_t chosen = first + rng.Below(last - first + 1);
  const bool keep = rng.UniformDouble() < cloze.keep;

  const std::string_view bytes = texts.bytes;
  const uint64_t begin = texts.begins[chosen], end = texts.ends[chosen];
  ClozePair pair{.sentence = bytes.substr(begin, end - begin)};
  if (keep) {
    pair.document = bytes.substr(texts.begins[first], texts.ends[last] - texts.begins[first]);
  } else {
    pair.document = bytes.substr(texts.begins[first], begin - texts.begins[first]);
    pair.document += bytes.substr(end, texts.ends[last] - end);
  }
  return pair;
}

ClozeMaker::ClozeMaker(const DatasetOptions& options)
    : options_(options), query_(Encoders(options.query)), candidate_(Encoders(options.candidate)) {}

void ClozeMaker::AppendQuery(const Partition& partition, uint32_t record, const ClozePair& pair,
                             TowerBatch* out) {
  const std::string& column = options_.train[partition.ref.source].inverse_cloze->query;
  Append(query_, column, pair.sentence, partition.queries, record, out);
}

void ClozeMaker::AppendCandidate(const Partition& partition, uint32_t candidate,
                                 const ClozePair& pair, TowerBatch* out) {
  const std::string& column = options_.train[partition.ref.source].inverse_cloze->document;
  Append(candidate_, column, pair.document, *partition.candidates, candidate, out);
}

}  // namespace skybridge::data
