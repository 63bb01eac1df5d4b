// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "base/text.h"
#include "etsi014/messages.h"

namespace tlspool::etsi014 {
namespace {

bool says(const std::string& lowered, std::string_view what) { return lowered.find(lower(what)) != std::string::npos; }

// The standard has no message for it; these are what entities say.
bool says_no_keys(const std::string& lowered) {
  constexpr std::array words{no_keys,          std::string_view("not enough"), std::string_view("insufficient"),
                             std::string_view("exhausted"), std::string_view("no key"),
                             std::string_view("no more key"),    std::string_view("out of keys"),
                             std::string_view("too few keys")};
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) { return says(lowered, word); });
}

constexpr const char* more_keys = "wait until the link has made more keys, or ask for fewer at once";

void explain_bad_request(Operation operation, const std::string& said, Error& error) {
  error.code = Code::invalid;
  if (says(said, unknown_keys)) {
    error.code = Code::not_found;
    error.advice = "the key was delivered before, has expired, or was made for another SAE: both sides need a new one";
  } else if (says(said, bad_size)) {
    error.advice = "ask for a size in whole bytes; `tlspool qkd check` shows what the entity gives";
  } else if (says(said, unknown_mandatory) || says(said, unmet_mandatory)) {
    error.advice = "ask without the mandatory extension";
  } else if (operation == Operation::enc_keys && says_no_keys(said)) {
    error.code = Code::busy;
    error.advice = more_keys;
  } else {
    error.advice = "the entity's log says more; `tlspool qkd check` shows its limits";
  }
}

}  // namespace

Error refusal(Operation operation, int status, std::string_view body) {
  std::string said;
  if (const auto message = parse_error(body)) {
    said = printable(message->message);
    for (const std::string& detail : message->details) said += " (" + printable(detail) + ")";
  }
  Error error{Code::io, {}, {}, "HTTP " + std::to_string(status), {}};
  if (!said.empty()) error.reason += ": " + said;
  const std::string lowered = lower(said);
  if (status == 400) {
    explain_bad_request(operation, lowered, error);
  } else if (status == 401) {
    error.code = Code::denied;
    error.reason += ": the entity does not know this SAE, or the key was asked for by or for another SAE";
    error.advice = "check that `identity` of the [[kme]] is the SAE that the entity expects, and `sae` of the [[peer]]";
  } else if (status == 404) {
    error.code = Code::config;
    error.reason += said.empty() ? ": nothing is at this path" : "";
    error.advice = "check the path in `url` of the [[kme]] and `sae` of the [[peer]]";
  } else if (status == 503) {
    const bool empty = operation == Operation::enc_keys && says_no_keys(lowered);
    if (empty) error.code = Code::busy;
    error.advice = empty ? more_keys : "try again later; the entity's log says more";
  } else {
    error.reason += said.empty() ? ": an answer that ETSI GS QKD 014 does not have" : "";
    error.advice = "check that `url` of the [[kme]] names a key management entity";
  }
  return error;
}

}  // namespace tlspool::etsi014
