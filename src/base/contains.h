// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <iterator>

namespace tlspool {

/// Whether `item` is one of the list's.
template <class List, class Item>
[[nodiscard]] constexpr bool contains(const List& list, const Item& item) {
  return std::find(std::begin(list), std::end(list), item) != std::end(list);
}

}  // namespace tlspool
