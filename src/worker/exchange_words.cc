// SPDX-License-Identifier: Apache-2.0
#include "worker/exchange_words.h"

#include <string_view>

#include "base/text.h"

namespace tlspool::worker {
namespace {

using namespace std::string_view_literals;
constexpr std::string_view prefix = "tlspool kex 1\0"sv;

}  // namespace

Bytes confirmation(const Names& names) {
  Bytes out = copy_of(view(prefix));
  const Bytes rest = secret_context(names.own, names.other);
  out.insert(out.end(), rest.begin(), rest.end());
  return out;
}

std::optional<Names> read_confirmation(ByteView bytes) {
  std::string_view text = text_of(bytes);
  if (!text.starts_with(prefix)) return std::nullopt;
  text.remove_prefix(prefix.size());
  const std::size_t middle = text.find('\0');
  if (middle == 0 || middle == std::string_view::npos || middle + 1 == text.size()) return std::nullopt;
  const std::string_view other = text.substr(middle + 1);
  if (other.find('\0') != std::string_view::npos) return std::nullopt;
  return Names{std::string(text.substr(0, middle)), std::string(other)};
}

Bytes secret_context(const std::string& client, const std::string& server) {
  const std::string text = client + '\0' + server;
  return copy_of(view(text));
}

std::string peer_pin(const SSL* ssl) {
  const X509* leaf = SSL_get0_peer_certificate(ssl);
  return leaf == nullptr ? std::string{} : hex(tls::spki_digest(leaf));
}

}  // namespace tlspool::worker
