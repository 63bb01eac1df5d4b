// SPDX-License-Identifier: Apache-2.0
#include "judge/pin_store.h"

#include <ctime>

#include "base/log.h"
#include "base/text.h"

namespace tlspool::judge {
namespace {

// A twentieth of the time may go into writing pins down.
constexpr int share = 20;
constexpr std::chrono::milliseconds least_rest{10};

std::string word_of_service(const std::string& service) { return service.empty() ? "" : " of the service " + printable(service); }

}  // namespace

PinStore::PinStore(Loop& loop, const std::string& directory) : file_(directory + "/pins"), loop_(loop), timer_(loop) { read(); }

PinStore::~PinStore() {
  if (planned_) write_now();
}

void PinStore::read() {
  auto text = file_.read();
  auto pins = !text ? fail(std::move(text.error())) : !*text ? Result<trust::Pins>(trust::Pins{}) : trust::Pins::parse(**text, file_.path());
  problem_ = pins ? "" : pins.error().text();
  if (!pins) return log::error("pins.broken", {{"problem", problem_}});
  pins_ = std::move(*pins);
}

void PinStore::read_again() {
  if (!problem_.empty()) read();
}

void PinStore::leave() {
  left_ = true;
  timer_.stop();
  if (!std::exchange(planned_, false) && !written_) return;
  if (auto done = file_.write(pins_.text()); !done) log::error("state.not_written", {{"problem", done.error().text()}});
}

void PinStore::take() {
  left_ = false;
  read();
}

Status PinStore::keep(trust::Pins changed) {
  if (left_) return fail({Code::busy, "pins", "", "another process is taking over", "try again in a moment"});
  if (auto done = file_.write(changed.text()); !done) return done;
  pins_ = std::move(changed);
  return {};
}

Status PinStore::add(wire::PinRow pin) {
  if (!problem_.empty()) return fail({Code::config, "pins", "", problem_, {}});
  trust::Pins changed = pins_;
  changed.add(std::move(pin));
  return keep(std::move(changed));
}

Result<std::size_t> PinStore::remove(const std::string& identity, const Bytes& digest, const std::optional<std::string>& service) {
  if (!problem_.empty()) return fail({Code::config, "pins", "", problem_, {}});
  trust::Pins changed = pins_;
  const std::size_t removed = changed.remove(identity, digest, service);
  if (removed == 0) return 0;
  if (auto done = keep(std::move(changed)); !done) return fail(std::move(done.error()));
  return removed;
}

void PinStore::remember(wire::PinRow pin) {
  log::info("pin.first_use", {{"identity", pin.identity}, {"service", pin.service}, {"key", hex(pin.digest)}});
  pins_.add(std::move(pin));
  write_soon();
}

void PinStore::changed(const std::string& identity, const std::string& service, const wire::PinRow& pinned, const Bytes& shown, std::int64_t now) {
  const std::string old = hex(pinned.digest);
  const std::string of = pinned.of == wire::PinOf::key ? "key" : "certificate";
  if (pins_.note_change(identity, service, pinned, shown, now)) {
    log::warning("pin.changed", {{"identity", identity}, {"service", service}, {"of", of}, {"pinned", old}, {"shown", hex(shown)},
                                 {"problem", identity + word_of_service(service) + " shows another key than the pinned one; see `tlspool pin-peer list`"}});
  }
  write_soon();
}

void PinStore::write_soon() {
  if (left_ || std::exchange(planned_, true)) return;
  timer_.start(rest_, [this] { write_now(); });
}

void PinStore::write_now() {
  planned_ = false;
  written_ = true;
  const auto begun = std::chrono::steady_clock::now();
  file_.later(pins_.text());
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begun);
  rest_ = std::max(least_rest, took * share);
}

}  // namespace tlspool::judge
