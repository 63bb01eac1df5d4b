// SPDX-License-Identifier: Apache-2.0
#include "qkd/entities.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/contains.h"
#include "base/text.h"
#include "qkd/target.h"

namespace tlspool::qkd {
namespace {

using etsi014::Operation;

constexpr std::uint32_t most_at_once = 128;

Said refuse(std::string_view message, std::vector<std::string> details = {}) {
  return {400, etsi014::to_text(etsi014::ErrorMessage{std::string(message), details}), std::string(message)};
}
/// Without a body, as the standard says: who may not learns nothing.
Said unauthorized(std::string note) { return {401, {}, std::move(note)}; }
Said unavailable(std::string message, std::string note) {
  return {503, etsi014::to_text(etsi014::ErrorMessage{std::move(message), {}}), std::move(note)};
}
/// The pool can't be reached: what exactly is wrong there is not the client's business, but the log's.
Said unavailable(const Error& error) {
  if (error.code == Code::busy) return unavailable(std::string(etsi014::no_keys), error.reason);
  return unavailable("the key store can't be used just now", error.text());
}

/// Parts of a key, one behind the other, as many bits as are wanted of it.
Secret joined(const std::vector<std::string>& parts, const std::map<std::string, Secret>& held, std::uint32_t bits) {
  Secret out(bits / 8);
  std::size_t filled = 0;
  for (const std::string& part : parts) {
    const ByteView bytes = held.at(part).bytes();
    const std::size_t size = std::min(bytes.size(), out.size() - filled);
    std::copy_n(bytes.begin(), size, out.writable().begin() + static_cast<std::ptrdiff_t>(filled));
    filled += size;
  }
  return out;
}

std::string count_note(std::size_t count) { return fmt::format("{} key{}", count, count == 1 ? "" : "s"); }

}  // namespace

Entities::Entities(EntitySetup first, EntitySetup second, Stock& stock, std::uint32_t bits)
    : setup_{std::move(first), std::move(second)}, stock_(stock), bits_(bits) {}

bool Entities::serves(Site site, const std::string& sae) const {
  const auto& saes = at(site).saes;
  return contains(saes, sae);
}

bool Entities::any_at(Site site, const std::set<std::string>& saes) const {
  return std::any_of(saes.begin(), saes.end(), [&](const std::string& sae) { return serves(site, sae); });
}

std::uint32_t Entities::most_keys() const {
  return static_cast<std::uint32_t>(std::min<std::size_t>(most_at_once, stock_.most()));
}

Said Entities::answer(Site site, const Ask& ask) {
  const std::lock_guard hold(lock_);
  const auto me = std::find_if(ask.names.begin(), ask.names.end(), [&](const auto& name) { return serves(site, name); });
  if (me == ask.names.end()) {
    return unauthorized("unknown SAE " + printable(ask.names.empty() ? "without a name" : ask.names.front()));
  }
  const auto target = parse_target(ask.target);
  const auto said = [&]() -> Said {
    if (!target) return refuse("no such URL: it is /api/v1/keys/{SAE_ID}/status, enc_keys or dec_keys");
    const Call call{site, *me, target->sae};
    const bool post = ask.method == "POST";
    if (ask.method != "GET" && !(post && target->operation != Operation::status)) return refuse("this method is not possible here");
    if (!known(target->sae)) return unauthorized("unknown SAE " + printable(target->sae) + " in the URL");
    switch (target->operation) {
      case Operation::status:
        return status(call);
      case Operation::enc_keys: {
        const auto request = post ? etsi014::parse_key_request(ask.body) : key_request_of(*target);
        return request ? enc_keys(call, *request) : refuse("malformed key request", {request.error().reason});
      }
      case Operation::dec_keys: {
        const auto ids = post ? etsi014::parse_key_ids(ask.body) : key_ids_of(*target);
        return ids ? dec_keys(call, *ids) : refuse("malformed key ids", {ids.error().reason});
      }
    }
    return refuse("no such URL");
  };
  Said out = said();
  out.sae = *me;
  return out;
}

Said Entities::status(const Call& call) const {
  const Site there = serves(other_of(call.site), call.other) ? other_of(call.site) : call.site;
  etsi014::Status out;
  out.source_kme = at(call.site).kme;
  out.target_kme = at(there).kme;
  out.master_sae = call.caller;
  out.slave_sae = call.other;
  out.key_size = bits_;
  out.stored_key_count = static_cast<std::int64_t>(stock_.count());
  out.max_key_count = static_cast<std::int64_t>(stock_.most());
  out.max_key_per_request = most_keys();
  out.max_key_size = most_bits;
  out.min_key_size = least_bits;
  out.max_sae_id_count = most_slaves;
  return {200, etsi014::to_text(out), "status"};
}

Said Entities::enc_keys(const Call& call, const etsi014::KeyRequest& request) {
  if (!request.mandatory.empty()) return refuse(etsi014::unknown_mandatory);
  const std::uint32_t bits = request.size == 0 ? bits_ : request.size;
  if (bits % 8 != 0) return refuse(etsi014::bad_size);
  if (bits < least_bits || bits > most_bits) {
    return refuse(fmt::format("size shall be from {} to {} bits", least_bits, most_bits));
  }
  if (request.number < 1 || request.number > most_keys()) {
    return refuse(fmt::format("number shall be from 1 to {}", most_keys()));
  }
  if (request.additional_slaves.size() > most_slaves) {
    return refuse(fmt::format("additional_slave_SAE_IDs shall be {} at most", most_slaves));
  }
  std::set<std::string> slaves{call.other};
  for (const std::string& sae : request.additional_slaves) {
    if (!known(sae)) return refuse("unknown SAE in additional_slave_SAE_IDs", {printable(sae)});
    slaves.insert(sae);
  }
  if (slaves.contains(call.caller)) return refuse("the master SAE can't be its own slave");
  return give(call, request.number, bits, slaves);
}

Said Entities::give(const Call& call, std::uint32_t number, std::uint32_t bits, const std::set<std::string>& slaves) {
  const std::size_t parts = (bits + stock_.bits() - 1) / stock_.bits();
  auto taken = stock_.take(call.site, number * parts);
  if (!taken) return unavailable(taken.error());
  const bool near = any_at(call.site, slaves);
  const bool far = std::any_of(slaves.begin(), slaves.end(), [&](const auto& sae) { return !serves(call.site, sae); });
  etsi014::KeyContainer out;
  std::vector<std::string> unwanted;
  for (std::size_t i = 0; i < taken->size(); i += parts) {
    Waiting key;
    key.master = call.caller;
    key.slaves = slaves;
    key.bits = bits;
    std::map<std::string, Secret>& held = key.held[static_cast<std::size_t>(call.site)];
    for (std::size_t n = i; n < i + parts; ++n) {
      key.parts.push_back((*taken)[n].id);
      held.emplace((*taken)[n].id, std::move((*taken)[n].value));
    }
    const std::string id = key.parts.front();
    out.keys.push_back({id, joined(key.parts, held, bits)});
    if (!near) held.clear();
    if (!far) unwanted.insert(unwanted.end(), key.parts.begin(), key.parts.end());
    waiting_.emplace(id, std::move(key));
    order_.push_back(id);
  }
  stock_.discard(other_of(call.site), std::move(unwanted));
  while (waiting_.size() > most_waiting) forget(std::string(order_.front()));
  while (!order_.empty() && !waiting_.contains(order_.front())) order_.pop_front();
  return {200, etsi014::to_text(out), count_note(out.keys.size()) + " for " + std::to_string(slaves.size()) + " SAE"};
}

void Entities::forget(const std::string& id) {
  const auto found = waiting_.find(id);
  if (found != waiting_.end()) {
    const Waiting& key = found->second;
    for (const Site site : {Site::first, Site::second}) {
      if (any_at(site, key.slaves)) stock_.discard(site, key.parts);
    }
    waiting_.erase(found);
  }
  if (!order_.empty() && order_.front() == id) order_.pop_front();  // those that were fetched go the same way
}

Status Entities::gather(Site site, Waiting& key) {
  std::map<std::string, Secret>& held = key.held[static_cast<std::size_t>(site)];
  std::vector<std::string> missing;
  for (const std::string& part : key.parts) {
    if (!held.contains(part)) missing.push_back(part);
  }
  if (missing.empty()) return {};
  auto fetched = stock_.fetch(site, missing);
  if (!fetched) return fail(std::move(fetched.error()));
  for (Stock::Taken& part : *fetched) held.emplace(part.id, std::move(part.value));
  if (held.size() == key.parts.size()) return {};
  return fail({Code::not_found, "take keys", "", std::string(etsi014::unknown_keys), {}});
}

Said Entities::dec_keys(const Call& call, const std::vector<std::string>& ids) {
  if (ids.size() > most_keys()) return refuse(fmt::format("key_IDs shall be {} at most", most_keys()));
  bool all_there = true;
  for (const std::string& id : ids) {
    const auto found = waiting_.find(id);
    if (found == waiting_.end()) {
      all_there = false;
      continue;
    }
    const Waiting& key = found->second;
    const bool meant = key.slaves.contains(call.caller) || key.served.contains(call.caller);
    if (key.master != call.other || !meant) return unauthorized("key " + id + " is for others");
    all_there = all_there && !key.served.contains(call.caller);
  }
  if (!all_there) return refuse(etsi014::unknown_keys);
  // All or none: what was taken out for a request that fails is held for the next one.
  for (const std::string& id : ids) {
    const auto ready = gather(call.site, waiting_.at(id));
    if (ready) continue;
    if (ready.error().code != Code::not_found) return unavailable(ready.error());
    forget(id);
    return refuse(etsi014::unknown_keys, {"key_ID " + id});
  }
  etsi014::KeyContainer out;
  for (const std::string& id : ids) {
    Waiting& key = waiting_.at(id);
    std::map<std::string, Secret>& held = key.held[static_cast<std::size_t>(call.site)];
    out.keys.push_back({id, joined(key.parts, held, key.bits)});
    key.slaves.erase(call.caller);
    key.served.insert(call.caller);
    if (!any_at(call.site, key.slaves)) held.clear();
    if (key.slaves.empty()) waiting_.erase(id);
  }
  return {200, etsi014::to_text(out), count_note(out.keys.size())};
}

}  // namespace tlspool::qkd
