// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <optional>
#include <string>

#include "common/time.h"

namespace skybridge::launch {

// Shows how a job gets on: on a terminal one line that changes, else a line a minute and one for
// each new phase. What cannot be written (a full disk, a pager that was closed) is left out: no job
// ends of that.
class ProgressPrinter {
 public:
  // `columns`: width of the terminal, 0 if `out` is none. `out` outlives the printer.
  ProgressPrinter(std::FILE* out, size_t columns) : out_(out), columns_(columns) {}
  // Columns of the terminal behind `out`; 0 if it is none.
  static size_t TerminalColumns(std::FILE* out);

  // `line`: the job at this moment, in this phase. Empty phase: it has not begun.
  void Show(const std::string& phase, const std::string& line, Instant now);
  // Prints a line of its own.
  void Say(const std::string& line);
  // Wipes the changing line, so that others can print.
  void Clear();

 private:
  void Put(const std::string& text);

  std::FILE* const out_;
  const size_t columns_;
  bool shown_ = false;  // There is a line to wipe.
  std::string phase_;
  std::optional<Instant> last_;
};

}  // namespace skybridge::launch
