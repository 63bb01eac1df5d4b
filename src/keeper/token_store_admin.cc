// SPDX-License-Identifier: Apache-2.0
// What an administrator does with the keys of a token.
#include <algorithm>

#include "keeper/token_store.h"
#include "sharedkey/derive.h"

namespace tlspool::keeper {
namespace {

constexpr std::string_view lasting_prefix = "psk:";

}  // namespace

KeyLabel lasting_label(const std::string& name) {
  return {std::string(lasting_prefix) + name, wire::KeyObject::secret};
}

Status TokenStore::deposit(const StoreName& store, ByteView id, ByteView value, wire::KeyMode mode) {
  auto keys = index(store, Look::if_needed);
  if (!keys) return fail(std::move(keys.error()));
  if ((*keys)->find(id) != nullptr) {
    return fail({Code::invalid, "store a key", "token=" + token_->name() + " store=" + store.label,
                 "a key with this id is there already", {}});
  }
  Status refused;
  auto done = token_->use(signer_, [&](const Session& session, std::uint64_t generation) -> Called<void> {
    auto made = create_key(session, store.keys(), id, value, mode);
    if (made) {
      if (generation == known_[store].generation) {
        (*keys)->add(sharedkey::direction_of(id, store.own_address, store.label), copy_of(id), *made);
      }
      return {};
    }
    // A token that is full, or takes no such object, is in order otherwise.
    const CK_RV rv = made.error().rv;
    if (token_is_broken(rv) && rv != CKR_DEVICE_MEMORY) return pass(made);
    refused = fail(std::move(made.error().error));
    return {};
  });
  return done ? refused : done;
}

Result<std::vector<Bytes>> TokenStore::check(const StoreName& store, const std::vector<Bytes>& ids, ByteView nonce) {
  std::vector<Bytes> out;
  auto done = token_->use(signer_, [&](const Session& session, std::uint64_t generation) -> Called<void> {
    for (const Bytes& id : ids) {
      auto handles = handles_now(session, generation, store, id);
      if (!handles) return pass(handles);
      Bytes sum;
      if (!handles->empty()) {
        auto computed = key_check(session, handles->front(), store.object, id, sharedkey::key_check_input(nonce, id));
        if (!computed) return pass(computed);
        if (*computed) sum = std::move(**computed);
      }
      out.push_back(std::move(sum));
    }
    return {};
  });
  if (!done) return fail(std::move(done.error()));
  return out;
}

Result<std::vector<TokenStore::Lasting>> TokenStore::lasting() {
  // The token can't be asked for the beginning of a label.
  std::vector<CK_OBJECT_HANDLE> all;
  std::uint64_t of = 0;
  auto done = token_->use(signer_, [&](const Session& session, std::uint64_t generation) -> Called<void> {
    const CK_OBJECT_CLASS secret_key = CKO_SECRET_KEY;
    const CK_ATTRIBUTE wanted = attribute_of(CKA_CLASS, secret_key);
    auto found = session.find({&wanted, 1});
    if (!found) return tl::unexpected<CallFailure>(CallFailure{std::move(found.error()), CKR_GENERAL_ERROR});
    all = std::move(*found);
    of = generation;
    return {};
  });
  std::vector<Lasting> out;
  for (std::size_t from = 0; done && from < all.size(); from += at_once) {
    done = token_->use(signer_, [&](const Session& session, std::uint64_t generation) -> Called<void> {
      for (std::size_t i = from; i < std::min(from + at_once, all.size()) && generation == of; ++i) {
        const auto label = session.attribute(all[i], CKA_LABEL);
        if (!label || !text_of(*label).starts_with(lasting_prefix)) continue;
        const auto size = session.number(all[i], CKA_VALUE_LEN);
        out.push_back({std::string(text_of(*label).substr(lasting_prefix.size())),
                       static_cast<std::uint32_t>(size ? *size * 8 : 0), session.flag(all[i], CKA_SENSITIVE)});
      }
      return {};
    });
  }
  if (!done) return fail(std::move(done.error()));
  return out;
}

Result<std::optional<Secret>> TokenStore::read_lasting(const std::string& name, const Derivation& derivation) {
  const KeyLabel label = lasting_label(name);
  std::optional<Secret> out;
  auto done = token_->use(signer_, [&](const Session& session, std::uint64_t generation) -> Called<void> {
    auto& [of, handle] = lasting_handles_[name];
    for (int attempt = 0; attempt < 2 && !out; ++attempt) {
      if (of != generation || handle == 0) {
        auto found = find_keys(session, label, copy_of(view(name)));
        if (!found) return pass(found);
        if (found->empty()) break;
        of = generation;
        handle = found->front();
      }
      auto secret = secret_of(session, handle, view(name), derivation);
      if (!secret) return pass(secret);
      out = std::move(*secret);
      if (!out) handle = 0;  // removed, and perhaps stored anew
    }
    if (!out) lasting_handles_.erase(name);
    return {};
  });
  if (!done) return fail(std::move(done.error()));
  return out;
}

Result<bool> TokenStore::has_lasting(const std::string& name) {
  bool there = false;
  auto done = token_->use(signer_, [&](const Session& session, std::uint64_t) -> Called<void> {
    auto found = find_keys(session, lasting_label(name), std::nullopt);
    if (!found) return pass(found);
    there = !found->empty();
    return {};
  });
  if (!done) return fail(std::move(done.error()));
  return there;
}

Status TokenStore::add_lasting(const std::string& name, ByteView value, wire::KeyMode mode) {
  auto there = has_lasting(name);
  if (!there) return fail(std::move(there.error()));
  const std::string subject = "token=" + token_->name() + " psk=" + name;
  if (*there) {
    return fail({Code::invalid, "add the key", subject, "a key of this name is there already",
                 "remove it with `tlspool psk remove` or take another name"});
  }
  Status refused;
  auto done = token_->use(signer_, [&](const Session& session, std::uint64_t) -> Called<void> {
    auto made = create_key(session, lasting_label(name), view(name), value, mode);
    if (made) return {};
    const CK_RV rv = made.error().rv;
    if (token_is_broken(rv) && rv != CKR_DEVICE_MEMORY) return pass(made);
    refused = fail(std::move(made.error().error));
    return {};
  });
  return done ? refused : done;
}

Result<std::size_t> TokenStore::remove_lasting(const std::string& name) {
  std::size_t removed = 0;
  auto done = token_->use(signer_, [&](const Session& session, std::uint64_t) -> Called<void> {
    auto found = find_keys(session, lasting_label(name), std::nullopt);
    if (!found) return pass(found);
    for (const CK_OBJECT_HANDLE h : *found) {
      auto destroyed = destroy_key(session, h);
      if (!destroyed) return pass(destroyed);
      removed += *destroyed == Destroyed::by_us ? 1 : 0;
    }
    lasting_handles_.erase(name);
    return {};
  });
  if (!done) return fail(std::move(done.error()));
  return removed;
}

}  // namespace tlspool::keeper
