// SPDX-License-Identifier: Apache-2.0
#include "fetcher/control_links.h"

#include <gtest/gtest.h>

#include <atomic>

#include "fake_worker.h"

namespace tlspool::fetcher {
namespace {

using Says = FakeWorker::Says;

Deadline in(std::chrono::milliseconds time) { return std::chrono::steady_clock::now() + time; }

Result<UniqueFd> start(ControlLinks& links, Deadline deadline = in(std::chrono::seconds(20))) {
  auto pair = socket_pair(SOCK_STREAM, false);
  return links.start_tls(pair->first, "sae-a.example", "kme-a.example", deadline);
}

TEST(ControlLinks, AskForTlsAsAClientWithTheIdentityOfTheEntity) {
  FakeWorker worker;
  ControlLinks links;
  links.add(worker.control());
  ASSERT_TRUE(start(links));
  ASSERT_TRUE(start(links)) << "the connection is there for the next call";
  ASSERT_EQ(worker.calls().size(), 2u);
  const wire::Value call = worker.calls()[0];
  EXPECT_EQ(call.text("role"), "client");
  EXPECT_EQ(call.text("localIdentity"), "sae-a.example");
  EXPECT_EQ(call.text("remoteIdentity"), "kme-a.example");
  EXPECT_GT(call.number("deadlineMs"), 0);
  EXPECT_LE(call.number("deadlineMs"), 20000);
}

TEST(ControlLinks, NoWorkerIsAnErrorAtOnce) {
  ControlLinks links;
  const auto none = start(links);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::not_found);
}

TEST(ControlLinks, SayWhyAHandshakeFailed) {
  for (const auto& [says, code, words] : {std::tuple{Says::handshake_failed, Code::tls, "the name is wrong"},
                                          {Says::identity_refused, Code::denied, "no such identity"},
                                          {Says::limit_reached, Code::io, "too many sessions"},
                                          {Says::no_descriptor, Code::protocol, "no plaintext descriptor"}}) {
    FakeWorker worker(says);
    ControlLinks links;
    links.add(worker.control());
    for (int i = 0; i < 2; ++i) {
      const auto failed = start(links);
      ASSERT_FALSE(failed);
      EXPECT_EQ(failed.error().code, code);
      EXPECT_NE(failed.error().text().find(words), std::string::npos) << failed.error().text();
      EXPECT_FALSE(failed.error().advice.empty());
    }
  }
}

TEST(ControlLinks, AWorkerThatEndsIsForgotten) {
  FakeWorker ends(Says::end);
  FakeWorker good;
  ControlLinks links;
  links.add(ends.control());
  const auto failed = start(links);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::closed);
  links.add(good.control());
  {
    auto dead = socket_pair(SOCK_STREAM, false);
    links.add(std::move(dead->first));
  }
  EXPECT_TRUE(start(links));
}

TEST(ControlLinks, ASilentWorkerIsGivenUp) {
  FakeWorker silent(Says::nothing);
  ControlLinks links;
  links.add(silent.control());
  const auto failed = start(links, in(std::chrono::milliseconds(50)));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::timeout);
  EXPECT_EQ(start(links).error().code, Code::not_found);
}

TEST(ControlLinks, OneCallAtATimeOnEach) {
  FakeWorker worker;
  ControlLinks links;
  links.add(worker.control());
  links.add(worker.control());
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 20; ++n) good += start(links) ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 160);
}

}  // namespace
}  // namespace tlspool::fetcher
