// SPDX-License-Identifier: Apache-2.0
#include "transport/wire_bio.h"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <array>
#include <string>

#include "base/socket.h"

namespace tlspool::transport {
namespace {

class WireBioTest : public testing::Test {
 protected:
  void SetUp() override {
    auto pair = socket_pair(SOCK_STREAM, true);
    ASSERT_TRUE(pair);
    near_ = std::move(pair->first);
    far_ = std::move(pair->second);
    ssl_.reset(SSL_new(context_.get()));
    wire_ = std::make_unique<WireBio>(ssl_.get(), near_.get(), *records_);
    wire_->enter();
  }

  bool write(const std::string& text) {
    return BIO_write(SSL_get_wbio(ssl_.get()), text.data(), static_cast<int>(text.size())) == static_cast<int>(text.size());
  }
  std::string read(std::size_t most) {
    std::string into(most, '\0');
    const int n = BIO_read(SSL_get_rbio(ssl_.get()), into.data(), static_cast<int>(most));
    into.resize(static_cast<std::size_t>(std::max(n, 0)));
    return into;
  }
  void far_says(const std::string& text) { ASSERT_EQ(send(far_.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size())); }
  std::string far_hears() {
    std::string into(1 << 20, '\0');
    const ssize_t n = recv(far_.get(), into.data(), into.size(), MSG_DONTWAIT);
    into.resize(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    return into;
  }
  bool would_block() { return BIO_should_retry(SSL_get_rbio(ssl_.get())) != 0; }

  tls::SslContext context_{SSL_CTX_new(TLS_method())};
  std::unique_ptr<Records> records_ = std::make_unique<Records>();
  UniqueFd near_;
  UniqueFd far_;
  std::unique_ptr<WireBio> wire_;
  tls::Ssl ssl_;  // ends before what it reads from
};

TEST_F(WireBioTest, WhatAStepWritesGoesOutAtItsEnd) {
  EXPECT_TRUE(write("one "));
  EXPECT_TRUE(write("two"));
  EXPECT_EQ(far_hears(), "");
  EXPECT_TRUE(wire_->flush());
  EXPECT_EQ(far_hears(), "one two");
  EXPECT_FALSE(wire_->blocked());
}

TEST_F(WireBioTest, WhatTheSocketDoesNotTakeWaitsAndNothingIsAdded) {
  const int small = 1;  // the kernel makes its least of it
  setsockopt(near_.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  const std::string text(60'000, 'x');
  EXPECT_TRUE(write(text));
  EXPECT_TRUE(wire_->flush());
  EXPECT_TRUE(wire_->blocked());
  EXPECT_FALSE(write("more"));
  EXPECT_TRUE(would_block());
  std::string heard;
  for (int i = 0; i < 1000 && heard.size() < text.size(); ++i) {
    heard += far_hears();
    EXPECT_TRUE(wire_->flush());
  }
  EXPECT_EQ(heard + far_hears(), text);
  EXPECT_FALSE(wire_->blocked());
  EXPECT_TRUE(write("more"));
}

TEST_F(WireBioTest, TheSocketIsAskedOnceForEachLeave) {
  far_says("first");
  EXPECT_EQ(read(100), "");
  EXPECT_TRUE(would_block());
  wire_->may_receive();
  EXPECT_EQ(read(2), "fi");
  far_says("second");
  EXPECT_EQ(read(100), "rst");
  EXPECT_EQ(read(100), "");
  EXPECT_TRUE(would_block());
  EXPECT_FALSE(wire_->more_may_be_there());
  wire_->may_receive();
  EXPECT_EQ(read(100), "second");
}

TEST_F(WireBioTest, AFullBufferMeansThatThereMayBeMore) {
  far_says(std::string(records_->in.size(), 'x'));
  wire_->may_receive();
  EXPECT_EQ(read(1 << 20).size(), records_->in.size());
  EXPECT_TRUE(wire_->more_may_be_there());
  wire_->may_receive();
  EXPECT_EQ(read(1), "");
  EXPECT_FALSE(wire_->more_may_be_there());
}

TEST_F(WireBioTest, AnIncompleteRecordCountsAgainstTheBuffer) {
  const std::size_t whole = records_->in.size();
  far_says("part of a record");
  wire_->may_receive();
  EXPECT_EQ(read(100), "part of a record");
  far_says(std::string(whole, 'x'));
  wire_->may_receive();
  EXPECT_EQ(read(1 << 20).size(), whole - 16);
  EXPECT_TRUE(wire_->more_may_be_there());
  wire_->record_read();
  far_says(std::string(whole, 'x'));
  wire_->may_receive();
  EXPECT_EQ(read(1 << 20).size(), whole);
}

TEST_F(WireBioTest, WhatWasNotReadIsThereInTheNextStep) {
  far_says("read and not read");
  wire_->may_receive();
  EXPECT_EQ(read(4), "read");
  wire_->leave();
  EXPECT_EQ(records_->in_at, records_->in_end);
  wire_->enter();
  EXPECT_EQ(read(5), " and ");
  wire_->leave();
  wire_->enter();
  EXPECT_EQ(read(100), "not read");
  EXPECT_EQ(read(100), "");
}

TEST_F(WireBioTest, BetweenTwoStepsNoSocketIsReachedAndTheErrorSaysSo) {
  far_says("for the next step");
  wire_->may_receive();
  wire_->leave();
  ERR_clear_error();
  EXPECT_EQ(read(100), "");
  EXPECT_FALSE(would_block());
  EXPECT_EQ(ERR_GET_REASON(ERR_get_error()), BIO_R_UNINITIALIZED);
  EXPECT_FALSE(write("lost"));
  EXPECT_FALSE(would_block());
  EXPECT_EQ(ERR_GET_REASON(ERR_get_error()), BIO_R_UNINITIALIZED);
  EXPECT_TRUE(wire_->flush());
  EXPECT_EQ(far_hears(), "");
  wire_->enter();
  EXPECT_EQ(read(100), "for the next step");
}

TEST_F(WireBioTest, WhoHasNotEnteredReachesNoOtherSession) {
  wire_->leave();
  auto pair = socket_pair(SOCK_STREAM, true);
  ASSERT_TRUE(pair);
  std::unique_ptr<WireBio> others;
  const tls::Ssl other{SSL_new(context_.get())};
  others = std::make_unique<WireBio>(other.get(), pair->first.get(), *records_);
  EXPECT_FALSE(write("not even while it is being made"));
  others->enter();
  others->leave();
  EXPECT_FALSE(write("for the other one"));
  EXPECT_TRUE(others->flush());
  std::array<char, 8> heard{};
  EXPECT_EQ(recv(pair->second.get(), heard.data(), heard.size(), MSG_DONTWAIT), -1);
  ERR_clear_error();
}

TEST_F(WireBioTest, TheEndAndABrokenSocketAreTold) {
  far_says("bye");
  far_.reset();
  wire_->may_receive();
  EXPECT_EQ(read(100), "bye");
  wire_->may_receive();
  EXPECT_EQ(read(100), "");
  EXPECT_FALSE(would_block());
  EXPECT_EQ(BIO_eof(SSL_get_rbio(ssl_.get())), 1);
  EXPECT_TRUE(write("nobody hears this"));
  EXPECT_FALSE(wire_->flush());
  EXPECT_EQ(errno, EPIPE);
}

}  // namespace
}  // namespace tlspool::transport
