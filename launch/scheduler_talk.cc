// SPDX-License-Identifier: Apache-2.0
#include "launch/scheduler_talk.h"

#include <charconv>
#include <vector>

namespace skybridge::launch {
namespace {

using Words = std::vector<std::string>;

// One line of words that may hold anything.
std::string Joined(const Words& words) {
  std::string line;
  for (const std::string& word : words) {
    if (&word != words.data()) line += '\t';
    for (const char c : word) {
      switch (c) {
        case '\t': line += "\\t"; break;
        case '\n': line += "\\n"; break;
        case '\\': line += "\\\\"; break;
        default: line += c;
      }
    }
  }
  return line;
}

Words Split(std::string_view line) {
  Words words(1);
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\t') {
      words.emplace_back();
    } else if (line[i] == '\\' && i + 1 < line.size()) {
      const char c = line[++i];
      words.back() += c == 't' ? '\t' : c == 'n' ? '\n' : c;
    } else {
      words.back() += line[i];
    }
  }
  return words;
}

std::string Text(uint64_t number) { return std::to_string(number); }

bool ParseNumber(const std::string& text, uint64_t* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size();
}

std::string CodeText(const Status& status) { return Text(static_cast<uint64_t>(status.code())); }

std::optional<Status> ParseStatus(const std::string& code, const std::string& message) {
  uint64_t number = 0;
  if (!ParseNumber(code, &number)) return std::nullopt;
  return number == 0 ? Status() : Status(static_cast<StatusCode>(number), message);
}

Words WordsOf(const scheduler::NodeExit& exit) {
  return {"exited",
          Text(static_cast<uint64_t>(exit.place.role)),
          Text(exit.place.index),
          exit.pid ? Text(*exit.pid) : "any",
          exit.final ? "final" : "again",
          CodeText(exit.how),
          exit.how.message()};
}
Words WordsOf(const StopRequest& stop) { return {"stop", stop.reason}; }
Words WordsOf(const ShardsWanted& wanted) { return {"shards", Text(wanted.shards)}; }
Words WordsOf(const Listening& listening) { return {"listening", listening.endpoint}; }
Words WordsOf(const Progress& progress) {
  return {"progress",
          progress.phase,
          Text(progress.done),
          Text(progress.settled),
          progress.line,
          Text(progress.shards),
          Text(progress.shards_wanted),
          progress.scaled ? "scaled" : "scaling"};
}
Words WordsOf(const Lost& lost) { return {"lost", Text(lost.pid), lost.why}; }
Words WordsOf(const Report& report) { return {"report", report.text}; }
Words WordsOf(const Ended& ended) {
  return {"ended", CodeText(ended.status), ended.status.message()};
}

std::optional<Order> ParseExit(const Words& words) {
  uint64_t role = 0;
  uint64_t index = 0;
  const bool any = words[3] == "any";
  uint64_t pid = 0;
  const auto how = ParseStatus(words[5], words[6]);
  if (!how || !ParseNumber(words[1], &role) || !ParseNumber(words[2], &index) ||
      (!any && !ParseNumber(words[3], &pid))) {
    return std::nullopt;
  }
  return scheduler::NodeExit{
      .place = {static_cast<scheduler::Role>(role), static_cast<uint32_t>(index)},
      .pid = any ? std::nullopt : std::optional(static_cast<uint32_t>(pid)),
      .final = words[4] == "final",
      .how = *how};
}

}  // namespace

std::string LineOf(const Order& order) {
  return std::visit([](const auto& it) { return Joined(WordsOf(it)); }, order);
}

std::string LineOf(const Notice& notice) {
  return std::visit([](const auto& it) { return Joined(WordsOf(it)); }, notice);
}

std::optional<Order> ParseOrder(std::string_view line) {
  const Words words = Split(line);
  if (words[0] == "exited" && words.size() == 7) return ParseExit(words);
  if (words[0] == "stop" && words.size() == 2) return StopRequest{words[1]};
  if (uint64_t shards = 0;
      words[0] == "shards" && words.size() == 2 && ParseNumber(words[1], &shards)) {
    return ShardsWanted{static_cast<uint32_t>(shards)};
  }
  return std::nullopt;
}

std::optional<Notice> ParseNotice(std::string_view line) {
  const Words words = Split(line);
  if (words[0] == "listening" && words.size() == 2) return Listening{words[1]};
  if (words[0] == "report" && words.size() == 2) return Report{words[1]};
  if (uint64_t pid = 0; words[0] == "lost" && words.size() == 3 && ParseNumber(words[1], &pid)) {
    return Lost{static_cast<uint32_t>(pid), words[2]};
  }
  if (words[0] == "ended" && words.size() == 3) {
    if (const auto status = ParseStatus(words[1], words[2])) return Ended{*status};
  }
  if (words[0] == "progress" && words.size() == 8) {
    Progress progress{.phase = words[1], .line = words[4]};
    uint64_t shards = 0;
    uint64_t wanted = 0;
    if (ParseNumber(words[2], &progress.done) && ParseNumber(words[3], &progress.settled) &&
        ParseNumber(words[5], &shards) && ParseNumber(words[6], &wanted)) {
      progress.shards = static_cast<uint32_t>(shards);
      progress.shards_wanted = static_cast<uint32_t>(wanted);
      progress.scaled = words[7] == "scaled";
      return progress;
    }
  }
  return std::nullopt;
}

}  // namespace skybridge::launch
