// SPDX-License-Identifier: Apache-2.0
#include "judge/dns_service.h"

#include "base/log.h"
#include "judge/anchor_files.h"
#include "trust/resolver.h"
#include "trust/shared_dns.h"

namespace tlspool::judge {
namespace {

Result<std::unique_ptr<trust::Dns>> make(Loop& loop, const wire::DnsSetup& setup, const std::string& state) {
  trust::ResolverSettings settings;
  settings.anchor_file = state + "/root.key";
  settings.forwarders = setup.forwarders;
  for (const wire::DnsStubSetup& stub : setup.stubs) settings.stubs.push_back({stub.zone, stub.address});
  settings.deadline = std::chrono::milliseconds{setup.deadline_ms};
  // Once the state of the root's keys is there, the package with its first one may be gone.
  auto text = read_anchor_file(setup.root_anchor);
  if (text) settings.root_anchor = *std::move(text);
  auto resolver = trust::Resolver::create(loop, settings);
  if (!resolver) {
    if (!text) resolver.error().reason += " (" + text.error().text() + ")";
    return fail(std::move(resolver.error()));
  }
  return std::make_unique<trust::SharedDns>(*std::move(resolver));
}

}  // namespace

DnsService::DnsService(Loop& loop, wire::DnsSetup setup, std::string state) : loop_(loop), setup_(std::move(setup)), state_(std::move(state)) {}

Result<trust::Dns*> DnsService::dns() {
  if (dns_) return dns_.get();
  if (!mistake_.reason.empty()) return fail(mistake_);
  auto made = make(loop_, setup_, state_);
  if (!made) {
    mistake_ = made.error();
    log::warning("judge.no_dns", {{"problem", mistake_.text()}});
    return fail(std::move(made.error()));
  }
  dns_ = *std::move(made);
  return dns_.get();
}

bool DnsService::serves(const wire::DnsSetup& setup, const std::string& state) const {
  return mistake_.reason.empty() && setup_ == setup && state_ == state;
}

}  // namespace tlspool::judge
