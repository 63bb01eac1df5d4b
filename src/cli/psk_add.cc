// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/text.h"
#include "cli/ask.h"
#include "cli/key_admin.h"
#include "cli/key_text.h"
#include "cli/output.h"
#include "cli/psk_commands.h"
#include "sharedkey/derive.h"

namespace tlspool::cli {
namespace {

constexpr std::size_t longest_text = 4096;  // of a key with blanks and line ends
constexpr std::size_t longest_passphrase = 1024;

Result<Secret> from_text(const std::string& name) {
  auto text = asks_a_person() ? ask_secret({"shared key", fmt::format("Key {} (hexadecimal or base64): ", name), longest_text, {}})
                              : read_secret("shared key", longest_text);
  if (!text) return text;
  return key_of_text(text->bytes());
}

Result<Secret> from_raw() {
  if (asks_a_person()) {
    return fail({Code::invalid, "shared key", "", "standard input is a terminal", "redirect a file or a pipe to it for --raw"});
  }
  return read_secret("shared key", sharedkey::most_key_bytes);
}

Result<Secret> generated(std::uint32_t bytes) {
  Secret key(bytes);
  if (RAND_priv_bytes(key.writable().data(), static_cast<int>(key.size())) != 1) {
    return fail({Code::internal, "RAND_priv_bytes", "", "no random bytes", {}});
  }
  return key;
}

Result<Secret> ask_passphrase(const std::string& name) {
  const std::string what = "passphrase";
  auto first = ask_secret({what, fmt::format("Passphrase of key {}: ", name), longest_passphrase, {}});
  if (!first || !asks_a_person()) return first;
  const auto again = ask_secret({what, "The same again: ", longest_passphrase, {}});
  if (!again) return fail(again.error());
  if (!first->equals(*again)) return fail({Code::invalid, what, "", "the two are different", "nothing was stored"});
  return first;
}

Result<Secret> from_passphrase(const PskAddOptions& options) {
  const auto phrase = ask_passphrase(options.name);
  if (!phrase) return fail(phrase.error());
  const double bits = sharedkey::passphrase_bits({reinterpret_cast<const char*>(phrase->bytes().data()), phrase->size()});
  if (bits < sharedkey::least_passphrase_bits && options.weak == PskAddOptions::Weak::refused) {
    return fail({Code::policy, "passphrase", "",
                 fmt::format("it has {:.0f} bits of entropy at most, and {:.0f} are wanted: one handshake that somebody sees or "
                             "asks for is enough to try passphrases against at home, as many as he can pay for",
                             bits, sharedkey::least_passphrase_bits),
                 "take a longer one, take --generate, or insist with --weak"});
  }
  return sharedkey::stretch_passphrase(phrase->bytes(), options.salt.value_or("tlspool-psk:" + options.name));
}

Result<Secret> key_of(const PskAddOptions& options) {
  switch (options.from) {
    case PskAddOptions::From::text: return from_text(options.name);
    case PskAddOptions::From::raw: return from_raw();
    case PskAddOptions::From::generated: return generated(options.bytes);
    case PskAddOptions::From::passphrase: return from_passphrase(options);
  }
  return fail({Code::internal, "shared key", "", "from an unknown place", {}});
}

/// Past the buffers of standard output, which nobody wipes.
Status show(const Secret& key) {
  if (std::fflush(stdout) != 0) return fail(system_error("write", "standard output", errno));
  std::string line = hex(key.bytes()) + "\n";
  const ssize_t written = write(STDOUT_FILENO, line.data(), line.size());
  const bool whole = written == static_cast<ssize_t>(line.size());
  wipe(line.data(), line.size());
  if (whole) return {};
  return fail({Code::io, "write", "standard output", "the key is stored, but it could not be shown whole",
               "remove it with `tlspool psk remove` and add another"});
}

}  // namespace

Status psk_add(const PskAddOptions& options) {
  if (auto good = check_key_name(options.name); !good) return good;
  const auto paths = config::find_pool(options.pool);
  if (!paths) return fail(paths.error());
  // First: nobody should type a passphrase for a pool that does not run.
  auto keeper = KeyAdmin::open(*paths);
  if (!keeper) return fail(std::move(keeper.error()));
  const auto key = key_of(options);
  if (!key) return fail(key.error());
  if (auto good = check_key_size(key->size()); !good) return good;
  wire::PskAdd request{options.name, options.token, copy_of(key->bytes()), options.mode == wire::KeyMode::derived};
  const auto done = keeper->ask(wire::KeyAdminKind::psk_add, wire::encode(request), wire::KeyAdminKind::done);
  wipe(request.key);
  if (!done) return fail(done.error());
  if (options.show == PskAddOptions::Show::key) return show(*key);
  print(fmt::format("stored the shared key {}, {} bits\n", options.name, key->size() * 8));
  return {};
}

}  // namespace tlspool::cli
