// SPDX-License-Identifier: Apache-2.0
#include "trust/tlsa_lookup.h"

#include <algorithm>

#include "base/text.h"

namespace tlspool::trust {
namespace {

bool is_good(const DnsAnswer& answer) {
  switch (answer.outcome) {
    case DnsOutcome::answer:
    case DnsOutcome::no_data:
    case DnsOutcome::no_name:
      return true;
    case DnsOutcome::bogus:
    case DnsOutcome::timeout:
    case DnsOutcome::failed:
      return false;
  }
  return false;
}

}  // namespace

bool is_trouble(TlsaState state) {
  switch (state) {
    case TlsaState::records:
    case TlsaState::absent:
    case TlsaState::unsigned_zone:
    case TlsaState::no_service:
      return false;
    case TlsaState::bogus:
    case TlsaState::timeout:
    case TlsaState::failed:
      return true;
  }
  return true;
}

TlsaFound nothing_usable(const DnsAnswer& answer, const std::string& name) {
  TlsaFound out;
  out.owner = name;
  out.ttl = is_good(answer) ? answer.message.ttl : 0;
  const std::string at = printable(name);
  switch (answer.outcome) {
    case DnsOutcome::bogus:
      out.state = TlsaState::bogus;
      out.reason = "the DNS answer for " + at + " is bogus: " + answer.reason;
      return out;
    case DnsOutcome::timeout:
      out.state = TlsaState::timeout;
      out.reason = "the DNS timed out at " + at + ": " + answer.reason;
      return out;
    case DnsOutcome::failed:
      out.state = TlsaState::failed;
      out.reason = "the DNS failed at " + at + ": " + answer.reason;
      return out;
    case DnsOutcome::answer:
    case DnsOutcome::no_data:
    case DnsOutcome::no_name:
      break;
  }
  out.state = answer.secure ? TlsaState::absent : TlsaState::unsigned_zone;
  out.reason = answer.secure ? "it is proved that there is no TLSA record at " + at
                             : "the zone of " + at + " is insecure (it is proved not to be signed), so no TLSA record of it counts";
  return out;
}

TlsaLookup::TlsaLookup(Dns& dns, std::string host, std::uint16_t port, TlsaTransport transport, OnFound on_found)
    : dns_(dns), host_(std::move(host)), port_(port), transport_(transport), on_found_(std::move(on_found)) {
  // Aliases are the same for every type; which addresses there are is of no interest.
  ask(address_, host_, DnsType::a);
  ask(at_host_, tlsa_owner(host_, port_, transport_).value_or(host_), DnsType::tlsa);
}

void TlsaLookup::ask(Asked& asked, std::string name, DnsType type) {
  asked.owner = std::move(name);
  asked.question = DnsQuestion(dns_, asked.owner, type, [this, &asked](const DnsAnswer& answer) {
    asked.answer = answer;
    go_on();
  });
}

void TlsaLookup::go_on() {
  if (!address_.answer) return;
  const DnsAnswer& address = *address_.answer;
  if (!is_good(address)) return finish(nothing_usable(address, host_));
  const bool alias = !address.message.aliases.empty();
  // Name servers of unsigned zones are the ones that choke on questions for TLSA records; there is nothing to learn.
  if (!address.secure && !alias) return finish(nothing_usable(address, host_));
  if (address.secure && alias) {
    if (at_target_.owner.empty()) {
      auto owner = tlsa_owner(address.message.name, port_, transport_);
      if (!owner) {
        return finish({TlsaState::failed, host_, host_, {}, {}, 0, "it is an alias of " + printable(address.message.name) + ", which is no host name"});
      }
      ask(at_target_, *std::move(owner), DnsType::tlsa);
    }
    if (!at_target_.answer || take(at_target_, address.message.name)) return;
  }
  if (at_host_.answer && !take(at_host_, host_)) finish(nothing_usable(*at_host_.answer, at_host_.owner));
}

// True where it was the end.
bool TlsaLookup::take(const Asked& asked, const std::string& host) {
  const DnsAnswer& answer = *asked.answer;
  if (!is_good(answer)) {
    finish(nothing_usable(answer, asked.owner));
    return true;
  }
  if (answer.outcome != DnsOutcome::answer || !answer.secure) return false;
  TlsaFound found{TlsaState::records, host, asked.owner, answer.message.records, {host}, answer.message.ttl, {}};
  if (host != host_) found.names.push_back(host_);
  finish(std::move(found));
  return true;
}

void TlsaLookup::finish(TlsaFound found) {
  if (found.host.empty()) found.host = host_;
  for (const Asked* asked : {&address_, &at_target_}) {
    if (asked->answer && is_good(*asked->answer)) found.ttl = std::min(found.ttl, asked->answer->message.ttl);
  }
  for (Asked* asked : {&address_, &at_host_, &at_target_}) asked->question = DnsQuestion();
  const OnFound on_found = std::move(on_found_);
  on_found(std::move(found));  // may destroy this
}

}  // namespace tlspool::trust
