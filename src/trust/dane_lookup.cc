// SPDX-License-Identifier: Apache-2.0
#include "trust/dane_lookup.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "base/contains.h"
#include "base/text.h"

namespace tlspool::trust {
namespace {

constexpr std::uint16_t smtp_port = 25;

std::optional<TlsaTransport> transport_of(const std::string& label) {
  if (label == "_tcp") return TlsaTransport::tcp;
  if (label == "_udp") return TlsaTransport::udp;
  if (label == "_sctp") return TlsaTransport::sctp;
  return std::nullopt;
}

/// "_imap._tcp"; none where the service has another form.
std::optional<TlsaTransport> srv_transport(const std::string& service) {
  const auto labels = split(lower(service), '.');
  if (labels.size() != 2 || labels[0].size() < 2 || labels[0].front() != '_') return std::nullopt;
  return transport_of(labels[1]);
}

bool is_smtp(const std::string& service) { return lower(service) == "smtp"; }

std::uint16_t port_of(const DanePeer& peer) { return peer.port == 0 && is_smtp(peer.service) ? smtp_port : peer.port; }

/// A name with a label that no host has says itself what the client does.
bool says_service(const std::string& name) {
  const auto labels = split(name, '.');
  return std::any_of(labels.begin(), labels.end(), [](const std::string& label) { return label.starts_with('_'); });
}

std::string client_service(const DanePeer& peer) {
  return peer.service.empty() || says_service(peer.name) ? "" : split(peer.service, '.').front();
}

}  // namespace

std::string DaneLookup::refuse(const DanePeer& peer) {
  if (peer.name.empty()) return "nobody says whom the records should be about";
  const auto owner = tlsa_owner(peer.name, peer.port, TlsaTransport::tcp);
  return owner ? "" : printable(peer.name) + " is no name of a host, and DANE has records for these alone";
}

bool DaneLookup::needs_port(const DanePeer& peer) { return peer.is_server && port_of(peer) == 0 && !srv_transport(peer.service); }

DaneLookup::DaneLookup(Dns& dns, DanePeer peer, OnFound on_found)
    : dns_(dns), peer_(std::move(peer)), on_found_(std::move(on_found)), ttl_(std::numeric_limits<std::uint32_t>::max()) {
  peer_.port = port_of(peer_);
  begin();
}

void DaneLookup::begin() {
  if (!peer_.is_server) return ask_client();
  if (is_smtp(peer_.service)) return ask_servers({DnsType::mx, peer_.name, TlsaTransport::tcp});
  if (const auto transport = srv_transport(peer_.service)) return ask_servers({DnsType::srv, lower(peer_.service) + "." + peer_.name, *transport});
  look_up({{0, 0, peer_.port, peer_.name}}, TlsaTransport::tcp);
}

void DaneLookup::ask_servers(Servers servers) {
  const std::string owner = servers.owner;
  const DnsType type = servers.type;
  servers_ = DnsQuestion(dns_, owner, type, [this, servers = std::move(servers)](const DnsAnswer& answer) { took_servers(servers, answer); });
}

void DaneLookup::took_servers(const Servers& servers, const DnsAnswer& answer) {
  TlsaFound nothing = nothing_usable(answer, servers.owner);
  nothing.host = peer_.name;
  if (is_trouble(nothing.state) || !answer.secure) return finish_with(std::move(nothing));
  ttl_ = answer.message.ttl;
  // A domain without such records is its own server (RFC 5321 section 5.1, RFC 7673 section 3.3). Whether it exists is asked next.
  if (answer.outcome != DnsOutcome::answer) return look_up({{0, 0, peer_.port, peer_.name}}, TlsaTransport::tcp);
  std::vector<DnsTarget> targets = answer.message.targets;
  const bool offered = std::any_of(targets.begin(), targets.end(), [](const DnsTarget& t) { return !t.name.empty(); });
  targets.erase(std::remove_if(targets.begin(), targets.end(),
                               [&](DnsTarget& t) {
                                 if (servers.type == DnsType::mx || peer_.port == 0) return t.name.empty();
                                 return t.name.empty() || t.port != peer_.port;
                               }),
                targets.end());
  if (targets.empty()) {
    nothing.state = TlsaState::no_service;
    nothing.reason = offered ? fmt::format("no SRV record of {} names port {}", printable(servers.owner), peer_.port)
                             : printable(servers.owner) + " says that the domain does not offer the service";
    return finish_with(std::move(nothing));
  }
  for (DnsTarget& t : targets) {
    if (servers.type == DnsType::mx) t.port = peer_.port;
  }
  std::stable_sort(targets.begin(), targets.end(), [](const DnsTarget& a, const DnsTarget& b) { return a.priority < b.priority; });
  look_up(targets, servers.transport);
}

void DaneLookup::look_up(const std::vector<DnsTarget>& targets, TlsaTransport transport) {
  const std::size_t count = std::min(targets.size(), max_dane_places);
  found_.resize(count);
  lookups_.resize(count);
  open_ = count;
  if (count < targets.size()) {
    found_.push_back({TlsaState::failed, peer_.name, peer_.name, {}, {}, 0, fmt::format("only {} servers of a domain are looked at", count)});
  }
  for (std::size_t i = 0; i < count; ++i) {
    const DnsTarget& t = targets[i];
    if (tlsa_owner(t.name, t.port, transport)) {
      lookups_[i] = std::make_unique<TlsaLookup>(dns_, t.name, t.port, transport, [this, i](TlsaFound found) { took(i, std::move(found)); });
    } else {
      found_[i] = {TlsaState::failed, t.name, t.name, {}, {}, 0, printable(t.name) + " is no host name"};
      --open_;
    }
  }
  if (open_ == 0) deliver();
}

// Records for what the client does come before those for whatever it does. Both are asked for side by side.
void DaneLookup::ask_client() {
  std::vector<std::string> owners;
  if (const std::string service = client_service(peer_); !service.empty()) {
    if (auto owner = client_tlsa_owner(peer_.name, service)) owners.push_back(*std::move(owner));
  }
  if (auto owner = client_tlsa_owner(peer_.name, "")) owners.push_back(*std::move(owner));
  found_.resize(owners.size());
  open_ = owners.size();
  for (std::size_t i = 0; i < owners.size(); ++i) {
    questions_.emplace_back(dns_, owners[i], DnsType::tlsa, [this, i, owner = owners[i]](const DnsAnswer& answer) {
      TlsaFound found = nothing_usable(answer, owner);
      if (answer.outcome == DnsOutcome::answer && answer.secure) {
        found.state = TlsaState::records;
        found.records = answer.message.records;
        found.names = {peer_.name};
        found.reason.clear();
      }
      found.host = peer_.name;
      took(i, std::move(found));
    });
  }
}

void DaneLookup::took(std::size_t place, TlsaFound found) {
  found.ttl = std::min(found.ttl, ttl_);
  // It speaks for the domain that named it (RFC 7672 section 3.2.2, RFC 7673 section 4).
  if (found.state == TlsaState::records && !contains(found.names, peer_.name)) {
    found.names.push_back(peer_.name);
  }
  found_[place] = std::move(found);
  if (--open_ != 0) return;
  // A client's records for the service stand for the others; so does not to know whether there are any.
  if (!peer_.is_server && found_.size() == 2) {
    const TlsaState first = found_[0].state;
    found_.erase(first == TlsaState::records || is_trouble(first) ? found_.begin() + 1 : found_.begin());
  }
  deliver();
}

void DaneLookup::finish_with(TlsaFound found) {
  found_.clear();
  found_.push_back(std::move(found));
  deliver();
}

void DaneLookup::deliver() {
  std::vector<TlsaFound> all = std::move(found_);
  const OnFound on_found = std::move(on_found_);
  on_found(std::move(all));  // may destroy this
}

DaneOutcome judge_places(const std::vector<TlsaFound>& places, DaneQuery query, std::time_t now) {
  using Kind = DaneOutcome::Kind;
  DaneOutcome out{Kind::absent, 0, {}};
  std::uint32_t ttl = std::numeric_limits<std::uint32_t>::max();
  const auto note = [&](const std::string& reason) {
    if (out.reason.size() < 4096) out.reason += (out.reason.empty() ? "" : "; ") + reason;
  };
  for (const TlsaFound& place : places) {
    if (place.state == TlsaState::records) {
      query.records = place.records;
      query.names = place.names;
      const DaneVerdict v = judge_dane(query, now);
      if (v.matched) {
        const std::int64_t by_dns = now + static_cast<std::int64_t>(place.ttl);
        const std::int64_t end = v.valid_until == 0 ? by_dns : std::min(by_dns, v.valid_until);
        return {Kind::match, end, printable(zone_line(place.owner, v.what), 160)};
      }
      // RFC 6698 section 4.1: what nobody can use is as if it were not there.
      if (v.usable != 0 && out.kind == Kind::absent) out.kind = Kind::mismatch;
      note((v.usable != 0 ? "no TLSA record at " : "no usable TLSA record at ") + printable(place.owner) + " holds: " + v.reason);
    } else {
      if (place.state == TlsaState::no_service && out.kind == Kind::absent) out.kind = Kind::mismatch;
      if (is_trouble(place.state)) out.kind = Kind::no_answer;
      note(place.reason);
    }
    ttl = std::min(ttl, place.ttl);
  }
  out.valid_until = out.kind == Kind::no_answer ? 0 : now + static_cast<std::int64_t>(ttl);
  return out;
}

}  // namespace tlspool::trust
