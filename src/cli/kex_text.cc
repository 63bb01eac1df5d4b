// SPDX-License-Identifier: Apache-2.0
#include "cli/kex_text.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/fd.h"
#include "base/text.h"
#include "cli/admin.h"
#include "cli/kex_pins.h"
#include "cli/key_admin.h"
#include "cli/key_text.h"
#include "kex/armour.h"
#include "kex/words.h"

namespace tlspool::cli {
namespace {

constexpr std::size_t stored_key = 32;

Status write_all(int fd, ByteView bytes, const std::string& where) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(system_error("write", where, errno));
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

Status write_result(const Secret& text, const KexResult& result) {
  static constexpr std::uint8_t line_end = '\n';
  const bool to_file = !result.file.empty();
  UniqueFd file;
  if (to_file) {
    file.reset(open(result.file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.valid()) return fail(system_error("write", result.file, errno));
  }
  const int fd = to_file ? file.get() : STDOUT_FILENO;
  const std::string where = to_file ? result.file : "standard output";
  if (!to_file && std::fflush(stdout) != 0) return fail(system_error("write", where, errno));
  if (auto done = write_all(fd, text.bytes(), where); !done) return done;
  if (result.format != kex::Format::raw) {
    if (auto done = write_all(fd, {&line_end, 1}, where); !done) return done;
  }
  return to_file && fsync(fd) != 0 ? fail(system_error("write", where, errno)) : Status{};
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

Error with_pin(Error error, const KexParties& parties) {
  const KexPins pins = KexPins::standard();
  const auto pin = pins.find(parties.with);
  if (pin && *pin && error.reason.find("was pinned") != std::string::npos) {
    error.advice = fmt::format("the pin of {} is {}:{}; remove that line only if they tell you, by another way, that their key is new",
                               printable(parties.with), pins.path(), (*pin)->line);
  }
  return error;
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
    say(fmt::format("{} between {} and {}, which both have now:\n\n", result.format == kex::Format::password ? "The password" : "The key",
                    printable(exchange.local), printable(exchange.remote)));
  }
  if (auto done = write_result(*text, result); !done) return done;
  if (!result.file.empty()) say("The key is in " + result.file + ".\n");
  return {};
}

}  // namespace tlspool::cli
