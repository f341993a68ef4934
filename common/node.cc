// SPDX-License-Identifier: Apache-2.0
#include "common/node.h"

#include <iterator>
#include <utility>

namespace skybridge {

void Effects::Append(Effects other) {
  std::move(other.persist.begin(), other.persist.end(), std::back_inserter(persist));
  std::move(other.send.begin(), other.send.end(), std::back_inserter(send));
  std::move(other.start.begin(), other.start.end(), std::back_inserter(start));
}

}  // namespace skybridge
