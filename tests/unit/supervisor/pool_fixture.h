// SPDX-License-Identifier: Apache-2.0
// The supervisor's wiring with processes that only pretend (fake_process_test.cc).
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>

#include "../turn_until.h"
#include "../temporary_directory.h"
#include "base/socket.h"
#include "supervisor/admin.h"
#include "supervisor/pool.h"
#include "wire/key_admin.h"
#include "wire/varlink.h"

namespace tlspool::supervisor {

using namespace std::chrono_literals;

inline config::Config two_tokens() {
  config::Config config;
  config.tokens.push_back({"default", "/m.so", "pkcs11:token=x", "", "", 4});
  config.tokens.push_back({"office", "/m.so", "pkcs11:token=y", "", "", 4});
  config::Identity web{"web.example", {}, wire::role_server};
  web.credentials.push_back({"pkcs11:object=web", "/web.pem", "default", 1, "f"});
  config.identities.push_back(web);
  return config;
}

inline Content content() { return {two_tokens(), {{{"/web.pem", {Bytes{1}}}}, {}}, {}}; }

inline Content content_with_kme() {
  Content out = content();
  out.config.kmes.push_back({"kme-a", "kme.example", 443, "", "web.example", "kme.example", 1000});
  return out;
}

inline Content renamed() {
  Content out = content();
  out.config.identities[0].name = "new.example";
  return out;
}

class PoolTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(directory + "/keeper");
  }
  void TearDown() override {
    admin.reset();
    if (pool) stop();
    pool.reset();
    child.reset();
    unsetenv("FAKE_BROKEN");
  }
  void make() {
    config::Paths paths{directory, directory + "/keeper", directory + "/run", directory + "/judge"};
    UniqueFd listener = listen_unix(directory + "/pool.sock", 0600).value();
    pool = std::make_unique<Pool>(loop, Ground{paths, {getuid(), getgid()}, {}, {}, {}, 2, {}}, first,
                                  std::move(listener),
                                  Pool::Events{[this] { ready = true; }, [this](const std::string& w) { why = w; }});
    child = std::make_unique<SignalWatch>(loop, SIGCHLD, [this](int) { pool->reap(); });
  }
  void start() {
    make();
    ASSERT_TRUE(pool->start());
    ASSERT_TRUE(until([this] { return ready; })) << why;
  }
  void stop() {
    bool stopped = false;
    pool->stop([&] { stopped = true; });
    EXPECT_TRUE(until([&] { return stopped; }));
  }
  template <class Condition>
  bool until(Condition happened) {
    return test::turn_until(loop, happened);
  }
  std::vector<wire::SessionRow> rows() {
    std::optional<std::vector<wire::SessionRow>> out;
    pool->ask_workers(wire::Kind::sessions_query, [&](const std::vector<Bytes>& lists) {
      out.emplace();
      for (const Bytes& b : lists) {
        const auto list = wire::decode<wire::SessionList>(b);
        for (const auto& row : list->sessions) out->push_back(row);
      }
    });
    EXPECT_TRUE(until([&] { return out.has_value(); }));
    std::sort(out->begin(), out->end(), [](const auto& a, const auto& b) { return a.worker < b.worker; });
    return *out;
  }
  Child& named(const std::string& name) {
    for (Child* c : pool->children()) {
      if (c->name() == name) return *c;
    }
    std::abort();
  }
  void kill_and_wait(const std::string& name) {
    Child& c = named(name);
    c.signal(SIGKILL);
    EXPECT_TRUE(until([&] { return c.restarts() == 1 && c.phase() == Child::Phase::ready; }));
  }
  // 'f': the keeper and the fetcher share a channel; '-': the keeper has none.
  char fetcher_of_keeper() {
    const auto answer = call("io.tlspool.Admin.OpenKeys");
    EXPECT_EQ(answer.error, "");
    EXPECT_EQ(answer.parameters.number("keysFileDescriptor", -1), 0);
    char line[4]{};
    EXPECT_EQ(answer_fds.empty() ? 0 : read(answer_fds[0].get(), line, 3), 3);
    return line[2];
  }
  std::vector<std::string> names() {
    std::vector<std::string> out;
    for (const Child* c : pool->children()) out.push_back(c->name());
    return out;
  }
  // One call on the administrators' socket; fills `answer_fds`.
  wire::Answer call(const std::string& method, wire::Value parameters = wire::Value::object()) {
    const std::string path = directory + "/admin.sock";
    if (!admin) {
      admin_socket = listen_unix(path, 0600).value();
      Admin::Functions functions;
      functions.reload = [this](std::function<void(Status)> done) {
        if (broken) return done(fail({Code::config, "configuration", "tlspool.toml:3", "broken", {}}));
        pool->reload(second, std::move(done));
      };
      functions.upgrade = [](const std::function<void(const Result<pid_t>&)>& done) { done(fail({Code::busy, "upgrade", "", "there is no other", {}})); };
      functions.ask_before = [](const std::string&, const wire::Value&, const std::function<void(const wire::Value*)>& answer) { answer(nullptr); };
      admin = std::make_unique<Admin>(loop, admin_socket.get(), *pool, std::move(functions));
    }
    const UniqueFd client = connect_unix(path).value();
    (void)transmit(client.get(), view(wire::call_text(method, std::move(parameters))), {});
    std::string text;
    answer_fds.clear();
    const bool came = until([&] {
      std::array<std::uint8_t, 65536> buffer;
      auto got = receive(client.get(), buffer, MSG_DONTWAIT);
      if (!got || !*got) {
        Timer soon(loop);
        soon.start(1ms, [] {});
        loop.turn(std::chrono::milliseconds{100});
        return false;
      }
      for (auto& fd : (*got)->descriptors) answer_fds.push_back(std::move(fd));
      text += text_of({buffer.data(), (*got)->size});
      return !text.empty() && text.back() == '\0';
    });
    EXPECT_TRUE(came);
    if (!text.empty()) text.pop_back();
    auto answer = wire::parse_answer(text);
    EXPECT_TRUE(answer) << text;
    return answer ? *answer : wire::Answer{};
  }

  Loop loop;
  const test::TemporaryDirectory temporary;
  const std::string directory = temporary.path();
  bool ready = false;
  bool broken = false;
  Content first = content();
  Content second = renamed();  // after a reload
  std::string why;
  UniqueFd admin_socket;
  std::vector<UniqueFd> answer_fds;
  std::unique_ptr<Pool> pool;
  std::unique_ptr<SignalWatch> child;
  std::unique_ptr<Admin> admin;
};

}  // namespace tlspool::supervisor
