// SPDX-License-Identifier: Apache-2.0
#include "keeper/key_copy.h"

#include <array>
#include <chrono>

namespace tlspool::keeper {
namespace {

constexpr std::int64_t look_every_ms = 1000;

std::int64_t now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

}  // namespace

void KeyCopy::make(const Session& session, const Slot& slot, const PrivateKey& key, std::uint64_t generation) {
  if (key.always_authenticate || !slot.model().starts_with("SoftHSM")) return;
  const CK_BBOOL no = CK_FALSE;
  std::array changed{attribute_of(CKA_TOKEN, no)};
  if (session.calls()->C_CopyObject(session.handle(), key.handle, changed.data(), changed.size(), &object_) != CKR_OK) return;
  generation_ = generation;
  // What the module says of the copy counts, not what was asked for.
  const auto guarded = [&](CK_OBJECT_HANDLE object) {
    return std::array{session.flag(object, CKA_PRIVATE), session.flag(object, CKA_SENSITIVE), session.flag(object, CKA_EXTRACTABLE)};
  };
  if (guarded(object_) != guarded(key.handle) || session.flag(object_, CKA_TOKEN)) return drop(session, generation);
  looked_ = now_ms();
  there_ = true;
}

void KeyCopy::drop(const Session& session, std::uint64_t generation) {
  there_ = false;
  if (object_ != 0 && generation_ == generation && session.is_open()) (void)session.calls()->C_DestroyObject(session.handle(), object_);
  object_ = 0;
}

// Who destroys a key in the token means it: the copy is not used any more either.
CK_OBJECT_HANDLE KeyCopy::handle(const Session& session, const PrivateKey& key) {
  if (!there_.load(std::memory_order_relaxed)) return key.handle;
  const std::int64_t now = now_ms();
  std::int64_t last = looked_.load(std::memory_order_relaxed);
  if (now - last >= look_every_ms && looked_.compare_exchange_strong(last, now) && !session.number(key.handle, CKA_KEY_TYPE)) there_ = false;
  return there_.load(std::memory_order_relaxed) ? object_ : key.handle;
}

}  // namespace tlspool::keeper
