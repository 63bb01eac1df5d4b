// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "tls/openssl.h"

namespace tlspool::trust {

/// RFC 6698 section 2.1, with the names of RFC 7218.
enum class TlsaUsage : std::uint8_t { pkix_ta, pkix_ee, dane_ta, dane_ee };
enum class TlsaSelector : std::uint8_t { certificate, public_key };
enum class TlsaMatching : std::uint8_t { exact, sha256, sha512 };

struct Tlsa {
  TlsaUsage usage = TlsaUsage::dane_ee;
  TlsaSelector selector = TlsaSelector::public_key;
  TlsaMatching matching = TlsaMatching::sha256;
  Bytes data;
  friend bool operator==(const Tlsa&, const Tlsa&) = default;
};

/// The RDATA of one TLSA record. Code::invalid where a client can't use it, with the reason: an unknown number, a digest
/// of the wrong length, a malformed certificate or key.
[[nodiscard]] Result<Tlsa> parse_tlsa(ByteView rdata);
[[nodiscard]] Bytes rdata_of(const Tlsa& record);

/// What a record about `certificate` says, to publish it. Code::certificate where it has no key.
[[nodiscard]] Result<Tlsa> make_tlsa(const X509* certificate, TlsaUsage usage, TlsaSelector selector, TlsaMatching matching);
/// Whether the record's data are those of `certificate`, by its selector and matching type.
[[nodiscard]] bool is_about(const Tlsa& record, const X509* certificate);

enum class TlsaTransport : std::uint8_t { tcp, udp, sctp };
/// "_443._tcp.www.example."; Code::invalid where `name` is no host name of a zone (such as an IP address).
[[nodiscard]] Result<std::string> tlsa_owner(const std::string& name, std::uint16_t port, TlsaTransport transport);
/// Where a TLS client's records are, by draft-ietf-dance-client-auth: "_smtp-client.host.example." for what it does with one
/// service, "host.example." where `service` is empty.
[[nodiscard]] Result<std::string> client_tlsa_owner(const std::string& name, const std::string& service);
/// "3 1 1 0d9f...": for people, too.
[[nodiscard]] std::string tlsa_text(const Tlsa& record);
/// One line of a zone file: "_443._tcp.www.example. IN TLSA 3 1 1 0d9f...".
[[nodiscard]] std::string zone_line(const std::string& owner, const Tlsa& record);

}  // namespace tlspool::trust
