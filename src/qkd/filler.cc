// SPDX-License-Identifier: Apache-2.0
#include "qkd/filler.h"

#include <algorithm>
#include <map>

#include "base/text.h"
#include "sharedkey/identity.h"

namespace tlspool::qkd {

void Filler::fetch(std::uint32_t count) {
  tally_.wanted += count;
  while (count > 0 && !tally_.stopped) {
    // After a refusal the token may be full: one key shows it, where a batch would be lost.
    const std::uint32_t number = storing_ == Storing::well ? std::min(batch_, count) : 1;
    auto delivered = calls_.enc_keys(number);
    if (!delivered) {
      if (delivered.error().answer_lost) tally_.maybe_lost += number;
      tally_.stopped = std::move(delivered.error().error);
      return;
    }
    store(std::move(*delivered));
    count -= number;
  }
}

void Filler::fetch(const std::vector<std::string>& ids) {
  tally_.wanted += ids.size();
  for (std::size_t at = 0; at < ids.size() && !tally_.stopped;) {
    const std::size_t number = storing_ == Storing::well ? std::min<std::size_t>(batch_, ids.size() - at) : 1;
    fetch_named({ids.begin() + static_cast<long>(at), ids.begin() + static_cast<long>(at + number)});
    at += number;
  }
}

void Filler::fetch_named(std::vector<std::string> ids) {
  auto delivered = calls_.dec_keys(ids);
  if (delivered) return store(std::move(*delivered));
  const Error& why = delivered.error().error;
  if (why.code == Code::not_found && !delivered.error().answer_lost) {
    // "one or more keys": nothing was delivered. Halves find out which.
    if (ids.size() == 1) {
      tally_.missing.emplace_back(ids.front(), why.reason);
      return;
    }
    const auto middle = ids.begin() + static_cast<long>(ids.size() / 2);
    fetch_named({ids.begin(), middle});
    if (!tally_.stopped) fetch_named({middle, ids.end()});
    return;
  }
  if (delivered.error().answer_lost) {
    for (const std::string& id : ids) tally_.lost.emplace_back(id, why.reason);
  }
  tally_.stopped = why;
}

void Filler::store(etsi014::KeyContainer delivered) {
  for (const std::string& problem : delivered.problems) tally_.lost.emplace_back("", problem);
  std::map<std::string, std::string> uuids;  // by the id in the token
  std::vector<wire::NumberedKey> keys;
  const auto refuse = [&](const std::string& uuid, const std::string& reason) { tally_.refused.emplace_back(uuid, reason); };
  for (const etsi014::Key& key : delivered.keys) {
    const auto id = sharedkey::id_from_uuid(form_, key.id);
    if (!id) {
      refuse(key.id, id.error().reason);
      continue;
    }
    std::string text = sharedkey::id_text(form_, *id);
    if (const auto [there, fresh] = uuids.emplace(text, key.id); !fresh) {
      refuse(key.id, "its number " + text + " is also that of " + there->second);
      continue;
    }
    keys.push_back({std::move(text), copy_of(key.value.bytes())});
  }
  if (keys.empty()) return;
  auto done = calls_.deposit(std::move(keys));
  if (!done) {
    for (const auto& [text, uuid] : uuids) refuse(uuid, "it was not stored");
    tally_.stopped = std::move(done.error());
    return;
  }
  std::vector<std::string> stored;
  for (const std::string& text : done->stored) {
    if (const auto found = uuids.find(text); found != uuids.end()) stored.push_back(found->second);
  }
  for (const wire::DepositRefused& r : done->refused) {
    const auto found = uuids.find(r.id);
    refuse(found == uuids.end() ? printable(r.id) : found->second, printable(r.reason, 1024));
  }
  tally_.stored += stored.size();
  if (auto told = calls_.stored(stored); !told) {
    for (const std::string& id : stored) tally_.untold.emplace_back(id, told.error().reason);
    tally_.stopped = std::move(told.error());
    return;
  }
  if (done->refused.empty()) {
    storing_ = Storing::well;
  } else if (storing_ == Storing::doubtful || stored.empty()) {
    storing_ = Storing::hopeless;
    tally_.stopped = Error{Code::busy, "store keys", "", printable(done->refused.front().reason, 1024),
                           "no more were asked for, so that no more are lost"};
  } else {
    storing_ = Storing::doubtful;
  }
}

}  // namespace tlspool::qkd
