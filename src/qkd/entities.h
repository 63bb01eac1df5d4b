// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "etsi014/messages.h"
#include "qkd/stock.h"

namespace tlspool::qkd {

/// One HTTP request to an entity, and who sends it.
struct Ask {
  std::string method;
  std::string target;              ///< path and query as they came
  std::string body;
  std::vector<std::string> names;  ///< SAE ids that the client's certificate allows
};

/// What is answered.
struct Said {
  int status = 200;
  std::string body;  ///< JSON, may hold keys; empty for 401
  std::string sae;   ///< who asked, for the log; empty: nobody known
  std::string note;  ///< for the log, without a key

  Said() = default;
  Said(int status, std::string body, std::string note) : status(status), body(std::move(body)), note(std::move(note)) {}
  Said(Said&&) = default;
  Said& operator=(Said&&) = default;
  ~Said() { wipe(body.data(), body.size()); }
};

/// An entity of the pair.
struct EntitySetup {
  std::string kme;                ///< its id
  std::vector<std::string> saes;  ///< whom it serves
};

/// Two key management entities (ETSI GS QKD 014 v1.1.1) at the ends of one link: who may have which key, and what is
/// answered to whom. Knows no socket. Thread-safe; requests are answered one after another, for each needs a token.
class Entities {
 public:
  static constexpr std::uint32_t least_bits = 64;
  static constexpr std::uint32_t most_bits = 1024;
  static constexpr std::size_t most_slaves = 8;       ///< besides the one in the URL
  static constexpr std::size_t most_waiting = 10000;  ///< keys that no slave has fetched yet; then the oldest is deleted

  /// `bits`: of a key where a request names no size.
  Entities(EntitySetup first, EntitySetup second, Stock& stock, std::uint32_t bits);
  [[nodiscard]] Said answer(Site site, const Ask& ask);

 private:
  /// A key that a master was given and that slaves may fetch.
  struct Waiting {
    std::string master;
    std::set<std::string> slaves;  ///< who has not fetched it yet
    std::set<std::string> served;
    std::uint32_t bits = 0;
    std::vector<std::string> parts;  ///< keys of the link that it is made of
    std::array<std::map<std::string, Secret>, 2> held;  ///< parts that were taken out of a site's store, for more slaves
  };
  /// Who asks whom for what.
  struct Call {
    Site site;
    std::string caller;
    std::string other;  ///< the SAE in the URL
  };

  [[nodiscard]] Said status(const Call& call) const;
  [[nodiscard]] Said enc_keys(const Call& call, const etsi014::KeyRequest& request);
  [[nodiscard]] Said dec_keys(const Call& call, const std::vector<std::string>& ids);
  [[nodiscard]] Said give(const Call& call, std::uint32_t number, std::uint32_t bits, const std::set<std::string>& slaves);
  [[nodiscard]] Status gather(Site site, Waiting& key);
  [[nodiscard]] bool any_at(Site site, const std::set<std::string>& saes) const;
  void forget(const std::string& id);
  [[nodiscard]] const EntitySetup& at(Site site) const { return setup_[static_cast<std::size_t>(site)]; }
  [[nodiscard]] bool serves(Site site, const std::string& sae) const;
  [[nodiscard]] bool known(const std::string& sae) const { return serves(Site::first, sae) || serves(Site::second, sae); }
  [[nodiscard]] std::uint32_t most_keys() const;

  std::mutex lock_;
  std::array<EntitySetup, 2> setup_;
  Stock& stock_;
  std::uint32_t bits_;
  std::map<std::string, Waiting> waiting_;
  std::deque<std::string> order_;  ///< of waiting_, the oldest first; may name some that are gone
};

}  // namespace tlspool::qkd
