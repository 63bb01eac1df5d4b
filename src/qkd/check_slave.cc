// SPDX-License-Identifier: Apache-2.0
// What is asked of the slave's entity.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "qkd/check_suite.h"

namespace tlspool::qkd {
namespace {

using etsi014::Operation;

std::string ids_of(const std::vector<ProbedKey>& keys) {
  std::vector<std::string> ids;
  for (const ProbedKey& key : keys) ids.push_back(key.id);
  return etsi014::key_ids_text(ids);
}

std::string query_of(const ProbedKey& key) { return "?key_ID=" + key.id; }

/// What is wrong with a delivery; empty: the same keys under the same ids.
std::string difference(const std::vector<ProbedKey>& wanted, const Reaction& came) {
  const auto got = came.keys();
  if (!came.is(200) || !got) return came.text();
  if (got->size() != wanted.size()) return came.text();
  for (const ProbedKey& key : wanted) {
    const auto same = std::find_if(got->begin(), got->end(), [&](const ProbedKey& one) { return lower(one.id) == lower(key.id); });
    if (same == got->end()) return came.text() + ", not that of key_ID " + printable(key.id, 50);
    if (!same->value.equals(key.value)) return came.text() + ", another key under the same key_ID";
  }
  return {};
}

}  // namespace

std::vector<ProbedKey> CheckSuite::some_keys(const std::string& name, const std::string& requirement, const std::string& body) {
  const Reaction came = probes_.master->post(Operation::enc_keys, party_.slave, body);
  auto keys = came.keys();
  const bool good = came.is(200) && keys && !keys->empty() &&
                    std::all_of(keys->begin(), keys->end(), [](const ProbedKey& key) { return key.uuid && key.base64; });
  if (!good) {
    row(name, requirement, false, "a key for the slave from enc_keys", came.text());
    return {};
  }
  for (const ProbedKey& key : *keys) {
    if (!ids_.insert(lower(key.id)).second && repeated_.empty()) repeated_ = printable(key.id, 50);
  }
  return std::move(*keys);
}

void CheckSuite::delivery() {
  const auto same = [&](const char* name, const char* requirement, const std::vector<ProbedKey>& keys, const Reaction& came) {
    const std::string wrong = difference(keys, came);
    row(name, requirement, wrong.empty(), "200 with the key that the master got", wrong.empty() ? came.text() : wrong);
  };
  const char* by_get = "5.3: GET with a key_ID gives the slave the same key";
  if (const auto keys = some_keys("dec_keys-get", by_get, "{}"); !keys.empty()) {
    same("dec_keys-get", by_get, keys, probes_.slave->get(Operation::dec_keys, party_.master, query_of(keys.front())));
    const Reaction again = probes_.slave->get(Operation::dec_keys, party_.master, query_of(keys.front()));
    refused("deleted-after-get", "5.3: a key is gone once it was delivered", again, etsi014::unknown_keys);
  }
  const char* by_post = "5.3, 6.4: POST with key_IDs gives the slave the same keys";
  const bool several = entity_.max_key_per_request > 1;
  if (const auto keys = some_keys("dec_keys-post", by_post, several ? R"({"number":2})" : "{}"); !keys.empty()) {
    same("dec_keys-post", by_post, keys, probes_.slave->post(Operation::dec_keys, party_.master, ids_of(keys)));
    const Reaction again = probes_.slave->post(Operation::dec_keys, party_.master, ids_of(keys));
    refused("deleted-after-post", "5.3: keys are gone once they were delivered", again, etsi014::unknown_keys);
  }
}

void CheckSuite::refused_delivery() {
  refused("unknown-key-id", "5.3: a key_ID that nobody was given",
          probes_.slave->get(Operation::dec_keys, party_.master, "?key_ID=00000000-0000-4000-8000-000000000000"), etsi014::unknown_keys);
  refused("broken-json-dec_keys", "5.3: a body that is no JSON",
          probes_.slave->post(Operation::dec_keys, party_.master, R"({"key_IDs":[)"), {});
  refused("malformed-key-id", "6.4: a key_ID that is no UUID",
          probes_.slave->post(Operation::dec_keys, party_.master, R"({"key_IDs":[{"key_ID":"x"}]})"), {});
  const char* others = "5.3: an SAE that the key is not for gets 401";
  const auto keys = some_keys("key-of-others", others, "{}");
  if (keys.empty()) return;
  const Reaction wrong_slave = (probes_.other != nullptr ? probes_.other : probes_.stranger)
                                   ->get(Operation::dec_keys, party_.master, query_of(keys.front()));
  // The master's certificate may mean nothing at the slave's entity; a third SAE's must.
  const bool shut = probes_.other == nullptr && wrong_slave.status() == 0;
  row("key-of-others", others, wrong_slave.is(401) || shut, "401", wrong_slave.text());
  const Reaction wrong_master = probes_.slave->get(Operation::dec_keys, "nobody.invalid", query_of(keys.front()));
  row("key-of-other-master", "5.3: nor does who names another master", wrong_master.is(401) || wrong_master.is(400), "400 or 401",
      wrong_master.text());
  const std::string lost =
      difference(keys, probes_.slave->get(Operation::dec_keys, party_.master, query_of(keys.front())));
  row("key-stays-for-its-slave", "5.3: what others tried takes nothing from the slave", lost.empty(),
      "200 with the key that the master got", lost.empty() ? "200 with that key" : lost);
}

void CheckSuite::multicast() {
  const char* unknown = "6.2: an additional slave SAE that nobody knows";
  const Reaction nobody = probes_.master->post(Operation::enc_keys, party_.slave, R"({"additional_slave_SAE_IDs":["nobody.invalid"]})");
  row("multicast-unknown", unknown, nobody.is(400) || nobody.is(401), "400 or 401", nobody.text());
  const char* each = "6.2: every additional slave SAE gets the key, once";
  if (knows_entity_ && entity_.max_sae_id_count == 0) return skip("multicast", each, "max_SAE_ID_count is 0");
  if (probes_.other == nullptr || probes_.slave == nullptr) return skip("multicast", each, "needs --other-sae and --other-as");
  const std::string body = wire::to_json(wire::Value::object().set("additional_slave_SAE_IDs", wire::Value::array().push(party_.other)));
  const auto keys = some_keys("multicast", each, body);
  if (keys.empty()) return;
  for (Probe* probe : {probes_.slave, probes_.other}) {
    const Reaction first = probe->get(Operation::dec_keys, party_.master, query_of(keys.front()));
    const std::string wrong = difference(keys, first);
    if (!wrong.empty()) return row("multicast", each, false, "200 with the key that the master got, for each of two", wrong);
    const Reaction again = probe->get(Operation::dec_keys, party_.master, query_of(keys.front()));
    if (again.is(200)) return row("multicast", each, false, "400 when one SAE asks again", again.text());
  }
  row("multicast", each, true, "200 with the key that the master got, for each of two, once", "so it was");
}

}  // namespace tlspool::qkd
