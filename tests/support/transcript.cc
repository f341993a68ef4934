// SPDX-License-Identifier: Apache-2.0
#include "tests/support/transcript.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

namespace skybridge {
namespace {

TranscriptCommand ParseCommand(const std::string& line) {
  std::istringstream words(line);
  TranscriptCommand command;
  words >> command.name;
  for (std::string word; words >> word;) {
    const size_t equals = word.find('=');
    command.arguments[word.substr(0, equals)] =
        equals == std::string::npos ? "" : word.substr(equals + 1);
  }
  return command;
}

}  // namespace

const std::string& TranscriptCommand::Text(const std::string& key) const {
  static const std::string empty;
  const auto it = arguments.find(key);
  return it == arguments.end() ? empty : it->second;
}

uint64_t TranscriptCommand::Number(const std::string& key) const {
  const std::string& text = Text(key);
  return text.empty() ? 0 : std::stoull(text);
}

void PlayTranscript(const std::string& file,
                    const std::function<std::string(const TranscriptCommand&)>& answer) {
  const std::string path = "tests/transcripts/" + file;
  std::ifstream in(path);
  ASSERT_TRUE(in) << "open " << path;
  std::string recorded;
  std::string played;
  for (std::string line; std::getline(in, line);) {
    recorded += line + "\n";
    if (line.empty() || line.front() == '#') {
      played += line + "\n";
      continue;
    }
    const std::string said = answer(ParseCommand(line));
    played += line + "\n----\n" + (said.empty() ? "(nothing)\n" : said) + "\n";
    while (std::getline(in, line) && !line.empty()) recorded += line + "\n";
    recorded += "\n";
  }
  if (std::getenv("UPDATE_TRANSCRIPTS") != nullptr) {
    std::ofstream(path) << played;
    return;
  }
  EXPECT_EQ(played, recorded) << "replay of " << path
                              << "; UPDATE_TRANSCRIPTS=1 rewrites it for review";
}

}  // namespace skybridge
