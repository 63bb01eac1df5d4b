// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "loop/loop.h"
#include "trust/dns_message.h"

namespace tlspool::trust {

/// An authoritative server that is asked about a zone, whatever its parent says.
struct DnsStub {
  std::string zone;
  std::string address;  ///< "192.0.2.1" or "192.0.2.1@5353"
};

struct ResolverSettings {
  /// The root's keys with the state of RFC 5011, kept up to date: its directory must be writable. Made from
  /// `root_anchor` where it does not exist.
  std::string anchor_file;
  std::string root_anchor;              ///< DS or DNSKEY records in presentation format, as in dns-root-data
  std::vector<std::string> forwarders;  ///< recursive servers, as in DnsStub::address; none: the root's servers are asked
  std::vector<DnsStub> stubs;
  std::size_t most_waiting = 4096;      ///< further questions fail at once
};

enum class DnsOutcome : std::uint8_t {
  answer,   ///< records are there
  no_data,  ///< the name is there, such records are not
  no_name,  ///< NXDOMAIN
  bogus,    ///< validation failed: nothing may be concluded
  timeout,  ///< the deadline passed
  failed,   ///< servers fail or can't be reached, or their answers are senseless
};

struct DnsAnswer {
  DnsOutcome outcome = DnsOutcome::failed;
  /// For answer, no_data and no_name: validated with DNSSEC from the root's key to here, every alias included. Else the
  /// zone, or that of an alias, is proved to be unsigned.
  bool secure = false;
  DnsMessage message;  ///< for answer, no_data and no_name
  std::string reason;  ///< for the others, for people
};

/// Asks the DNS and validates with DNSSEC: libunbound on the caller's loop, in the caller's thread.
class Resolver {
 public:
  using OnAnswer = std::function<void(DnsAnswer)>;
  using Question = std::uint64_t;

  /// Code::config where a setting is wrong or there is no anchor for the root.
  [[nodiscard]] static Result<std::unique_ptr<Resolver>> create(Loop& loop, const ResolverSettings& settings);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// `on_answer` is called once, from the loop and not before ask() has returned, at the latest when `deadline` has
  /// passed. It may ask, cancel, and destroy the resolver.
  Question ask(const std::string& name, DnsType type, std::chrono::milliseconds deadline, OnAnswer on_answer);
  /// Its callback won't be called any more.
  void cancel(Question question);
  [[nodiscard]] std::size_t waiting() const;

 private:
  class Impl;
  explicit Resolver(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tlspool::trust
