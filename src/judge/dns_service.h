// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>

#include "loop/loop.h"
#include "trust/dns.h"
#include "wire/dns_setup.h"

namespace tlspool::judge {

/// The judge's way to the DNS. Nothing is asked, and no server is told of this machine, before somebody wants to know something.
class DnsService {
 public:
  /// `state`: the directory for the root's keys (RFC 5011).
  DnsService(Loop& loop, wire::DnsSetup setup, std::string state);
  virtual ~DnsService() = default;

  /// Made at the first call; a mistake stays. The same question is asked only once at a time.
  [[nodiscard]] virtual Result<trust::Dns*> dns();
  /// Whether it may go on under another set-up.
  [[nodiscard]] bool serves(const wire::DnsSetup& setup, const std::string& state) const;

 private:
  Loop& loop_;
  wire::DnsSetup setup_;
  std::string state_;
  std::unique_ptr<trust::Dns> dns_;
  Error mistake_;
};

}  // namespace tlspool::judge
