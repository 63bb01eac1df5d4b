// SPDX-License-Identifier: Apache-2.0
#include "keeper/owner.h"

#include <openssl/rand.h>

#include <array>

#include "base/durable.h"

namespace tlspool::keeper {
namespace {

constexpr std::string_view label = "tlspool owner";
constexpr std::size_t mark_size = 16;

}  // namespace

Result<Bytes> OwnerFile::value_locked() {
  if (!known_.empty()) return known_;
  auto content = read_whole(path_);
  if (!content) return fail(std::move(content.error()));
  if (!content->empty() && content->size() != mark_size) {
    return fail({Code::protocol, "read the pool's mark", "keeper/" + path_, "it does not have 16 bytes",
                 "restore the file from a backup; or remove it, and the object \"tlspool owner\" from each token of this pool"});
  }
  known_ = std::move(*content);
  return known_;
}

Result<Bytes> OwnerFile::value() {
  const std::lock_guard guard(lock_);
  return value_locked();
}

Result<Bytes> OwnerFile::make() {
  const std::lock_guard guard(lock_);
  auto there = value_locked();
  if (!there || !there->empty()) return there;
  Bytes fresh(mark_size);
  if (RAND_bytes(fresh.data(), static_cast<int>(fresh.size())) != 1) {
    return fail({Code::internal, "make the pool's mark", "keeper/" + path_, "no random numbers", {}});
  }
  if (auto done = replace_file(path_, fresh); !done) return fail(std::move(done.error()));
  known_ = std::move(fresh);
  return known_;
}

Called<std::vector<OwnerMark>> find_owner_marks(const Session& session) {
  auto found = find_keys(session, {std::string(label), wire::KeyObject::data}, std::nullopt);
  if (!found) return tl::unexpected<CallFailure>(std::move(found.error()));
  std::vector<OwnerMark> out;
  for (const CK_OBJECT_HANDLE object : *found) {
    std::array<std::uint8_t, 256> bytes;
    CK_ATTRIBUTE value{CKA_VALUE, bytes.data(), bytes.size()};
    const CK_RV rv = session.calls()->C_GetAttributeValue(session.handle(), object, &value, 1);
    if (rv == CKR_OBJECT_HANDLE_INVALID) continue;  // withdrawn meanwhile
    // What can't be read is not ours.
    const std::size_t size = rv == CKR_OK && value.ulValueLen <= bytes.size() ? value.ulValueLen : 0;
    if (rv != CKR_OK && rv != CKR_BUFFER_TOO_SMALL) return failed(session, "C_GetAttributeValue", rv);
    out.push_back({object, copy_of(ByteView{bytes.data(), size})});
  }
  return out;
}

Called<void> make_owner_mark(const Session& session, ByteView value) {
  const CK_OBJECT_CLASS data = CKO_DATA;
  const CK_BBOOL yes = CK_TRUE;
  std::array<CK_ATTRIBUTE, 5> made{attribute_of(CKA_CLASS, data), attribute_of(CKA_TOKEN, yes), attribute_of(CKA_PRIVATE, yes),
                                   attribute_bytes(CKA_LABEL, view(label)), attribute_bytes(CKA_VALUE, value)};
  CK_OBJECT_HANDLE object = 0;
  const CK_RV rv = session.calls()->C_CreateObject(session.handle(), made.data(), made.size(), &object);
  if (rv != CKR_OK) return failed(session, "C_CreateObject", rv);
  return {};
}

}  // namespace tlspool::keeper
