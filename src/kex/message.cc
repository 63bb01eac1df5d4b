// SPDX-License-Identifier: Apache-2.0
#include "kex/message.h"

#include <openssl/sha.h>

#include <algorithm>
#include <string>

namespace tlspool::kex {
namespace {

using Digest = std::array<std::uint8_t, SHA256_DIGEST_LENGTH>;

constexpr std::uint8_t format = 1;
constexpr std::size_t id_size = std::tuple_size_v<ExchangeId>;
constexpr std::size_t check_size = 16;
constexpr std::size_t body_size = 1 + 1 + id_size + check_size;
constexpr std::array<std::uint8_t, 5> header{255, 3, 3, 0, body_size};
constexpr std::size_t trailer_size = header.size() + body_size;

Digest sha256(ByteView data) {
  Digest out{};
  SHA256(data.data(), data.size(), out.data());
  return out;
}

tl::unexpected<Error> unreadable_message(std::string reason) {
  return fail({Code::invalid, "read message", "", std::move(reason), "ask for it again, or copy all of it from BEGIN to END"});
}

}  // namespace

ExchangeId exchange_id(ByteView client_hello_records) {
  const Digest digest = sha256(client_hello_records);
  ExchangeId id;
  std::copy_n(digest.begin(), id.size(), id.begin());
  return id;
}

Bytes seal(const Message& message) {
  Bytes out = message.records;
  out.insert(out.end(), header.begin(), header.end());
  out.push_back(format);
  out.push_back(static_cast<std::uint8_t>(message.step));
  out.insert(out.end(), message.id.begin(), message.id.end());
  const Digest check = sha256(out);
  out.insert(out.end(), check.begin(), check.begin() + check_size);
  return out;
}

Result<Message> open(ByteView message) {
  if (message.size() > longest_message) return unreadable_message("it is longer than " + std::to_string(longest_message) + " bytes");
  if (message.size() <= trailer_size) return unreadable_message("it is too short: a part of it is missing");
  const ByteView trailer = message.last(trailer_size);
  if (!std::equal(header.begin(), header.end(), trailer.begin())) return unreadable_message("its end is missing or was changed");
  const Digest check = sha256(message.first(message.size() - check_size));
  if (!std::equal(check.begin(), check.begin() + check_size, message.end() - check_size)) return unreadable_message("it was changed on its way");
  if (trailer[header.size()] != format) {
    return unreadable_message("its format is " + std::to_string(trailer[header.size()]) + ", and only 1 is known here: this pool is too old for it");
  }
  const std::uint8_t step = trailer[header.size() + 1];
  if (step < 1 || step > 4) return unreadable_message("it says to be message " + std::to_string(step) + " of 4");
  Message out;
  out.step = static_cast<Step>(step);
  std::copy_n(trailer.begin() + header.size() + 2, id_size, out.id.begin());
  out.records = copy_of(message.first(message.size() - trailer_size));
  if (out.step == Step::client_hello && out.id != exchange_id(out.records)) return unreadable_message("it does not belong to itself");
  return out;
}

}  // namespace tlspool::kex
