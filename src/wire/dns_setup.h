// SPDX-License-Identifier: Apache-2.0
// How the judge asks the DNS.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "wire/codec.h"

namespace tlspool::wire {

/// A zone whose name server is known beforehand.
struct DnsStubSetup {
  std::string zone;
  std::string address;  ///< "192.0.2.1" or "192.0.2.1@5353"
  friend bool operator==(const DnsStubSetup&, const DnsStubSetup&) = default;
};
template <class Io> void fields(Io& io, DnsStubSetup& m) { io(m.zone, m.address); }

struct DnsSetup {
  std::vector<std::string> forwarders;  ///< recursive servers, as in DnsStubSetup::address; none: the root's servers are asked
  std::vector<DnsStubSetup> stubs;
  std::string root_anchor = "/usr/share/dns/root.key";  ///< file with the root's DS or DNSKEY records
  std::uint32_t deadline_ms = 5000;                     ///< for each answer
  friend bool operator==(const DnsSetup&, const DnsSetup&) = default;
};
template <class Io> void fields(Io& io, DnsSetup& m) { io(m.forwarders, m.stubs, m.root_anchor, m.deadline_ms); }

}  // namespace tlspool::wire
