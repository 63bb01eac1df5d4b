// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "trust/dns.h"
#include "trust/tlsa.h"

namespace tlspool::trust {

/// What DNSSEC says about TLSA records.
enum class TlsaState : std::uint8_t {
  records,        ///< they are there, and validated
  absent,         ///< it is proved that there are none
  unsigned_zone,  ///< it is proved that the zone is not signed: no record in it may be used
  no_service,     ///< it is proved that the domain does not offer the service at all (RFC 2782, RFC 7505)
  bogus,          ///< validation failed
  timeout,        ///< no answer in time
  failed,         ///< name servers fail, or their answers are senseless
};
/// Whether nothing is known, because DNS did not say.
[[nodiscard]] bool is_trouble(TlsaState state);

struct TlsaFound {
  TlsaState state = TlsaState::failed;
  std::string host;                ///< whose they are, without the dot at the end
  std::string owner;               ///< "_443._tcp.www.example.": where they are, or were looked for last
  std::vector<Bytes> records;      ///< RDATA
  std::vector<std::string> names;  ///< any of them the certificate may have, where the record's usage looks at names
  std::uint32_t ttl = 0;           ///< seconds for which all of this may be relied on
  std::string reason;              ///< for people; empty where there are records
};

/// What a DNS answer that has no usable records means for those who looked for TLSA records.
[[nodiscard]] TlsaFound nothing_usable(const DnsAnswer& answer, const std::string& name);

/// A TLS server's records, by RFC 7671 section 7: where its host name is an alias, and every alias up to the end is validated,
/// those of the name at the end; if there are none, and else, those of the host name itself.
class TlsaLookup {
 public:
  using OnFound = std::function<void(TlsaFound)>;

  /// `on_found` is called once, from the loop, and may destroy this. `host` is a name that tlsa_owner() takes.
  TlsaLookup(Dns& dns, std::string host, std::uint16_t port, TlsaTransport transport, OnFound on_found);
  TlsaLookup(const TlsaLookup&) = delete;
  TlsaLookup& operator=(const TlsaLookup&) = delete;

 private:
  struct Asked {
    std::string owner;
    DnsQuestion question;
    std::optional<DnsAnswer> answer;
  };
  void ask(Asked& asked, std::string name, DnsType type);
  void go_on();
  bool take(const Asked& asked, const std::string& host);
  void finish(TlsaFound found);

  Dns& dns_;
  std::string host_;
  std::uint16_t port_;
  TlsaTransport transport_;
  OnFound on_found_;
  Asked address_;    // its aliases are what matters
  Asked at_host_;
  Asked at_target_;  // where the aliases end
};

}  // namespace tlspool::trust
