// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace tlspool::trust {

/// CLASS of RFC 1035 section 3.2.4: the Internet, the only one that is asked about.
inline constexpr std::uint16_t dns_class_in = 1;

enum class DnsType : std::uint16_t { a = 1, cname = 5, mx = 15, aaaa = 28, srv = 33, tlsa = 52 };

/// What an MX, SRV or CNAME record points to; numbers that its type lacks are 0.
struct DnsTarget {
  std::uint16_t priority = 0;
  std::uint16_t weight = 0;
  std::uint16_t port = 0;
  std::string name;  ///< lower case, without the dot at the end; "" is the root
  friend bool operator==(const DnsTarget&, const DnsTarget&) = default;
};

/// CNAME records that are followed from the name that was asked for.
inline constexpr std::size_t max_aliases = 12;

struct DnsMessage {
  std::uint8_t rcode = 0;
  std::string name;                  ///< where the chain of aliases ends
  std::vector<std::string> aliases;  ///< names before it, the one that was asked for first
  std::vector<Bytes> records;        ///< RDATA of A, AAAA and TLSA records of `name`
  std::vector<DnsTarget> targets;    ///< MX, SRV or CNAME records of `name`
  std::uint32_t ttl = 0;             ///< seconds; the least of what was used, without records that of the SOA record
};

/// Reads a response for `type` records of `name`. Code::protocol where it is malformed or its aliases are endless.
[[nodiscard]] Result<DnsMessage> read_dns_message(ByteView packet, const std::string& name, DnsType type);

}  // namespace tlspool::trust
