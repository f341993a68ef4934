// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace skybridge {

// One line of a transcript: "register role=shard index=2 t=3s".
struct TranscriptCommand {
  std::string name;
  std::map<std::string, std::string> arguments;

  const std::string& Text(const std::string& key) const;
  uint64_t Number(const std::string& key) const;  // A trailing "s" (seconds) is left out.
};

// Plays tests/transcripts/<file> and compares what each command answers with what is written below
// it. `answer` returns lines that end in "\n", or nothing. With UPDATE_TRANSCRIPTS=1 in the
// environment the file is rewritten instead.
//
// A transcript is a sequence of blocks: lines that begin with "#" are for people, then one command,
// "----", the expected lines ("(nothing)" if there are none), and an empty line.
void PlayTranscript(const std::string& file,
                    const std::function<std::string(const TranscriptCommand&)>& answer);

}  // namespace skybridge
