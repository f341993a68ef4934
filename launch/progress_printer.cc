// SPDX-License-Identifier: Apache-2.0
#include "launch/progress_printer.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <chrono>

#include <fmt/format.h>

namespace skybridge::launch {
namespace {

constexpr Duration kLiveEvery = std::chrono::milliseconds(250);
constexpr Duration kLineEvery = std::chrono::seconds(60);
constexpr size_t kColumnsIfUnknown = 80;

}  // namespace

size_t ProgressPrinter::TerminalColumns(std::FILE* out) {
  if (isatty(fileno(out)) == 0) return 0;
  winsize size = {};
  if (ioctl(fileno(out), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kColumnsIfUnknown;
  return size.ws_col;
}

void ProgressPrinter::Put(const std::string& text) {
  (void)std::fwrite(text.data(), 1, text.size(), out_);
  (void)std::fflush(out_);
}

void ProgressPrinter::Show(const std::string& phase, const std::string& line, Instant now) {
  if (phase.empty()) return;
  const bool live = columns_ > 0;
  const bool due = !last_ || now - *last_ >= (live ? kLiveEvery : kLineEvery);
  if (!due && (live || phase == phase_)) return;
  last_ = now;
  phase_ = phase;
  if (!live) return Say(line);
  Put(fmt::format("\r{}\x1b[K", line.substr(0, columns_ - 1)));
  shown_ = true;
}

void ProgressPrinter::Say(const std::string& line) {
  Clear();
  Put(line + "\n");
}

void ProgressPrinter::Clear() {
  if (!shown_) return;
  Put("\r\x1b[K");
  shown_ = false;
}

}  // namespace skybridge::launch
