// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <thread>

#include "counters/exposition.h"

namespace tlspool::counters {
namespace {

using namespace std::chrono_literals;

std::string line_of(const std::string& text, const std::string& series) {
  const auto at = text.find("\n" + series + " ");
  return at == std::string::npos ? "" : text.substr(at + 1, text.find('\n', at + 1) - at - 1);
}

/// Counts in a page of its own, as a process of the pool does.
class Counters : public testing::Test {
 protected:
  void SetUp() override {
    page.emplace(Page::make().value());
    ASSERT_TRUE(count_in(page->for_writer().value()));
    pages = {page->slots()};
  }
  [[nodiscard]] std::string shown() const { return text({"1.2.3", pages, tokens, processes, {100, 4096, 1'000'000}}); }
  std::optional<Page> page;
  std::vector<const Slot*> pages;
  std::vector<std::string> tokens{"default"};
  std::vector<ProcessRow> processes;
};

TEST(Table, SlotsOfDifferentLabelsDiffer) {
  std::set<std::size_t> all;
  for (int role = 0; role < 2; ++role) {
    for (int version = 0; version < 3; ++version) {
      for (int outcome = 0; outcome < 11; ++outcome) {
        all.insert(slot<Family::handshakes>(static_cast<Role>(role), static_cast<Version>(version), static_cast<Outcome>(outcome)));
      }
    }
  }
  EXPECT_EQ(all.size(), 66U);
  EXPECT_EQ(*all.rbegin() - *all.begin(), 65U);
}

TEST(Table, AValueThatThereIsNotCountsAsTheLast) {
  EXPECT_EQ(slot<Family::handshake_checks>(Role::client, static_cast<Check>(200)), slot<Family::handshake_checks>(Role::client, Check::other));
  EXPECT_EQ(slot<Family::token_ready>(static_cast<Token>(255)), slot<Family::token_ready>(static_cast<Token>(most_tokens - 1)));
  EXPECT_EQ(value_of<Check>("key-strength"), Check::key_strength);
  EXPECT_EQ(value_of<Check>("no such check"), Check::other);
}

TEST(Table, NamesFollowTheRulesOfPrometheus) {
  std::set<std::string_view> names;
  for (const Descriptor& d : table) {
    EXPECT_TRUE(names.insert(d.name).second) << d.name;
    EXPECT_TRUE(d.name.starts_with("tlspool_")) << d.name;
    EXPECT_EQ(d.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string_view::npos) << d.name;
    EXPECT_EQ(d.name.ends_with("_total"), d.type == Type::counter) << d.name;
    EXPECT_TRUE(d.type != Type::histogram || d.name.ends_with("_seconds")) << d.name;
    EXPECT_EQ(d.type == Type::histogram, !d.bounds.empty()) << d.name;
    EXPECT_TRUE(std::ranges::is_sorted(d.bounds)) << d.name;
    EXPECT_TRUE(d.help.ends_with('.')) << d.name;
  }
}

TEST_F(Counters, ShowWhatWasCounted) {
  count<Family::handshakes>(Role::server, Version::tls13, Outcome::completed);
  count<Family::handshakes>(Role::server, Version::tls13, Outcome::completed);
  add<Family::bytes>(1'000'000'000'000, Direction::in);
  const std::string all = shown();
  EXPECT_EQ(line_of(all, R"(tlspool_handshakes_total{role="server",version="tls13",outcome="completed"})"),
            R"(tlspool_handshakes_total{role="server",version="tls13",outcome="completed"} 2)");
  EXPECT_NE(line_of(all, R"(tlspool_handshakes_total{role="client",version="tls13",outcome="completed"})"), "");
  EXPECT_EQ(line_of(all, R"(tlspool_session_bytes_total{direction="in"})"), R"(tlspool_session_bytes_total{direction="in"} 1000000000000)");
}

TEST_F(Counters, HistogramsCountUpToTheLastBucket) {
  for (const auto took : {10us, 50us, 51us, 700us, 3'000'000us, 100'000'000us}) observe<Family::judge_wait>(took);
  observe<Family::judge_wait>(-5us);  // a clock that stood still counts as nothing
  const std::string all = shown();
  const auto bucket = [&](const char* le) { return line_of(all, std::string("tlspool_judge_wait_seconds_bucket{le=\"") + le + "\"}"); };
  EXPECT_EQ(bucket("5e-05"), "tlspool_judge_wait_seconds_bucket{le=\"5e-05\"} 3");
  EXPECT_EQ(bucket("0.0001"), "tlspool_judge_wait_seconds_bucket{le=\"0.0001\"} 4");
  EXPECT_EQ(bucket("0.001"), "tlspool_judge_wait_seconds_bucket{le=\"0.001\"} 5");
  EXPECT_EQ(bucket("30"), "tlspool_judge_wait_seconds_bucket{le=\"30\"} 6");
  EXPECT_EQ(bucket("+Inf"), "tlspool_judge_wait_seconds_bucket{le=\"+Inf\"} 7");
  EXPECT_EQ(line_of(all, "tlspool_judge_wait_seconds_count"), "tlspool_judge_wait_seconds_count 7");
  EXPECT_EQ(line_of(all, "tlspool_judge_wait_seconds_sum"), "tlspool_judge_wait_seconds_sum 103.000811");
}

TEST_F(Counters, TokensAreShownByTheirNames) {
  tokens = {"default", "", "of\"fice\\\n"};
  set<Family::token_ready>(1, static_cast<Token>(2));
  observe<Family::signature_time>(200us, static_cast<Token>(0));
  const std::string all = shown();
  EXPECT_NE(all.find("tlspool_token_ready{token=\"of\\\"fice\\\\\\n\"} 1\n"), std::string::npos);
  EXPECT_NE(all.find("tlspool_token_signature_duration_seconds_count{token=\"default\"} 1\n"), std::string::npos);
  EXPECT_EQ(all.find("token=\"\""), std::string::npos);
}

TEST_F(Counters, PagesAreSummedAndGaugesMayFall) {
  const Page other = Page::make().value();
  pages.push_back(other.slots());
  change<Family::sessions>(5, Role::client);
  ASSERT_TRUE(count_in(other.for_writer().value()));
  change<Family::sessions>(3, Role::client);
  change<Family::sessions>(-1, Role::client);
  change<Family::handshakes_in_flight>(-2);
  EXPECT_EQ(line_of(shown(), "tlspool_sessions{role=\"client\"}"), "tlspool_sessions{role=\"client\"} 7");
  EXPECT_EQ(line_of(shown(), "tlspool_handshakes_in_flight"), "tlspool_handshakes_in_flight -2");
}

TEST_F(Counters, TotalsGoOnAndGaugesBeginAgainWithTheNextProcess) {
  count<Family::reloads>(Reload::applied);
  change<Family::sessions>(5, Role::server);
  ASSERT_TRUE(count_in(page->for_writer().value()));
  count<Family::reloads>(Reload::applied);
  EXPECT_EQ(line_of(shown(), "tlspool_reloads_total{result=\"applied\"}"), "tlspool_reloads_total{result=\"applied\"} 2");
  EXPECT_EQ(line_of(shown(), "tlspool_sessions{role=\"server\"}"), "tlspool_sessions{role=\"server\"} 0");
}

TEST_F(Counters, ThreadsLoseNothing) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      for (int n = 0; n < 10'000; ++n) count<Family::signatures>(static_cast<Token>(0), Mechanism::ecdsa_p256, SignResult::signed_);
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_NE(shown().find(R"(tlspool_token_signatures_total{token="default",mechanism="ecdsa_p256",result="signed"} 40000)"), std::string::npos);
}

TEST_F(Counters, AReaderCanNotWrite) {
  const UniqueFd reader = page->for_reader().value();
  EXPECT_EQ(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, reader.get(), 0), MAP_FAILED);
  EXPECT_EQ(errno, EACCES);
  EXPECT_LT(write(reader.get(), "x", 1), 0);
  count<Family::reloads>(Reload::applied);
  const Slot* seen = map_for_reading(page->for_reader().value()).value();
  EXPECT_EQ(seen[slot<Family::reloads>(Reload::applied)].load(), 1U);
}

TEST_F(Counters, AWriterCanNotShrinkThePageUnderItsReaders) {
  const UniqueFd writer = page->for_writer().value();
  EXPECT_NE(ftruncate(writer.get(), 0), 0);
  EXPECT_NE(ftruncate(writer.get(), 1 << 20), 0);
  EXPECT_NE(fcntl(writer.get(), F_ADD_SEALS, F_SEAL_WRITE), 0);
}

TEST_F(Counters, WhatIsNoPageIsRefused) {
  EXPECT_FALSE(count_in(UniqueFd{open("/dev/null", O_RDWR | O_CLOEXEC)}));
  EXPECT_FALSE(count_in(UniqueFd{}));
  UniqueFd small{memfd_create("small", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  ASSERT_EQ(fcntl(small.get(), F_ADD_SEALS, F_SEAL_SHRINK), 0);
  EXPECT_FALSE(map_for_reading(std::move(small)));
  UniqueFd unsealed{memfd_create("unsealed", MFD_CLOEXEC)};
  ASSERT_EQ(ftruncate(unsealed.get(), 1 << 20), 0);
  EXPECT_FALSE(map_for_reading(std::move(unsealed)));
}

TEST_F(Counters, ProcessesAreShownAsTheKernelTells) {
  const auto facts = parse_stat("4242 (tls) pool (x)) S 1 4242 4242 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 7 0 200 8192000 300 18446744073709551615 1 1 0\n");
  ASSERT_TRUE(facts);
  processes.push_back({"worker-0", *facts});
  const std::string all = shown();
  EXPECT_EQ(line_of(all, R"(tlspool_process_cpu_seconds_total{process="worker-0"})"), R"(tlspool_process_cpu_seconds_total{process="worker-0"} 2.00)");
  EXPECT_EQ(line_of(all, R"(tlspool_process_resident_memory_bytes{process="worker-0"})"),
            R"(tlspool_process_resident_memory_bytes{process="worker-0"} 1228800)");
  EXPECT_EQ(line_of(all, R"(tlspool_process_threads{process="worker-0"})"), R"(tlspool_process_threads{process="worker-0"} 7)");
  EXPECT_EQ(line_of(all, R"(tlspool_process_start_time_seconds{process="worker-0"})"),
            R"(tlspool_process_start_time_seconds{process="worker-0"} 1000002)");
  EXPECT_FALSE(parse_stat(""));
  EXPECT_FALSE(parse_stat("1 (x) S 1 2 3"));
}

}  // namespace
}  // namespace tlspool::counters
