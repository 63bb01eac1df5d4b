// SPDX-License-Identifier: Apache-2.0
#include "judge/outcomes.h"

#include <openssl/rand.h>

#include <algorithm>
#include <ctime>

#include "authz/cluster_key.h"
#include "base/log.h"
#include "counters/page.h"

namespace tlspool::judge {
namespace {

constexpr std::string_view outcome_prefix = "tlspool1o-";
/// Of everything below and of wire::ChainVerdict: pools of another form find nothing.
constexpr std::uint32_t form = 2;

/// What an outcome is found by.
struct DependsOn {
  std::uint32_t version = form;
  std::uint32_t generation = 0;
  Bytes policy;
  Bytes digest;
  bool uid_matters = true;
  bool executable_matters = true;
  wire::ChainQuery query;
};
template <class Io> void fields(Io& io, DependsOn& m) {
  io(m.version, m.generation, m.policy, m.digest, m.uid_matters, m.executable_matters, m.query);
}

}  // namespace

Status Outcomes::set(wire::CacheSetup setup, CallerMatters caller) {
  if (setup.key.empty()) {
    if (own_key_.empty()) {
      own_key_.resize(authz::derived_key_size);
      if (RAND_bytes(own_key_.data(), static_cast<int>(own_key_.size())) != 1) {
        return fail({Code::internal, "RAND_bytes", "outcomes", "no random bytes", {}});
      }
    }
    setup.servers.clear();
  }
  forget();
  auto box = authz::EntryBox::make(setup.key.empty() ? own_key_ : setup.key);
  if (!box) return fail(std::move(box.error()));
  box_ = std::move(*box);
  if (setup.servers != setup_.servers || setup.patience_ms != setup_.patience_ms) {
    if (memcached_) memcached_->give_up();
    memcached_.reset();
    if (!setup.servers.empty()) memcached_ = std::make_unique<Memcached>(loop_, setup.servers, std::chrono::milliseconds{setup.patience_ms});
  }
  setup_ = std::move(setup);
  wipe(setup_.key);
  setup_.key.clear();
  caller_ = caller;
  table_.limit(setup_.entries);
  return {};
}

void Outcomes::depend_on(Bytes digest) {
  digest_ = std::move(digest);
  forget();
}

void Outcomes::forget() {
  ++generation_;
  table_.clear();
}

std::optional<Outcomes::Key> Outcomes::key_of(const wire::ChainQuery& query) const {
  if (!box_ || query.explain || setup_.entries == 0) return std::nullopt;
  DependsOn on{form, setup_.generation, setup_.policy, digest_, caller_.uid, caller_.executable, query};
  on.query.fresh = false;
  if (!caller_.uid) on.query.caller.uid = 0;
  if (!caller_.executable) on.query.caller.executable.clear();
  return Key{box_->key_of(wire::encode(on)), generation_};
}

const wire::ChainVerdict* Outcomes::recall(const Key& key) {
  if (key.generation != generation_) return nullptr;
  const wire::ChainVerdict* found = table_.find(key.entry, std::time(nullptr));
  if (found != nullptr) ++counters_.recalled;
  counters::count<counters::Family::outcome_cache>(found != nullptr ? counters::Lookup::hit : counters::Lookup::miss);
  return found;
}

std::variant<std::optional<wire::ChainVerdict>, Outcomes::Cancel> Outcomes::look_up(const Key& key, OnFound on_found) {
  if (!memcached_ || key.generation != generation_) return std::nullopt;
  const std::uint64_t question = memcached_->get(authz::memcached_name(outcome_prefix, key.entry),
                                                 [this, key, on_found = std::move(on_found)](const std::optional<Bytes>& sealed) {
                                                   on_found(sealed ? opened(key, *sealed) : std::nullopt);
                                                 });
  if (question == 0) return std::nullopt;
  return [this, question] {
    if (memcached_) memcached_->cancel(question);
  };
}

std::optional<wire::ChainVerdict> Outcomes::opened(const Key& key, ByteView sealed) {
  if (key.generation != generation_) return std::nullopt;
  const std::int64_t now = std::time(nullptr);
  authz::Opened entry = box_->open(key.entry, sealed, now, setup_.ttl);
  auto verdict = entry.opening == authz::Opening::good ? wire::decode<wire::ChainVerdict>(entry.entry.content)
                                                       : fail({Code::protocol, "cache entry", "", authz::word(entry.opening), {}});
  if (verdict && !verdict->accepted && entry.entry.made <= now - static_cast<std::int64_t>(setup_.negative_ttl)) {
    verdict = fail({Code::protocol, "cache entry", "", authz::word(authz::Opening::expired), {}});
  }
  if (!verdict) {
    ++counters_.worthless;
    counters::count<counters::Family::outcome_cache_worthless>();
    log::debug("outcome.worthless", {{"reason", verdict.error().reason}});
    return std::nullopt;
  }
  ++counters_.shared;
  std::int64_t until = entry.entry.expires;
  if (!verdict->accepted) until = std::min(until, entry.entry.made + setup_.negative_ttl);
  table_.put(key.entry, *verdict, until);
  return *std::move(verdict);
}

std::int64_t Outcomes::end_of(const wire::ChainVerdict& verdict, std::int64_t now) const {
  std::int64_t end = now + (verdict.accepted ? setup_.ttl : std::min(setup_.ttl, setup_.negative_ttl));
  for (const std::int64_t bound : {verdict.valid_until, verdict.keep.until}) {
    if (bound != 0) end = std::min(end, bound);
  }
  return end;
}

void Outcomes::judged(const std::optional<Key>& key, const wire::ChainVerdict& verdict) {
  ++counters_.judged;
  if (key) store(*key, verdict);
}

void Outcomes::store(const Key& key, const wire::ChainVerdict& verdict) {
  if (key.generation != generation_) return;
  table_.erase(key.entry);  // whatever it was, this is newer
  // "judge" refuses for reasons of its own, such as too many questions.
  if (verdict.keep.unsure || verdict.check == "judge") return;
  const std::int64_t now = std::time(nullptr);
  const std::int64_t until = end_of(verdict, now);
  if (until <= now) return;
  table_.put(key.entry, verdict, until);
  if (!memcached_ || !verdict.keep.cost) return;
  auto sealed = box_->seal(key.entry, {now, until, wire::encode(verdict)});
  if (!sealed) return log::debug("outcome.not_shared", {{"reason", sealed.error().text()}});
  if (memcached_->set(authz::memcached_name(outcome_prefix, key.entry), std::move(*sealed), static_cast<std::uint32_t>(until - now))) {
    ++counters_.put;
    counters::count<counters::Family::outcome_cache_put>();
  }
}

void Outcomes::add_blob(wire::SharedBlob blob, std::function<void(wire::SharedBlob)> on_answer) {
  if (!memcached_) {
    blob.sealed.clear();
    return on_answer(std::move(blob));
  }
  const std::string name = blob.name;
  const std::uint32_t seconds = blob.seconds;
  memcached_->add(name, std::move(blob.sealed), seconds, [name, seconds, on_answer = std::move(on_answer)](std::optional<Bytes> there) {
    on_answer({name, std::move(there).value_or(Bytes{}), seconds});
  });
}

wire::OutcomeCounters Outcomes::counters() const {
  wire::OutcomeCounters out = counters_;
  out.entries = table_.size();
  if (memcached_) {
    const Memcached::Counters of = memcached_->counters();
    out.late = of.late;
    out.failed = of.failed;
    out.away = of.away;
  }
  return out;
}

}  // namespace tlspool::judge
