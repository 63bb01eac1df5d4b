// SPDX-License-Identifier: Apache-2.0
#include "qkd/check_suite.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace tlspool::qkd {

using etsi014::Operation;

std::vector<CheckRow> CheckSuite::run() {
  status();
  new_keys();
  bad_sizes();
  bad_numbers();
  extensions();
  bad_requests();
  if (probes_.slave != nullptr) {
    delivery();
    refused_delivery();
  } else {
    skip("dec_keys", "5.3: a slave gets the master's keys, once", "needs --peer-url and --peer-as");
  }
  multicast();
  all_answers();
  return std::move(rows_);
}

void CheckSuite::row(std::string name, std::string requirement, bool good, std::string expected, std::string came) {
  rows_.push_back({std::move(name), std::move(requirement), good ? Verdict::pass : Verdict::fail, std::move(expected), std::move(came)});
}

void CheckSuite::skip(std::string name, std::string requirement, std::string why) {
  rows_.push_back({std::move(name), std::move(requirement), Verdict::skipped, {}, std::move(why)});
}

void CheckSuite::refused(std::string name, std::string requirement, const Reaction& came, std::string_view message) {
  const bool good = came.is(400) && (message.empty() || came.message() == message);
  row(std::move(name), std::move(requirement), good, message.empty() ? "400" : fmt::format("400 \"{}\"", message), came.text());
}

void CheckSuite::given(const std::string& name, const std::string& requirement, const Reaction& came, std::size_t number,
                       std::uint32_t bits) {
  const std::string expected = fmt::format("200 with {} key{} of {} bits", number, number == 1 ? "" : "s", bits);
  const auto keys = came.keys();
  if (!came.is(200) || !keys) return row(name, requirement, false, expected, came.text());
  std::string wrong;
  for (const ProbedKey& key : *keys) {
    if (!key.uuid) wrong = ", key_ID \"" + printable(key.id, 50) + "\" is no UUID";
    if (!key.base64) wrong = ", a key is not base64";
    if (key.base64 && key.value.size() * 8 != bits) wrong = fmt::format(", a key of {} bits", key.value.size() * 8);
    if (!ids_.insert(lower(key.id)).second && repeated_.empty()) repeated_ = printable(key.id, 50);
  }
  row(name, requirement, keys->size() == number && wrong.empty(), expected, came.text() + wrong);
}

void CheckSuite::status() {
  const Reaction came = probes_.master->get(Operation::status, party_.slave);
  row("status", "5.1: status is answered", came.is(200), "200", came.text());
  const auto parsed = etsi014::parse_status(came.body());
  row("status-fields", "6.1: every field is there, with its type", parsed.has_value(), "eleven fields",
      parsed ? "eleven fields" : parsed.error().reason);
  if (!parsed) {
    skip("status-names", "6.1: the SAE ids are ours and the slave's", "there is no status");
    skip("status-limits", "6.1: the limits fit each other", "there is no status");
    // What a request without a size gets can't be known; the rest is asked with what most entities do.
    entity_.key_size = 256;
    entity_.max_key_per_request = entity_.min_key_size = 0;
    return;
  }
  entity_ = *parsed;
  knows_entity_ = true;
  row("status-names", "6.1: the SAE ids are ours and the slave's",
      entity_.master_sae == party_.master && entity_.slave_sae == party_.slave, party_.master + " and " + party_.slave,
      printable(entity_.master_sae, 60) + " and " + printable(entity_.slave_sae, 60));
  const bool fit = entity_.min_key_size <= entity_.key_size && entity_.key_size <= entity_.max_key_size &&
                   entity_.key_size % 8 == 0 && entity_.stored_key_count <= entity_.max_key_count && entity_.max_key_per_request > 0;
  row("status-limits", "6.1: the limits fit each other", fit, "min_key_size <= key_size <= max_key_size, stored <= max",
      fmt::format("{} <= {} <= {}, {} <= {}, {} a request", entity_.min_key_size, entity_.key_size, entity_.max_key_size,
                  entity_.stored_key_count, entity_.max_key_count, entity_.max_key_per_request));
}

void CheckSuite::new_keys() {
  const auto bits = static_cast<std::uint32_t>(entity_.key_size);
  given("enc_keys-get", "5.2: GET gives one key of key_size", probes_.master->get(Operation::enc_keys, party_.slave), 1, bits);
  given("enc_keys-post", "5.2, 6.2: POST with defaults gives the same",
        probes_.master->post(Operation::enc_keys, party_.slave, "{}"), 1, bits);
  const auto number = static_cast<std::uint32_t>(std::clamp<std::int64_t>(entity_.max_key_per_request, 1, 3));
  // Another size than the default, where there is one.
  const auto least = static_cast<std::uint32_t>(entity_.min_key_size + 7) / 8 * 8;
  const std::uint32_t other = knows_entity_ && least >= 8 ? least : bits;
  given("enc_keys-get-number-size", "5.2: number and size in the query are honoured",
        probes_.master->get(Operation::enc_keys, party_.slave, fmt::format("?number={}&size={}", number, other)), number, other);
  given("enc_keys-post-number-size", "6.2: number and size in the request are honoured",
        probes_.master->post(Operation::enc_keys, party_.slave, fmt::format(R"({{"number":{},"size":{}}})", number, other)), number, other);
}

void CheckSuite::bad_sizes() {
  const std::int64_t odd = entity_.key_size < entity_.max_key_size ? entity_.key_size + 1 : entity_.key_size - 1;
  refused("size-multiple-of-8", "5.2, 6.2: a size that is no multiple of 8",
          probes_.master->get(Operation::enc_keys, party_.slave, fmt::format("?size={}", odd)), etsi014::bad_size);
  if (!knows_entity_) return skip("size-limits", "6.1: a size beyond the limits", "there is no status");
  refused("size-too-large", "6.1: a size beyond max_key_size",
          probes_.master->post(Operation::enc_keys, party_.slave, fmt::format(R"({{"size":{}}})", entity_.max_key_size / 8 * 8 + 8)), {});
  const std::int64_t small = (entity_.min_key_size - 1) / 8 * 8;
  if (small < 8) return skip("size-too-small", "6.1: a size below min_key_size", "there is none in whole bytes");
  refused("size-too-small", "6.1: a size below min_key_size",
          probes_.master->post(Operation::enc_keys, party_.slave, fmt::format(R"({{"size":{}}})", small)), {});
}

void CheckSuite::bad_numbers() {
  refused("number-zero", "6.2: number 0", probes_.master->post(Operation::enc_keys, party_.slave, R"({"number":0})"), {});
  if (!knows_entity_) return skip("number-too-large", "6.1: more than max_key_per_request", "there is no status");
  refused("number-too-large", "6.1: more than max_key_per_request",
          probes_.master->get(Operation::enc_keys, party_.slave, fmt::format("?number={}", entity_.max_key_per_request + 1)), {});
}

void CheckSuite::extensions() {
  refused("mandatory-extension", "6.2: a mandatory extension that nobody knows",
          probes_.master->post(Operation::enc_keys, party_.slave,
                               R"({"extension_mandatory":[{"example_unknown_extension":"1"}]})"),
          etsi014::unknown_mandatory);
  given("optional-extension", "6.2: an optional extension that nobody knows is ignored",
        probes_.master->post(Operation::enc_keys, party_.slave, R"({"extension_optional":[{"example_unknown_extension":"1"}]})"), 1,
        static_cast<std::uint32_t>(entity_.key_size));
}

void CheckSuite::bad_requests() {
  const auto neither = [&](const char* name, const char* requirement, const Reaction& came) {
    row(name, requirement, came.is(400) || came.is(401), "400 or 401", came.text());
  };
  neither("unknown-slave", "5.2: a slave SAE that nobody knows", probes_.master->get(Operation::enc_keys, "nobody.invalid"));
  neither("unknown-slave-status", "5.1: the status for a slave SAE that nobody knows",
          probes_.master->get(Operation::status, "nobody.invalid"));
  refused("broken-json", "5.2: a body that is no JSON", probes_.master->post(Operation::enc_keys, party_.slave, R"({"number":)"), {});
  refused("wrong-type", "6.2: a number that is a text",
          probes_.master->post(Operation::enc_keys, party_.slave, R"({"number":"two"})"), {});
}

void CheckSuite::all_answers() {
  const auto clean = [&](const char* name, const char* requirement, const std::string& strange, const char* expected) {
    row(name, requirement, strange.empty(), expected, strange.empty() ? "so it was" : strange);
  };
  clean("content-type", "5: what is delivered is application/json", habits_.strange_type, "application/json");
  clean("status-codes", "5: answers are 200, 400, 401 and 503, never 404", habits_.strange_status, "nothing else");
  if (habits_.errors > 0) clean("error-format", "6.5: 400 and 503 come with an Error", habits_.strange_error, "a message in JSON");
  else skip("error-format", "6.5: 400 and 503 come with an Error", "there was none");
  if (habits_.refusals > 0) clean("unauthorized-format", "5: 401 has no body", habits_.strange_401, "no body");
  else skip("unauthorized-format", "5: 401 has no body", "there was none");
  row("key-ids-unique", "6.3: a key_ID is never given twice", repeated_.empty(), fmt::format("{} different ids", ids_.size()),
      repeated_.empty() ? "so it was" : repeated_ + " twice");
}

}  // namespace tlspool::qkd
