// SPDX-License-Identifier: Apache-2.0
#include "tls/hello_reader.h"

#include <openssl/ssl.h>

#include "tls/cursor.h"

namespace tlspool::tls {
namespace {

constexpr std::size_t header_size = 5;
constexpr std::size_t message_header_size = 4;
constexpr std::size_t longest_record = 16384;
constexpr std::uint8_t handshake_record = 22;

tl::unexpected<Error> malformed(std::string reason) {
  return fail({Code::protocol, "read ClientHello", "", std::move(reason), {}});
}

}  // namespace

std::size_t HelloReader::wants() const { return body_left_ > 0 ? body_left_ : header_size - header_.size(); }

HelloReader::State HelloReader::refuse(int alert, std::string problem) {
  alert_ = alert;
  problem_ = "the peer's ClientHello can't be read: " + std::move(problem);
  return state_ = State::refused;
}

HelloReader::State HelloReader::feed(ByteView input) {
  bytes_.insert(bytes_.end(), input.begin(), input.end());
  if (body_left_ == 0) {
    header_.insert(header_.end(), input.begin(), input.end());
    return header_.size() < header_size ? state_ : record_header();
  }
  hello_.insert(hello_.end(), input.begin(), input.end());
  body_left_ -= input.size();
  if (body_left_ == 0) header_.clear();
  return message();
}

HelloReader::State HelloReader::record_header() {
  const bool first = hello_.empty();
  const bool handshake = header_[0] == handshake_record && header_[1] == 3;
  if (!handshake) return first ? state_ = State::other : refuse(SSL_AD_UNEXPECTED_MESSAGE, "another record stands in the middle of it");
  body_left_ = static_cast<std::size_t>(header_[3]) << 8 | header_[4];
  if (body_left_ > longest_record) return refuse(SSL_AD_RECORD_OVERFLOW, "a record of it is longer than 16384 bytes");
  if (body_left_ == 0) return refuse(SSL_AD_UNEXPECTED_MESSAGE, "a record of it is empty");
  return state_;
}

HelloReader::State HelloReader::message() {
  if (hello_[0] != SSL3_MT_CLIENT_HELLO) return state_ = State::other;
  if (hello_.size() < message_header_size) return state_;
  const std::size_t size =
      message_header_size + (static_cast<std::size_t>(hello_[1]) << 16 | static_cast<std::size_t>(hello_[2]) << 8 | hello_[3]);
  if (size > longest_hello) return refuse(SSL_AD_ILLEGAL_PARAMETER, "it is longer than " + std::to_string(longest_hello) + " bytes");
  if (hello_.size() > size || (hello_.size() == size && body_left_ > 0)) {
    return refuse(SSL_AD_UNEXPECTED_MESSAGE, "something follows it in the same record");
  }
  return hello_.size() == size ? state_ = State::hello : state_;
}

Result<std::optional<TieBreaker>> HelloReader::tie_breaker(std::uint16_t extension) const {
  Cursor hello{ByteView{hello_}.subspan(message_header_size)};
  hello.take(2 + 32);  // legacy_version, random
  hello.vector(1);     // legacy_session_id
  hello.vector(2);     // cipher_suites
  hello.vector(1);     // legacy_compression_methods
  if (!hello.good()) return malformed("it ends before its extensions");
  if (hello.at_end()) return std::optional<TieBreaker>{};  // RFC 5246 section 7.4.1.2: no extensions at all
  Cursor extensions{hello.vector(2)};
  if (!hello.at_end()) return malformed("its extensions do not fill it");
  std::optional<TieBreaker> found;
  while (!extensions.at_end()) {
    const std::size_t type = extensions.number(2);
    const ByteView data = extensions.vector(2);
    if (!extensions.good()) return malformed("an extension ends beyond it");
    if (type != extension) continue;
    if (found) return malformed("it has two tie-breakers");
    if (!read_tie_breaker(data, found.emplace())) return malformed("its tie-breaker does not have 32 bytes");
  }
  return found;
}

}  // namespace tlspool::tls
