// SPDX-License-Identifier: Apache-2.0
#include "cli/kex_text.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/text.h"
#include "cli/admin.h"
#include "cli/files.h"
#include "cli/kex_pins.h"
#include "cli/key_admin.h"
#include "cli/key_text.h"
#include "kex/armour.h"
#include "kex/words.h"

namespace tlspool::cli {
namespace {

constexpr std::size_t stored_key = 32;

Status write_all(ByteView bytes) {
  if (std::fflush(stdout) != 0) return fail(system_error("write", "standard output", errno));
  while (!bytes.empty()) {
    const ssize_t n = write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(system_error("write", "standard output", errno));
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

Status write_result(const Secret& text, const KexResult& result) {
  const bool line = result.format != kex::Format::raw;
  Secret whole{text.size() + (line ? 1 : 0)};
  std::ranges::copy(text.bytes(), whole.writable().begin());
  if (line) whole.writable().back() = '\n';
  if (result.file.empty()) return write_all(whole.bytes());
  Made made;
  if (auto done = made.file(result.file, text_of(whole.bytes()), 0600); !done) return done;
  made.keep();
  return {};
}

Status store(KexPool& pool, const Secret& material, const KexExchange& exchange, const std::string& name) {
  if (auto good = check_key_name(name); !good) return good;
  auto keeper = KeyAdmin::open(pool.paths());
  if (!keeper) return fail(std::move(keeper.error()));
  wire::PskAdd request{name, "", copy_of(material.bytes().first(stored_key)), false};
  const auto done = keeper->ask(wire::KeyAdminKind::psk_add, wire::encode(request), wire::KeyAdminKind::done);
  wipe(request.key);
  if (!done) return fail(done.error());
  say(fmt::format("Stored as the shared key {}, {} bits; a [[peer]] with source = \"psk\" uses it. {} stores the same one.\n", printable(name),
                  stored_key * 8, printable(exchange.remote)));
  return {};
}

}  // namespace

void say(const std::string& text) { std::fputs(text.c_str(), stderr); }

std::string who(const KexExchange& exchange) {
  const std::string name = printable(exchange.remote);
  if (exchange.verified_by == "chain") return name + ", verified by its certificate, which leads to a trust anchor of this pool";
  if (exchange.verified_by == "sharedKey") return name + ", verified by the key that both pools share";
  if (exchange.verified_by == "pin") return name + ", verified by its key, which you pinned at an earlier contact";
  return "somebody who claims to be " + name + ", which nothing has verified yet";
}

Result<std::string> armoured(ByteView message) {
  const auto opened = kex::open(message);
  if (!opened) return fail(opened.error());
  return kex::armour(opened->step, message);
}

Status say_words(const KexExchange& exchange) {
  const auto words = kex::authentication_words(exchange.authentication);
  if (!words) return fail(words.error());
  const std::string text(text_of(words->bytes()));
  if (exchange.state == KexExchange::State::finished) {
    say("If they know you by no certificate, they will ask for these words:\n\n    " + text + "\n\n");
    return {};
  }
  say("Compare these words with theirs, by voice, over a line on which you know them:\n\n    " + text +
      "\n\nOther words than these: somebody is in the middle, and has seen nothing yet. Then cancel the exchange.\n");
  return {};
}

Result<KexExchange> confirmed(KexPool& pool, const KexExchange& exchange) {
  auto e = pool.confirm(exchange.id);
  if (!e || e->pin.empty()) return e;
  const KexPins pins = KexPins::standard();
  if (auto done = pins.add(e->remote, e->pin); !done) return fail(std::move(done.error()));
  say(fmt::format("The key of {} is pinned in {}: next time no words are needed.\n", printable(e->remote), pins.path()));
  return e;
}

Status check(const KexResult& result) {
  if (const auto lengths = kex::lengths_of(result.format); result.size && (*result.size < lengths.least || *result.size > lengths.most)) {
    return fail({Code::invalid, "key exchange", "--bytes", fmt::format("for this format it is from {} to {}", lengths.least, lengths.most), {}});
  }
  if (!result.file.empty() && exists(result.file)) return fail({Code::invalid, "write", result.file, "it is there already", "name a new file"});
  if (result.format == kex::Format::raw && result.file.empty() && isatty(STDOUT_FILENO) != 0) {
    return fail({Code::invalid, "key exchange", "--format raw", "a terminal can't show it", "name a new file by --out"});
  }
  return {};
}

bool would_mix(const KexResult& result, Mixed mixed) {
  return mixed == Mixed::message_too && result.file.empty() && !result.store && isatty(STDOUT_FILENO) == 0;
}

Status deliver(KexPool& pool, const KexExchange& exchange, const KexResult& result) {
  const auto material = pool.material(exchange.id);
  if (!material) return fail(material.error());
  if (result.store) return store(pool, *material, exchange, result.store->empty() ? exchange.remote : *result.store);
  const auto text = kex::written(*material, result.format, result.size);
  if (!text) return fail(text.error());
  if (result.file.empty() && isatty(STDOUT_FILENO) != 0) {
    say(fmt::format("{} between {} and {}:\n\n", result.format == kex::Format::password ? "The password" : "The key",
                    printable(exchange.local), printable(exchange.remote)));
  }
  if (auto done = write_result(*text, result); !done) return done;
  if (!result.file.empty()) say("The key is in " + result.file + ".\n");
  return {};
}

}  // namespace tlspool::cli
