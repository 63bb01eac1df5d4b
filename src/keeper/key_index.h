// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "keeper/key_objects.h"
#include "sharedkey/identity.h"

namespace tlspool::keeper {

/// Where the keys of a peer are in their token, and which of them are whose. Two peers may share one.
struct StoreName {
  std::string label;        ///< PeerSetup::store
  wire::KeyObject object = wire::KeyObject::secret;
  std::string own_address;  ///< PeerSetup::address
  wire::IdForm id_form = wire::IdForm::number;  ///< for people
  auto operator<=>(const StoreName&) const = default;
  [[nodiscard]] KeyLabel keys() const { return {label, object}; }
  [[nodiscard]] std::string text_of(ByteView id) const { return sharedkey::id_text(id_form, id); }
};
[[nodiscard]] inline StoreName store_of(const wire::PeerSetup& peer) { return {peer.store, peer.object, peer.address, peer.id_form}; }

/// The keys of one store by direction and id, so that neither finding one nor finding the next asks the token. Ids
/// are in the order of their bytes: numbers ascend. Pure.
class KeyIndex {
 public:
  /// More than one where the token has the same id twice.
  using Handles = std::vector<CK_OBJECT_HANDLE>;
  using Direction = sharedkey::Direction;

  void add(Direction direction, const Bytes& id, CK_OBJECT_HANDLE handle);
  /// Forgets the id; its handles, or none where it was not there.
  Handles remove(ByteView id);
  /// Keeps the objects whose handles are in `there` (sorted).
  void keep_only(const std::vector<CK_OBJECT_HANDLE>& there);
  [[nodiscard]] bool knows(CK_OBJECT_HANDLE handle) const { return handles_.contains(handle); }
  [[nodiscard]] const Handles* find(ByteView id) const;
  /// The lowest id for which `skip` is false; `direction` none: of either.
  [[nodiscard]] std::optional<Bytes> next(std::optional<Direction> direction,
                                          const std::function<bool(const Bytes&)>& skip) const;
  [[nodiscard]] std::size_t count(Direction direction) const { return of(direction).size(); }
  [[nodiscard]] std::size_t count() const { return outgoing_.size() + incoming_.size(); }
  [[nodiscard]] std::vector<std::pair<Bytes, Direction>> ids() const;

 private:
  using Keys = std::map<Bytes, Handles>;
  [[nodiscard]] const Keys& of(Direction direction) const {
    return direction == Direction::outgoing ? outgoing_ : incoming_;
  }
  Keys outgoing_;
  Keys incoming_;
  std::map<CK_OBJECT_HANDLE, Bytes> handles_;
};

}  // namespace tlspool::keeper
