// SPDX-License-Identifier: Apache-2.0
// What a key management entity may answer, and what an application may ask of ours.
#include <cstdlib>

#include "base/text.h"
#include "etsi014/messages.h"

using namespace tlspool;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

// What parses is written so that it parses to the same text again.
template <class T>
void same_again(const Result<T>& first, Result<T> (*parse)(std::string_view)) {
  if (!first) return must(!first.error().reason.empty());
  const std::string text = etsi014::to_text(*first);
  const auto again = parse(text);
  must(again && etsi014::to_text(*again) == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = text_of({data, size});
  same_again(etsi014::parse_status(text), etsi014::parse_status);
  same_again(etsi014::parse_key_request(text), etsi014::parse_key_request);
  if (const auto ids = etsi014::parse_key_ids(text)) {
    const auto again = etsi014::parse_key_ids(etsi014::key_ids_text(*ids));
    must(again && *again == *ids);
  }
  for (const std::uint32_t bits : {0U, 256U}) {
    for (const std::uint32_t number : {1U, 3U}) {
      const auto keys = etsi014::parse_keys(text, {number, bits, {}});
      if (!keys) {
        must(!keys.error().reason.empty());
        continue;
      }
      must(!keys->keys.empty() && keys->keys.size() <= number);
      for (const etsi014::Key& key : keys->keys) {
        must(etsi014::normal_uuid(key.id) == key.id);
        must(key.value.size() >= 16 && (bits == 0 || key.value.size() * 8 == bits));
      }
      const auto again = etsi014::parse_keys(etsi014::to_text(*keys), {static_cast<std::uint32_t>(keys->keys.size()), bits, {}});
      must(again && again->problems.empty() && again->keys.size() == keys->keys.size());
    }
  }
  for (const int status : {400, 401, 404, 503}) {
    const Error error = etsi014::refusal(etsi014::Operation::enc_keys, status, text);
    must(!error.reason.empty() && !error.advice.empty());
    for (const char c : error.reason) must(c >= ' ' && c < 127);
  }
  return 0;
}
