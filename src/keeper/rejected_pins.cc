// SPDX-License-Identifier: Apache-2.0
#include "keeper/rejected_pins.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <optional>

#include "base/fd.h"
#include "base/text.h"

namespace tlspool::keeper {
namespace {

constexpr std::size_t salt_size = 16;
constexpr std::size_t hash_size = 32;

// 16 MiB and some 50 ms a guess: a PIN has little entropy, and a wrong one is often nearly right.
std::optional<Bytes> stretch(const Secret& pin, ByteView salt) {
  Bytes out(hash_size);
  const auto* text = reinterpret_cast<const char*>(pin.bytes().data());
  constexpr std::uint64_t cost = 1 << 14;
  constexpr std::uint64_t memory = 64 << 20;
  if (EVP_PBE_scrypt(text, pin.size(), salt.data(), salt.size(), cost, 8, 1, memory, out.data(), out.size()) != 1) {
    return std::nullopt;
  }
  return out;
}

}  // namespace

std::vector<RejectedPins::Line> RejectedPins::lines() const {
  std::vector<Line> out = unwritten_;
  std::ifstream in(file_);
  for (std::string text; std::getline(in, text);) {
    const auto words = split(text, ' ');
    if (words.size() != 3) continue;
    auto salt = unhex(words[1]);
    auto hash = unhex(words[2]);
    if (salt && hash && hash->size() == hash_size) out.push_back({words[0], std::move(*salt), std::move(*hash)});
  }
  return out;
}

Status RejectedPins::check(const std::string& token, const Secret& pin) const {
  const std::string name = hex(view(token));
  for (const Line& line : lines()) {
    if (line.token != name) continue;
    const auto hash = stretch(pin, line.salt);
    if (!hash || CRYPTO_memcmp(hash->data(), line.hash.data(), hash_size) == 0) {
      return fail({Code::pin_rejected, "C_Login", "token=" + token, "this PIN was rejected before and is not tried again",
                   "enter the right one with `tlspool pin`; if the token's PIN was changed to this one since, remove " +
                       file_});
    }
  }
  return {};
}

Status RejectedPins::remember(const std::string& token, const Secret& pin) {
  Bytes salt(salt_size);
  if (RAND_bytes(salt.data(), static_cast<int>(salt.size())) != 1) {
    return fail({Code::internal, "RAND_bytes", "", "no random bytes", {}});
  }
  auto hash = stretch(pin, salt);
  if (!hash) return fail({Code::internal, "scrypt", "", "failed", {}});
  unwritten_.push_back({hex(view(token)), salt, *hash});
  const UniqueFd file{open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)};
  if (!file.valid()) return fail(system_error("open", file_, errno));
  const std::string line = hex(view(token)) + " " + hex(salt) + " " + hex(*hash) + "\n";
  if (write(file.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()) || fsync(file.get()) != 0) {
    return fail(system_error("write", file_, errno));
  }
  unwritten_.pop_back();
  return {};
}

}  // namespace tlspool::keeper
