// SPDX-License-Identifier: Apache-2.0
#include "keeper/key_index.h"

#include <algorithm>
#include <set>

namespace tlspool::keeper {

void KeyIndex::add(Direction direction, const Bytes& id, CK_OBJECT_HANDLE handle) {
  if (!handles_.emplace(handle, id).second) return;
  (direction == Direction::outgoing ? outgoing_ : incoming_)[id].push_back(handle);
}

KeyIndex::Handles KeyIndex::remove(ByteView id) {
  const Bytes key = copy_of(id);
  for (Keys* keys : {&outgoing_, &incoming_}) {
    const auto at = keys->find(key);
    if (at == keys->end()) continue;
    Handles out = std::move(at->second);
    keys->erase(at);
    for (const CK_OBJECT_HANDLE h : out) handles_.erase(h);
    return out;
  }
  return {};
}

void KeyIndex::keep_only(const std::vector<CK_OBJECT_HANDLE>& there) {
  std::set<Bytes> gone;
  for (const auto& [handle, id] : handles_) {
    if (!std::binary_search(there.begin(), there.end(), handle)) gone.insert(id);
  }
  for (const Bytes& id : gone) {
    const Direction direction = outgoing_.contains(id) ? Direction::outgoing : Direction::incoming;
    for (const CK_OBJECT_HANDLE h : remove(id)) {
      if (std::binary_search(there.begin(), there.end(), h)) add(direction, id, h);
    }
  }
}

const KeyIndex::Handles* KeyIndex::find(ByteView id) const {
  const Bytes key = copy_of(id);
  for (const Keys* keys : {&outgoing_, &incoming_}) {
    if (const auto at = keys->find(key); at != keys->end()) return &at->second;
  }
  return nullptr;
}

std::optional<Bytes> KeyIndex::next(std::optional<Direction> direction,
                                    const std::function<bool(const Bytes&)>& skip) const {
  std::optional<Bytes> best;
  for (const Direction d : {Direction::outgoing, Direction::incoming}) {
    if (direction && *direction != d) continue;
    for (const auto& [id, handles] : of(d)) {
      if (skip(id)) continue;
      if (!best || id < *best) best = id;
      break;
    }
  }
  return best;
}

std::vector<std::pair<Bytes, KeyIndex::Direction>> KeyIndex::ids() const {
  std::vector<std::pair<Bytes, Direction>> out;
  for (const Direction d : {Direction::outgoing, Direction::incoming}) {
    for (const auto& [id, handles] : of(d)) out.emplace_back(id, d);
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace tlspool::keeper
