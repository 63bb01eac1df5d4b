// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "loop/loop.h"
#include "trust/dns.h"

namespace tlspool::trust {

/// An authoritative server that is asked about a zone, whatever its parent says.
struct DnsStub {
  std::string zone;
  std::string address;  ///< "192.0.2.1" or "192.0.2.1@5353"
};

struct ResolverSettings {
  /// The root's keys with the state of RFC 5011, kept up to date: its directory must be writable. Made from
  /// `root_anchor` where it does not exist. Empty: the keys of `root_anchor` are the root's, and nothing is written.
  std::string anchor_file;
  std::string root_anchor;              ///< DS or DNSKEY records in presentation format, as in dns-root-data
  std::vector<std::string> forwarders;  ///< recursive servers, as in DnsStub::address; none: the root's servers are asked
  std::vector<DnsStub> stubs;
  std::size_t most_waiting = 4096;      ///< further questions fail at once
  std::chrono::milliseconds deadline{5000};  ///< for each answer
};

/// Asks the DNS and validates with DNSSEC: libunbound on the caller's loop, in the caller's thread.
class Resolver : public Dns {
 public:
  /// Code::config where a setting is wrong or there is no anchor for the root.
  [[nodiscard]] static Result<std::unique_ptr<Resolver>> create(Loop& loop, const ResolverSettings& settings);
  ~Resolver() override;
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  Question ask(const std::string& name, DnsType type, OnAnswer on_answer) override;
  void cancel(Question question) override;
  [[nodiscard]] std::size_t waiting() const;

 private:
  class Impl;
  explicit Resolver(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tlspool::trust
