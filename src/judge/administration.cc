// SPDX-License-Identifier: Apache-2.0
#include "judge/administration.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"

namespace tlspool::judge {
namespace {

using wire::JudgeAdmin;
using wire::JudgeAdminAnswer;

template <class Row>
void take_part(const std::vector<Row>& all, std::uint64_t from, std::vector<Row>& out, bool& more) {
  const std::size_t first = std::min<std::uint64_t>(from, all.size());
  const std::size_t end = std::min(all.size(), first + rows_at_once);
  out.assign(all.begin() + static_cast<std::ptrdiff_t>(first), all.begin() + static_cast<std::ptrdiff_t>(end));
  more = end < all.size();
}

Status add_pin(PinStore& pins, const JudgeAdmin& request, JudgeAdminAnswer& answer) {
  wire::PinRow pin = request.pin;
  auto identity = trust::pin_identity(pin.identity);
  if (!identity) return fail(std::move(identity.error()));
  pin.identity = std::move(*identity);
  answer.pins.push_back(pin);
  log::info("pin.added", {{"identity", pin.identity}, {"service", pin.service}, {"digest", hex(pin.digest)}});
  return pins.add(std::move(pin));
}

Status remove_pin(PinStore& pins, const JudgeAdmin& request, JudgeAdminAnswer& answer) {
  const wire::PinRow& pin = request.pin;
  const auto identity = trust::pin_identity(pin.identity);
  if (!identity) return fail(identity.error());
  const auto removed = pins.remove(*identity, pin.digest, pin.service.empty() ? std::nullopt : std::optional(pin.service));
  if (!removed) return fail(removed.error());
  answer.count = *removed;
  if (*removed != 0) log::info("pin.removed", {{"identity", *identity}, {"service", pin.service}, {"pins", std::to_string(*removed)}});
  return {};
}

Status list_pins(const PinStore& pins, const JudgeAdmin& request, JudgeAdminAnswer& answer) {
  if (!pins.problem().empty()) return fail({Code::config, "pins", "", pins.problem(), {}});
  take_part(pins.pins().rows(), request.from, answer.pins, answer.more);
  if (request.from != 0) return {};
  answer.changes = pins.pins().changes();
  if (answer.changes.size() > rows_at_once) answer.changes.resize(rows_at_once);
  return {};
}

Status revoke(RevokedStore& revoked, const JudgeAdmin& request, JudgeAdminAnswer& answer, std::int64_t now) {
  auto row = trust::parse_revocation(request.what, request.issuer, now);
  if (!row) return fail(std::move(row.error()));
  const bool on = request.operation == wire::JudgeOperation::revoke;
  const auto changed = on ? revoked.add(*row) : revoked.remove(*row);
  if (!changed) return fail(changed.error());
  answer.news = *changed;
  if (*changed) log::warning(on ? "peer.revoked" : "peer.unrevoked", {{"by", trust::text_of(*row)}});
  answer.revoked.push_back(std::move(*row));
  return {};
}

Status list_revoked(const RevokedStore& revoked, const JudgeAdmin& request, JudgeAdminAnswer& answer) {
  if (!revoked.problem().empty()) return fail({Code::config, "revoke", "", revoked.problem(), {}});
  take_part(revoked.list().rows(), request.from, answer.revoked, answer.more);
  return {};
}

Status run(PinStore& pins, RevokedStore& revoked, const JudgeAdmin& request, JudgeAdminAnswer& answer, std::int64_t now) {
  switch (request.operation) {
    case wire::JudgeOperation::add_pin: return add_pin(pins, request, answer);
    case wire::JudgeOperation::list_pins: return list_pins(pins, request, answer);
    case wire::JudgeOperation::remove_pin: return remove_pin(pins, request, answer);
    case wire::JudgeOperation::revoke:
    case wire::JudgeOperation::unrevoke: return revoke(revoked, request, answer, now);
    case wire::JudgeOperation::list_revoked: return list_revoked(revoked, request, answer);
  }
  return fail({Code::protocol, "judge", "", "no such call", {}});
}

}  // namespace

JudgeAdminAnswer administer(PinStore& pins, RevokedStore& revoked, const JudgeAdmin& request, std::int64_t now) {
  JudgeAdminAnswer answer;
  if (auto done = run(pins, revoked, request, answer, now); !done) {
    answer = {};
    answer.problem = done.error().text();
  }
  answer.revoked_digest = revoked.digest();
  return answer;
}

}  // namespace tlspool::judge
