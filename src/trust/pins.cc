// SPDX-License-Identifier: Apache-2.0
#include "trust/pins.h"

#include <openssl/sha.h>

#include <algorithm>

#include "base/text.h"
#include "trust/state_text.h"

namespace tlspool::trust {
namespace {

using wire::PinOf;
using wire::PinOrigin;
using wire::PinRow;

constexpr std::string_view word(PinOf of) { return of == PinOf::key ? "key" : "certificate"; }
constexpr std::string_view word(PinOrigin origin) { return origin == PinOrigin::administrator ? "hand" : "first-use"; }

bool over(const PinRow& pin, std::int64_t now) { return pin.expires != 0 && pin.expires <= now; }
bool same_place(const PinRow& a, const PinRow& b) { return a.service == b.service && a.of == b.of && a.digest == b.digest; }

tl::unexpected<Error> wrong(std::string reason) { return fail({Code::config, "", "", std::move(reason), {}}); }

Result<Bytes> digest_of(const std::string& text) {
  auto digest = unhex(text);
  if (!digest || digest->size() != SHA256_DIGEST_LENGTH || hex(*digest) != text) return wrong("\"" + printable(text, 80) + "\" is no SHA-256 in 64 small digits");
  return *std::move(digest);
}

Status check_identity(const std::string& name) {
  const auto normal = pin_identity(name);
  if (normal && *normal == name) return {};
  return wrong("\"" + printable(name) + "\" is no identity in its normal form");
}

Result<PinRow> pin_of(const std::vector<std::string>& words) {
  PinRow pin;
  pin.identity = words[1];
  pin.service = words[2];
  if (auto good = check_identity(pin.identity); !good) return fail(std::move(good.error()));
  if (words[3] != word(PinOf::key) && words[3] != word(PinOf::certificate)) return wrong("it is neither of a key nor of a certificate");
  pin.of = words[3] == word(PinOf::key) ? PinOf::key : PinOf::certificate;
  auto digest = digest_of(words[4]);
  if (!digest) return fail(std::move(digest.error()));
  pin.digest = std::move(*digest);
  if (words[5] != word(PinOrigin::administrator) && words[5] != word(PinOrigin::first_use)) return wrong("it is neither by hand nor of a first use");
  pin.origin = words[5] == word(PinOrigin::administrator) ? PinOrigin::administrator : PinOrigin::first_use;
  for (const auto& [text, out] : {std::pair(&words[6], &pin.added), std::pair(&words[7], &pin.expires)}) {
    const auto number = state_number(*text);
    if (!number) return fail(number.error());
    *out = *number;
  }
  return pin;
}

Result<wire::PinChange> change_of(const std::vector<std::string>& words) {
  wire::PinChange change;
  change.identity = words[1];
  change.service = words[2];
  for (const auto& [text, out] : {std::pair(&words[3], &change.pinned), std::pair(&words[4], &change.shown)}) {
    auto digest = digest_of(*text);
    if (!digest) return fail(std::move(digest.error()));
    *out = std::move(*digest);
  }
  std::int64_t times = 0;
  for (const auto& [text, out] : {std::pair(&words[5], &times), std::pair(&words[6], &change.first), std::pair(&words[7], &change.last)}) {
    const auto number = state_number(*text);
    if (!number) return fail(number.error());
    *out = *number;
  }
  change.times = static_cast<std::uint64_t>(times);
  return change;
}

}  // namespace

Result<std::string> pin_identity(const std::string& name) {
  const auto blank = [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; };
  if (std::any_of(name.begin(), name.end(), blank)) return fail({Code::invalid, "pin", printable(name), "it has a blank or a control character", {}});
  const auto scheme = name.find("://");
  return scheme != std::string::npos && scheme != 0 ? Result<std::string>(name) : normal_identity(name);
}

SeenLeaf seen_leaf(const X509* leaf) {
  SeenLeaf out{tls::spki_digest(leaf), Bytes(SHA256_DIGEST_LENGTH)};
  if (X509_digest(leaf, EVP_sha256(), out.certificate.data(), nullptr) != 1) out.certificate.clear();
  return out;
}

Pins::Answer Pins::look(const std::string& identity, std::string_view service, const SeenLeaf& seen, std::int64_t now) const {
  Answer out;
  const auto found = by_identity_.find(identity);
  if (found == by_identity_.end()) return out;
  for (const PinRow& pin : found->second.pins) {
    if (over(pin, now) || (!pin.service.empty() && pin.service != service)) continue;
    const Bytes& shown = pin.of == PinOf::key ? seen.key : seen.certificate;
    if (!shown.empty() && pin.digest == shown) return {Says::yes, &pin};
    out = {Says::no, &pin};
  }
  return out;
}

void Pins::add(PinRow pin) {
  Known& known = by_identity_[pin.identity];
  const std::size_t before = known.pins.size();
  std::erase_if(known.pins, [&](const PinRow& p) { return same_place(p, pin) || (p.service == pin.service && over(p, pin.added)); });
  if (known.change && known.change->shown == pin.digest) known.change.reset();  // the administrator has seen it
  known.pins.push_back(std::move(pin));
  size_ += known.pins.size() - before;
}

std::size_t Pins::remove(const std::string& identity, const Bytes& digest, const std::optional<std::string>& service) {
  const auto found = by_identity_.find(identity);
  if (found == by_identity_.end()) return 0;
  const std::size_t removed = std::erase_if(found->second.pins, [&](const PinRow& p) {
    return (digest.empty() || p.digest == digest) && (!service || p.service == *service);
  });
  size_ -= removed;
  if (found->second.pins.empty()) by_identity_.erase(found);
  return removed;
}

bool Pins::note_change(const std::string& identity, std::string_view service, const PinRow& pinned, const Bytes& shown, std::int64_t now) {
  const Bytes old = pinned.digest;
  const auto found = by_identity_.find(identity);
  if (found == by_identity_.end()) return false;
  auto& change = found->second.change;
  const bool news = !change || change->shown != shown;
  if (!change) change = wire::PinChange{identity, {}, {}, {}, 0, now, now};
  change->service = service;
  change->pinned = old;
  change->shown = shown;
  change->last = now;
  ++change->times;
  return news;
}

std::vector<const std::pair<const std::string, Pins::Known>*> Pins::sorted() const {
  std::vector<const std::pair<const std::string, Known>*> out;
  out.reserve(by_identity_.size());
  for (const auto& entry : by_identity_) out.push_back(&entry);
  std::sort(out.begin(), out.end(), [](const auto* a, const auto* b) { return a->first < b->first; });
  return out;
}

std::vector<PinRow> Pins::rows() const {
  std::vector<PinRow> out;
  out.reserve(size_);
  for (const auto* entry : sorted()) {
    const std::size_t first = out.size();
    out.insert(out.end(), entry->second.pins.begin(), entry->second.pins.end());
    std::stable_sort(out.begin() + static_cast<std::ptrdiff_t>(first), out.end(), [](const PinRow& a, const PinRow& b) { return a.service < b.service; });
  }
  return out;
}

std::vector<wire::PinChange> Pins::changes() const {
  std::vector<wire::PinChange> out;
  for (const auto* entry : sorted()) {
    if (entry->second.change) out.push_back(*entry->second.change);
  }
  return out;
}

std::string Pins::text() const {
  StateText out("pins");
  for (const auto& [identity, known] : by_identity_) {
    for (const PinRow& p : known.pins) {
      out.add({"pin", identity, p.service, word(p.of), hex(p.digest), word(p.origin), std::to_string(p.added), std::to_string(p.expires)});
    }
    if (!known.change) continue;
    const wire::PinChange& c = *known.change;
    out.add({"changed", identity, c.service, hex(c.pinned), hex(c.shown), std::to_string(c.times), std::to_string(c.first), std::to_string(c.last)});
  }
  return out.take();
}

Status Pins::take_row(const std::vector<std::string>& words) {
  constexpr std::size_t columns = 8;
  if (words.size() != columns) return wrong("it has " + std::to_string(words.size()) + " words instead of " + std::to_string(columns));
  if (words[0] == "pin") {
    auto pin = pin_of(words);
    if (!pin) return fail(std::move(pin.error()));
    Known& known = by_identity_[pin->identity];
    if (std::any_of(known.pins.begin(), known.pins.end(), [&](const PinRow& p) { return same_place(p, *pin); })) return wrong("it is there twice");
    known.pins.push_back(std::move(*pin));
    ++size_;
    return {};
  }
  if (words[0] != "changed") return wrong("it begins with \"" + printable(words[0], 32) + "\"");
  auto change = change_of(words);
  if (!change) return fail(std::move(change.error()));
  const auto known = by_identity_.find(change->identity);
  if (known == by_identity_.end() || known->second.change) return wrong("it belongs to no pin above it");
  known->second.change = std::move(*change);
  return {};
}

Result<Pins> Pins::parse(std::string_view text, const std::string& path) {
  const auto rows = read_state_text(text, "pins", path);
  if (!rows) return fail(rows.error());
  Pins out;
  out.by_identity_.reserve(rows->size());
  for (const StateRow& row : *rows) {
    if (auto done = out.take_row(row.words); !done) {
      return fail({Code::config, "read", at_line(path, row.line), done.error().reason, "mend the file, or move it away; then reload"});
    }
  }
  return out;
}

}  // namespace tlspool::trust
