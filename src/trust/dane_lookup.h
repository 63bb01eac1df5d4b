// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "trust/dane.h"
#include "trust/tlsa_lookup.h"

namespace tlspool::trust {

/// Of whom TLSA records are wanted.
struct DanePeer {
  bool is_server = true;
  std::string name;        ///< normalised identity
  std::uint16_t port = 0;  ///< of a server; 0: not known
  /// "smtp": the name is a mail domain, whose MX records name the servers (RFC 7672). "_imap._tcp": its SRV records at that
  /// name do (RFC 7673). Else the name is the server's own. For a client: what it does (draft-ietf-dance-client-auth).
  std::string service;
};

/// More servers of a domain than these are not looked at.
inline constexpr std::size_t max_dane_places = 16;

/// Finds every place where the records of a peer may be. A domain may have several servers, and which one a connection leads
/// to is not known: each of them speaks for the domain.
class DaneLookup {
 public:
  /// One for each place, in the order in which the domain wants its servers to be used; at least one.
  using OnFound = std::function<void(std::vector<TlsaFound>)>;

  /// `on_found` is called once, from the loop and not before the constructor has returned, and may destroy this.
  DaneLookup(Dns& dns, DanePeer peer, OnFound on_found);
  DaneLookup(const DaneLookup&) = delete;
  DaneLookup& operator=(const DaneLookup&) = delete;

  /// Why there can be no TLSA record for such a peer; empty: there may be.
  [[nodiscard]] static std::string refuse(const DanePeer& peer);
  /// Whether the records can't be found because the port is not known.
  [[nodiscard]] static bool needs_port(const DanePeer& peer);

 private:
  /// What is asked first of all says which servers there are.
  struct Servers {
    DnsType type;
    std::string owner;
    TlsaTransport transport;
  };
  void begin();
  void ask_servers(Servers servers);
  void took_servers(const Servers& servers, const DnsAnswer& answer);
  void look_up(const std::vector<DnsTarget>& targets, TlsaTransport transport);
  void ask_client();
  void took(std::size_t place, TlsaFound found);
  void finish_with(TlsaFound found);
  void deliver();

  Dns& dns_;
  DanePeer peer_;
  OnFound on_found_;
  std::uint32_t ttl_;  // of what led to the servers
  DnsQuestion servers_;
  std::vector<DnsQuestion> questions_;
  std::vector<std::unique_ptr<TlsaLookup>> lookups_;
  std::vector<TlsaFound> found_;
  std::size_t open_ = 0;
};

/// What all of it comes to for a chain.
struct DaneOutcome {
  enum class Kind : std::uint8_t {
    match,      ///< a record holds
    mismatch,   ///< there are records that can be used, and none holds
    absent,     ///< it is proved that there are none that can be used
    no_answer,  ///< DNS did not say
  };
  Kind kind = Kind::no_answer;
  std::int64_t valid_until = 0;  ///< by DNS, and by the certificates that it rests on; for match, mismatch and absent
  std::string reason;
};
/// `query` without its records and names.
[[nodiscard]] DaneOutcome judge_places(const std::vector<TlsaFound>& places, DaneQuery query, std::time_t now);

}  // namespace tlspool::trust
