// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "worker/exchange.h"

namespace tlspool::worker {

/// The key exchanges of all users, in the first worker.
class Exchanges {
 public:
  static constexpr std::size_t most = 1024;
  static constexpr std::size_t most_of_one_user = 32;

  Exchanges(Loop& loop, Audit& audit) : audit_(audit), sweep_(loop), expiry_(loop) {}

  /// Code::busy names the limit that is reached.
  [[nodiscard]] Result<Exchange*> add(Services services, std::shared_ptr<const Policy> policy, authz::Caller caller, ExchangeRequest request);
  /// Null where this user has no such exchange.
  [[nodiscard]] Exchange* find(uid_t uid, const std::string& id);
  /// The one to which a message belongs.
  [[nodiscard]] Exchange* find(uid_t uid, const kex::ExchangeId& wire_id);
  [[nodiscard]] std::vector<Exchange*> of(uid_t uid);
  /// Ends those for which `why` has a reason, and says how many.
  std::size_t end_if(const std::function<std::string(const Exchange&)>& why);
  /// Also from within the exchange's own callbacks.
  void remove(const Exchange* exchange);

 private:
  void forget_expired();
  void wait_for_expiry();

  Audit& audit_;
  std::vector<std::unique_ptr<Exchange>> all_;
  std::vector<std::unique_ptr<Exchange>> gone_;  // destroyed when the loop is out of their callbacks
  Timer sweep_;
  Timer expiry_;
};

}  // namespace tlspool::worker
