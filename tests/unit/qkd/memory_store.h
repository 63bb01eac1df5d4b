// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "qkd/entities.h"

namespace tlspool::qkd {

/// A key store without a token.
class MemoryStore : public KeyStore {
 public:
  std::map<std::string, Bytes> keys;
  std::map<std::string, std::string> takes;  ///< id -> how often it was asked for, as dots
  bool gone = false;
  std::size_t room = 1'000'000;

  Result<std::vector<std::string>> deposit(std::vector<wire::NumberedKey> given) override {
    if (gone) return fail({Code::closed, "connect", "admin.sock", "no tlspoold runs for this pool", {}});
    std::vector<std::string> out;
    for (wire::NumberedKey& key : given) {
      if (keys.size() >= room) break;
      out.push_back(key.id);
      keys.emplace(key.id, std::move(key.key));
    }
    return out;
  }
  Result<std::vector<wire::NumberedKey>> withdraw(const std::vector<std::string>& ids) override {
    if (gone) return fail({Code::closed, "connect", "admin.sock", "no tlspoold runs for this pool", {}});
    std::vector<wire::NumberedKey> out;
    for (const std::string& id : ids) {
      takes[id] += ".";
      const auto found = keys.find(id);
      if (found == keys.end()) continue;
      out.push_back({id, found->second});
      keys.erase(found);
    }
    return out;
  }
  Result<std::vector<wire::AuditRow>> list(ByteView) override {
    if (gone) return fail({Code::closed, "connect", "admin.sock", "no tlspoold runs for this pool", {}});
    std::vector<wire::AuditRow> out;
    for (const auto& [id, key] : keys) out.push_back({id, false, key});
    return out;
  }
};

/// Two entities whose link has made `count` keys: kme-a serves sae-a and sae-c, kme-b serves sae-b and sae-d.
struct Pair {
  MemoryStore a;
  MemoryStore b;
  Stock stock;
  Entities entities;

  explicit Pair(std::size_t count = 20, std::uint32_t bits = 256)
      : stock(a, b, std::max<std::uint32_t>(bits, 128), 100),
        entities({"kme-a", {"sae-a", "sae-c"}}, {"kme-b", {"sae-b", "sae-d"}}, stock, bits) {
    if (count > 0) (void)stock.make(count);
  }
  Site site_of(const std::string& sae) const { return sae == "sae-a" || sae == "sae-c" ? Site::first : Site::second; }

  Said get(const std::string& sae, const std::string& path) {
    return entities.answer(site_of(sae), {"GET", "/api/v1/keys/" + path, {}, {sae}});
  }
  Said post(const std::string& sae, const std::string& path, const std::string& body) {
    return entities.answer(site_of(sae), {"POST", "/api/v1/keys/" + path, body, {sae}});
  }
};

}  // namespace tlspool::qkd
