// SPDX-License-Identifier: Apache-2.0
#include "tls/hello_reader.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "../vectors.h"
#include "tls/openssl.h"

using namespace tlspool;
using namespace tlspool::tls;
using State = HelloReader::State;

namespace {

constexpr std::size_t whole = 16384;

// A ClientHello of `size` bytes with its header; what is in it does not matter to who only looks for its end.
Bytes hello_of(std::size_t size) {
  Bytes out(size, 0x5a);
  out[0] = 1;
  out[1] = static_cast<std::uint8_t>((size - 4) >> 16);
  out[2] = static_cast<std::uint8_t>((size - 4) >> 8);
  out[3] = static_cast<std::uint8_t>(size - 4);
  return out;
}

Bytes record(ByteView content, std::uint8_t type = 22, std::uint8_t major = 3) {
  Bytes out{type, major, 1, static_cast<std::uint8_t>(content.size() >> 8), static_cast<std::uint8_t>(content.size())};
  out.insert(out.end(), content.begin(), content.end());
  return out;
}

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// `message` in records of at most `longest` bytes.
Bytes records_of(ByteView message, std::size_t longest) {
  Bytes out;
  while (!message.empty()) {
    const std::size_t n = std::min(longest, message.size());
    out = std::move(out) + record(message.first(n));
    message = message.subspan(n);
  }
  return out;
}

// As much of `input` as it wants, in pieces of at most `piece` bytes.
HelloReader read(const Bytes& input, std::size_t piece = SIZE_MAX) {
  HelloReader reader;
  ByteView left{input};
  while (reader.state() == State::reading && !left.empty()) {
    EXPECT_GE(reader.wants(), 1U);
    const std::size_t n = std::min({piece, reader.wants(), left.size()});
    reader.feed(left.first(n));
    left = left.subspan(n);
  }
  EXPECT_EQ(reader.bytes(), Bytes(input.begin(), input.end() - static_cast<std::ptrdiff_t>(left.size())));
  return reader;
}

void refused(const Bytes& input, int alert, const std::string& part) {
  const HelloReader reader = read(input);
  EXPECT_EQ(reader.state(), State::refused);
  EXPECT_EQ(reader.alert(), alert);
  EXPECT_NE(reader.problem().find(part), std::string::npos) << reader.problem();
}

TEST(HelloReader, FindsTheTieBreakerAsTheVectorsSay) {
  for (const wire::Value& entry : cases_of("tie_break/hellos.json")) {
    for (const std::size_t longest : {whole, std::size_t{1}, std::size_t{50}}) {
      const HelloReader reader = read(records_of(bytes_of(entry, "hello"), longest));
      ASSERT_EQ(reader.state(), State::hello) << entry.text("why");
      const auto found = reader.tie_breaker(static_cast<std::uint16_t>(entry.number("extension", 0)));
      EXPECT_EQ(!found, entry.flag("refused")) << entry.text("why");
      if (found) {
        EXPECT_EQ(*found ? hex(**found) : "", entry.text("value")) << entry.text("why");
      } else {
        EXPECT_EQ(found.error().code, Code::protocol);
      }
    }
  }
}

TEST(HelloReader, NeverReadsBeyondTheHello) {
  const Bytes flight = records_of(hello_of(300), 70);
  const Bytes behind = record(Bytes(5, 0x14), 20) + record(Bytes(100, 0x17), 23);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{100000}}) {
    const HelloReader reader = read(flight + behind, piece);
    EXPECT_EQ(reader.state(), State::hello);
    EXPECT_EQ(reader.bytes(), flight);
  }
}

TEST(HelloReader, TakesLargeHellosInRecordsAndSegmentsOfAnySize) {
  for (const std::size_t size : {std::size_t{40000}, whole, whole + 1, longest_hello}) {
    for (const std::size_t longest : {whole, whole - 1, std::size_t{1000}}) {
      EXPECT_EQ(read(records_of(hello_of(size), longest)).state(), State::hello) << size << ' ' << longest;
    }
    EXPECT_EQ(read(records_of(hello_of(size), whole), 1).state(), State::hello) << size;
  }
  EXPECT_EQ(read(records_of(hello_of(3000), 1), 1).state(), State::hello);
}

TEST(HelloReader, RefusesWhatIsLongerThanAHelloCanBeByItsHeader) {
  EXPECT_EQ(read(records_of(hello_of(longest_hello), whole)).state(), State::hello);
  const Bytes more = hello_of(longest_hello + 1);
  refused(records_of(ByteView{more}.first(4), 4), SSL_AD_ILLEGAL_PARAMETER, "longer than 131396 bytes");
  refused(record(Bytes{1, 0xff, 0xff, 0xff}), SSL_AD_ILLEGAL_PARAMETER, "longer than 131396 bytes");
}

TEST(HelloReader, TakesRecordsOf16384BytesAndNoLongerOnes) {
  EXPECT_EQ(read(record(hello_of(whole))).state(), State::hello);
  refused(record(hello_of(whole + 1)), SSL_AD_RECORD_OVERFLOW, "longer than 16384 bytes");
  refused(record(hello_of(whole + 1)) + record(Bytes(1)), SSL_AD_RECORD_OVERFLOW, "longer than 16384 bytes");
  refused(Bytes{22, 3, 1, 0xff, 0xff}, SSL_AD_RECORD_OVERFLOW, "longer than 16384 bytes");
}

TEST(HelloReader, RefusesEmptyRecords) {
  const Bytes hello = hello_of(100);
  refused(record({}), SSL_AD_UNEXPECTED_MESSAGE, "empty");
  refused(record(ByteView{hello}.first(50)) + record({}) + record(ByteView{hello}.subspan(50)), SSL_AD_UNEXPECTED_MESSAGE, "empty");
}

TEST(HelloReader, RefusesAnotherRecordInTheMiddle) {
  const Bytes half = record(ByteView{hello_of(100)}.first(50));
  const std::string part = "another record stands in the middle";
  refused(half + record(Bytes{2, 10}, 21), SSL_AD_UNEXPECTED_MESSAGE, part);
  refused(half + record(Bytes{1}, 20), SSL_AD_UNEXPECTED_MESSAGE, part);
  refused(half + record(Bytes(50), 23), SSL_AD_UNEXPECTED_MESSAGE, part);
  refused(half + record(Bytes(50), 22, 2), SSL_AD_UNEXPECTED_MESSAGE, part);
}

TEST(HelloReader, RefusesWhatFollowsTheHelloInItsLastRecord) {
  const std::string part = "something follows it";
  const Bytes hello = hello_of(100);
  refused(record(hello + Bytes{0}), SSL_AD_UNEXPECTED_MESSAGE, part);
  refused(record(hello + hello), SSL_AD_UNEXPECTED_MESSAGE, part);
  refused(record(ByteView{hello}.first(99)) + record(Bytes{0x5a, 1}), SSL_AD_UNEXPECTED_MESSAGE, part);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{105}}) EXPECT_EQ(read(record(hello + Bytes{0}), piece).state(), State::refused);
}

TEST(HelloReader, LeavesToTlsWhatIsNoClientHello) {
  for (const Bytes& flight : {record(Bytes{2, 10}, 21), record(Bytes{2, 0, 0, 38, 3, 3}), record(hello_of(100), 23), record(hello_of(100), 22, 2),
                              Bytes{'2', '2', '0', ' ', 'm'}, Bytes{0x80, 0x2e, 1, 3, 3}}) {
    EXPECT_EQ(read(flight).state(), State::other) << hex(flight);
    EXPECT_EQ(read(flight, 1).state(), State::other) << hex(flight);
  }
}

TEST(HelloReader, ReadsOnWhileBytesAreMissing) {
  const Bytes flight = records_of(hello_of(100), 40);
  for (std::size_t n = 0; n < flight.size(); ++n) {
    EXPECT_EQ(read(Bytes(flight.begin(), flight.begin() + static_cast<std::ptrdiff_t>(n)), 3).state(), State::reading) << n;
  }
}

TEST(HelloReader, RefusesToLookIntoAHelloThatEndsTooEarly) {
  for (const std::size_t size : {4U, 5U, 37U, 38U, 39U, 42U}) {
    Bytes hello = hello_of(size);
    std::fill(hello.begin() + 4, hello.end(), 0);
    const HelloReader reader = read(record(hello));
    ASSERT_EQ(reader.state(), State::hello);
    const bool complete = size == 42;  // version, random, and three empty lists
    EXPECT_EQ(reader.tie_breaker(0xff70).has_value(), complete) << size;
  }
}

TEST(HelloReader, ReadsWhatOpenSslSends) {
  const SslContext context{SSL_CTX_new(TLS_method())};
  const TieBreaker value = all_of(0x42);
  const auto add = [](SSL*, unsigned, unsigned, const unsigned char** out, std::size_t* size, X509*, std::size_t, int*, void* from) {
    const auto* bytes = static_cast<const TieBreaker*>(from);
    *out = bytes->data();
    *size = bytes->size();
    return 1;
  };
  ASSERT_EQ(SSL_CTX_add_custom_ext(context.get(), 0xff70, SSL_EXT_CLIENT_HELLO, add, nullptr, const_cast<TieBreaker*>(&value), nullptr, nullptr), 1);
  Ssl ssl{SSL_new(context.get())};
  BIO* out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), out);
  SSL_set_connect_state(ssl.get());
  EXPECT_NE(SSL_do_handshake(ssl.get()), 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out, &data);
  const HelloReader reader = read(Bytes(data, data + size));
  ASSERT_EQ(reader.state(), State::hello);
  const auto found = reader.tie_breaker(0xff70);
  ASSERT_TRUE(found && *found);
  EXPECT_EQ(**found, value);
}

}  // namespace
