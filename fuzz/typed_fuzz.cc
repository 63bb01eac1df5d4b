// SPDX-License-Identifier: Apache-2.0
// What people and other sites put into a pool: keys as text, lists of keys and of ids, URLs, PEM files, names. The first
// byte picks one. No error shows what may be a key.
#include <cstdlib>

#include "base/url.h"
#include "cli/key_text.h"
#include "qkd/id_lines.h"
#include "qkd/key_lines.h"
#include "tls/openssl.h"

using namespace tlspool;

namespace {

void key(ByteView text) {
  const auto made = cli::key_of_text(text);
  if (made && made->size() > text.size()) std::abort();
}

// In pieces of any size it is the same.
void key_lines(ByteView text) {
  std::size_t whole = 0;
  std::size_t bytewise = 0;
  const auto count = [](std::size_t& into) {
    return [&into](std::size_t, std::string_view line) -> Status {
      into += line.size() + 1;
      (void)qkd::parse_key_line(line);
      return {};
    };
  };
  qkd::LineSplitter one;
  Status first = one.add(text, count(whole));
  if (first) first = one.finish(count(whole));
  qkd::LineSplitter other;
  Status second;
  for (std::size_t i = 0; i < text.size() && second; ++i) second = other.add(text.subspan(i, 1), count(bytewise));
  if (second) second = other.finish(count(bytewise));
  if (first.has_value() != second.has_value() || (first && whole != bytewise)) std::abort();
}

void ids(std::string_view text) {
  const qkd::IdLines lines = qkd::parse_id_lines(text);
  for (const std::string& id : lines.ids) {
    if (id.size() != 36) std::abort();
  }
}

void url(std::string_view text) {
  const auto made = parse_https_url(text);
  if (!made) return;
  const auto again = parse_https_url(made->text());
  if (!again || again->text() != made->text()) std::abort();
}

void pem(std::string_view text) {
  const auto chain = tls::chain_from_pem(text, "FILE");
  if (!chain) return;
  for (const Bytes& der : *chain) (void)tls::certificate_from_der(der);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteView body{data + 1, size - 1};
  switch (data[0] % 5) {
    case 0: key(body); break;
    case 1: key_lines(body); break;
    case 2: ids(text_of(body)); break;
    case 3: url(text_of(body)); break;
    case 4: pem(text_of(body)); break;
  }
  return 0;
}
