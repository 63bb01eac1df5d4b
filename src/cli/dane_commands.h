// SPDX-License-Identifier: Apache-2.0
// `tlspool dane`: what to publish, and whether it is right.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "trust/tlsa.h"

namespace tlspool::cli {

/// Whose records: a server's at a port, or a client's.
struct DanePlace {
  std::string name;
  std::uint16_t port = 0;  ///< 0: not given
  enum class Peer : std::uint8_t { server, client } peer = Peer::server;
  std::string service;  ///< as programs name it in StartTLS
  trust::TlsaTransport transport = trust::TlsaTransport::tcp;
};

struct DaneRecordOptions {
  std::string pool;
  DanePlace place;
  std::string certificate;  ///< PEM file; empty: the chains of the identity with the place's name
  std::optional<trust::TlsaUsage> usage;  ///< none: DANE-EE, and DANE-TA where the chain has an authority
  trust::TlsaSelector selector = trust::TlsaSelector::public_key;
  trust::TlsaMatching matching = trust::TlsaMatching::sha256;
};
/// Prints lines of a zone file.
[[nodiscard]] Status dane_record(const DaneRecordOptions& options);

/// What a server says before it takes TLS.
enum class StartTls : std::uint8_t { none, smtp, imap, pop3 };

struct DaneCheckOptions {
  std::string pool;
  DanePlace place;
  std::string certificate;          ///< compare this chain; empty: the one that is served, or for a client its identity's
  std::string connect;              ///< HOST:PORT instead of what DNS says
  std::optional<StartTls> starttls; ///< none: smtp for service smtp
  std::chrono::milliseconds timeout{10000};
};
/// Prints a line for each record that is published. An error where they do not prove the peer.
[[nodiscard]] Status dane_check(const DaneCheckOptions& options);

/// The chains of the pool's identity `name`, or the one in the file; at least one, and none of them empty.
[[nodiscard]] Result<std::vector<std::vector<Bytes>>> dane_chains(const std::string& pool, const std::string& name, const std::string& file);

}  // namespace tlspool::cli
