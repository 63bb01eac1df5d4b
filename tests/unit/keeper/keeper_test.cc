// SPDX-License-Identifier: Apache-2.0
#include "keeper/keeper.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <chrono>
#include <thread>

#include "keeper/key_match.h"
#include "softhsm_fixture.h"
#include "tls/openssl.h"

namespace tlspool::keeper {
namespace {

using namespace std::chrono_literals;

Bytes server_verify(std::size_t hash = 32) {
  const std::string text = std::string(64, ' ') + "TLS 1.3, server CertificateVerify" + std::string(1 + hash, '\0');
  return copy_of(view(text));
}

/// A keeper on a loop of the test's thread, with the supervisor's side played by the test.
class KeeperTest : public SoftHsm {
 protected:
  void SetUp() override {
    SoftHsm::SetUp();
    web_ = key("web", wire::KeyType::p256);
  }
  void start(std::chrono::milliseconds reopen_after = 30s) {
    keeper_ = std::make_unique<Keeper>(loop_, directory_, KeeperOptions{reopen_after, 2s},
                                       [this](wire::Kind, Bytes) { ++reports_; });
  }
  void TearDown() override {
    workers_.clear();
    keeper_.reset();
    SoftHsm::TearDown();
  }
  [[nodiscard]] wire::KeeperSetup setup(wire::TokenSetup token) const {
    wire::KeySetup key{7, "default", web_.uri, wire::role_server, {}, {}, "web.example"};
    return {{std::move(token)}, {key}, directory_};
  }
  int worker(const std::string& token = "default") {
    auto pair = socket_pair(SOCK_SEQPACKET, true);
    EXPECT_TRUE(pair);
    Frame frame{wire::Kind::sign_channel, 0, wire::encode(wire::SignChannel{0, token}), {}};
    frame.descriptors.push_back(std::move(pair->first));
    keeper_->take(std::move(frame));
    const int flags = fcntl(pair->second.get(), F_GETFL);
    fcntl(pair->second.get(), F_SETFL, flags & ~O_NONBLOCK);
    workers_.push_back(std::move(pair->second));
    return workers_.back().get();
  }
  void ask(int worker, std::uint64_t number, Bytes input, std::uint8_t role = wire::role_server, std::uint32_t key = 7) {
    const wire::SignRequest request{number, key, 0x0403, role, true, std::move(input)};
    ASSERT_TRUE(transmit(worker, wire::encode(request), {}));
  }
  wire::SignReply reply(int worker) {
    Bytes packet(4096);
    const ssize_t size = recv(worker, packet.data(), packet.size(), 0);
    EXPECT_GT(size, 0);
    packet.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    auto out = wire::decode<wire::SignReply>(packet);
    EXPECT_TRUE(out);
    return out ? *out : wire::SignReply{};
  }
  /// Runs the loop until `done` or for two seconds.
  void run_until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + 2s;
    Timer tick(loop_);
    std::function<void()> look = [&] {
      if (done() || std::chrono::steady_clock::now() > end) return loop_.stop();
      tick.start(2ms, look);
    };
    tick.start(1ms, look);
    loop_.run();
    EXPECT_TRUE(done());
  }
  [[nodiscard]] wire::TokenReport token_report() const { return keeper_->report().tokens.at(0); }
  std::string enter_pin(const std::string& pin) {
    auto pair = socket_pair(SOCK_STREAM, false);
    Frame frame{wire::Kind::pin_entry, 0, wire::encode(wire::PinEntry{"default"}), {}};
    frame.descriptors.push_back(std::move(pair->first));
    keeper_->take(std::move(frame));
    EXPECT_TRUE(transmit(pair->second.get(), view(pin), {}));
    shutdown(pair->second.get(), SHUT_WR);
    std::string answer;
    run_until([&] {
      char text[512];
      const ssize_t n = recv(pair->second.get(), text, sizeof text, MSG_DONTWAIT);
      if (n > 0) answer.append(text, static_cast<std::size_t>(n));
      return n == 0;
    });
    return answer;
  }

  wire::KeyRow web_;
  Loop loop_;
  std::unique_ptr<Keeper> keeper_;
  std::vector<UniqueFd> workers_;
  int reports_ = 0;
};

TEST_F(KeeperTest, ReadyTokenSignsACertificateVerify) {
  start();
  keeper_->apply(setup(token()));
  const wire::KeeperReport report = keeper_->report();
  ASSERT_EQ(report.tokens.at(0).state, wire::TokenState::ready) << report.tokens.at(0).problem;
  EXPECT_EQ(report.tokens.at(0).label, "tlspool");
  ASSERT_TRUE(report.keys.at(0).usable) << report.keys.at(0).problem;
  EXPECT_EQ(report.keys.at(0).type, wire::KeyType::p256);
  const int w = worker();
  const auto* at = web_.public_key.data();
  const tls::EvpKey public_key{d2i_PUBKEY(nullptr, &at, static_cast<long>(web_.public_key.size()))};
  for (std::uint64_t n = 1; n <= 20; ++n) ask(w, n, server_verify());
  for (int n = 1; n <= 20; ++n) {
    const wire::SignReply r = reply(w);
    EXPECT_TRUE(r.problem.empty()) << r.problem;
    EXPECT_TRUE(signature_is_good(public_key.get(), 0x0403, server_verify(), r.signature));
  }
}

TEST_F(KeeperTest, ManyThreadsSignWithOneKey) {
  start();
  keeper_->apply(setup(token()));
  const int first = worker();
  const int second = worker();
  int signatures = 0;
  for (int round = 0; round < 200; ++round) {
    for (const int w : {first, second, first, second}) ask(w, 1, server_verify());
    for (const int w : {first, second, first, second}) signatures += reply(w).signature.empty() ? 0 : 1;
  }
  EXPECT_EQ(signatures, 800);
}

// SoftHSM2's keys are signed with by way of a copy; who destroys the original means the key.
TEST_F(KeeperTest, AKeyThatIsDestroyedInTheTokenSignsNoMore) {
  start();
  keeper_->apply(setup(token()));
  const int w = worker();
  ask(w, 1, server_verify());
  ASSERT_FALSE(reply(w).signature.empty());
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_ + "/tokens")) {
    if (entry.path().extension() == ".object" && entry.path().filename() != "token.object") std::filesystem::remove(entry.path());
  }
  const auto end = std::chrono::steady_clock::now() + 20s;
  bool signs = true;
  for (std::uint64_t number = 2; signs && std::chrono::steady_clock::now() < end; ++number) {
    ask(w, number, server_verify());
    signs = !reply(w).signature.empty();
  }
  EXPECT_FALSE(signs);
}

// The copy must not be found in place of the key, nor beside it.
TEST_F(KeeperTest, AnotherSetupFindsTheKeysAgain) {
  start();
  wire::KeeperSetup twice = setup(token());
  twice.keys.push_back(twice.keys.front());
  twice.keys.back().key = 8;
  for (int i = 0; i < 3; ++i) {
    keeper_->apply(twice);
    for (const wire::KeyReport& report : keeper_->report().keys) EXPECT_TRUE(report.usable) << report.problem;
    const int w = worker();
    ask(w, 1, server_verify(), wire::role_server, 8);
    EXPECT_FALSE(reply(w).signature.empty());
  }
}

TEST_F(KeeperTest, WhatIsNoHandshakeIsRefused) {
  start();
  keeper_->apply(setup(token()));
  const int w = worker();
  ask(w, 1, Bytes(32, 7));
  EXPECT_TRUE(reply(w).signature.empty());
  ask(w, 2, server_verify(), wire::role_client);  // the identity is a server only
  EXPECT_TRUE(reply(w).signature.empty());
  ask(w, 3, server_verify(), wire::role_server, 8);
  const wire::SignReply r = reply(w);
  EXPECT_TRUE(r.signature.empty());
  EXPECT_NE(r.problem.find("no such key"), std::string::npos);
}

TEST_F(KeeperTest, MalformedPacketEndsTheChannel) {
  start();
  keeper_->apply(setup(token()));
  const int w = worker();
  ASSERT_TRUE(transmit(w, view("garbage"), {}));
  char byte;
  EXPECT_EQ(recv(w, &byte, 1, 0), 0);
}

TEST_F(KeeperTest, WrongPinIsTriedOnceEvenOverARestart) {
  const std::string right = read("pin");
  write("pin", "not the pin");
  for (int round = 0; round < 3; ++round) {
    start();
    keeper_->apply(setup(shimmed()));
    keeper_->apply(setup(shimmed()));
    EXPECT_EQ(token_report().state, wire::TokenState::pin_rejected);
    EXPECT_NE(token_report().problem.find("C_Login"), std::string::npos) << token_report().problem;
    EXPECT_EQ(logins(), 1);
    keeper_.reset();
  }
  write("pin", right);
  start();
  keeper_->apply(setup(shimmed()));
  EXPECT_EQ(token_report().state, wire::TokenState::ready) << token_report().problem;
  EXPECT_EQ(read("rejected-pins").find("not the pin"), std::string::npos);
}

TEST_F(KeeperTest, PinFileOpenToOthersIsNotRead) {
  chmod("pin", 0644);
  start();
  keeper_->apply(setup(shimmed()));
  EXPECT_EQ(token_report().state, wire::TokenState::locked);
  EXPECT_NE(token_report().problem.find("chmod 600"), std::string::npos);
  EXPECT_EQ(logins(), 0);
}

TEST_F(KeeperTest, EnteredPinOpensTheToken) {
  wire::TokenSetup manual = shimmed();
  const std::string pin = read("pin");
  manual.pin_file.clear();
  start();
  keeper_->apply(setup(manual));
  EXPECT_EQ(token_report().state, wire::TokenState::locked);
  const int w = worker();
  ask(w, 1, server_verify());
  EXPECT_NE(reply(w).problem.find("tlspool pin"), std::string::npos);
  EXPECT_NE(enter_pin("wrong").find("CKR_PIN_INCORRECT"), std::string::npos);
  EXPECT_NE(enter_pin("wrong").find("rejected before"), std::string::npos);
  EXPECT_EQ(logins(), 1);
  EXPECT_EQ(enter_pin(pin + "\n"), "ok\n");
  EXPECT_GE(reports_, 3);
  ask(w, 2, server_verify());
  EXPECT_FALSE(reply(w).signature.empty());
}

TEST_F(KeeperTest, CredentialOfTheServiceOpensTheToken) {
  std::filesystem::create_directory("credentials");
  write("credentials/office", read("pin") + "\n", 0440);
  setenv("CREDENTIALS_DIRECTORY", (directory_ + "/credentials").c_str(), 1);
  wire::TokenSetup by_credential = token();
  by_credential.pin_file.clear();
  by_credential.pin_credential = "office";
  start();
  keeper_->apply(setup(by_credential));
  EXPECT_EQ(token_report().state, wire::TokenState::ready) << token_report().problem;
  unsetenv("CREDENTIALS_DIRECTORY");
}

TEST_F(KeeperTest, PinFileCountsWhereTheServiceHasNoSuchCredential) {
  std::filesystem::create_directory("credentials");
  setenv("CREDENTIALS_DIRECTORY", (directory_ + "/credentials").c_str(), 1);
  wire::TokenSetup both = token();
  both.pin_credential = "office";
  start();
  keeper_->apply(setup(both));
  EXPECT_EQ(token_report().state, wire::TokenState::ready) << token_report().problem;
  unsetenv("CREDENTIALS_DIRECTORY");
}

TEST_F(KeeperTest, CredentialThatIsNoGoodIsNotMadeUpForByThePinFile) {
  std::filesystem::create_directory("credentials");
  write("credentials/office", "\n", 0440);
  setenv("CREDENTIALS_DIRECTORY", (directory_ + "/credentials").c_str(), 1);
  wire::TokenSetup both = token();
  both.pin_credential = "office";
  start();
  keeper_->apply(setup(both));
  EXPECT_NE(token_report().state, wire::TokenState::ready);
  unsetenv("CREDENTIALS_DIRECTORY");
}

TEST_F(KeeperTest, FailedTokenAnswersAtOnceAndIsReopened) {
  start(300ms);
  keeper_->apply(setup(shimmed()));
  ASSERT_EQ(token_report().state, wire::TokenState::ready) << token_report().problem;
  const int w = worker();
  ask(w, 1, server_verify());
  EXPECT_FALSE(reply(w).signature.empty());
  write("fail", "");
  ask(w, 2, server_verify());
  // C_SignInit, or C_OpenSession where the other thread takes it.
  EXPECT_NE(reply(w).problem.find(": token=default: CKR_DEVICE_ERROR"), std::string::npos);
  run_until([&] { return reports_ > 0; });
  EXPECT_EQ(token_report().state, wire::TokenState::failed);
  EXPECT_FALSE(keeper_->report().keys.at(0).usable);
  std::filesystem::remove("fail");
  ask(w, 3, server_verify());
  EXPECT_NE(reply(w).problem.find("CKR_DEVICE_ERROR"), std::string::npos);  // not before its time
  run_until([&] { return token_report().state == wire::TokenState::ready; });
  ask(w, 4, server_verify());
  EXPECT_FALSE(reply(w).signature.empty());
}

TEST_F(KeeperTest, ReopeningDuringSignaturesLosesNoAnswer) {
  start(20ms);
  keeper_->apply(setup(shimmed()));
  const int w = worker();
  int answered = 0;
  std::atomic<bool> over = false;
  std::thread program([&] {
    for (int n = 0; n < 200; ++n) {
      if (n % 50 == 10) write("fail", "");
      if (n % 50 == 12) std::filesystem::remove("fail");
      ask(w, static_cast<std::uint64_t>(n), server_verify());
      (void)reply(w);
      ++answered;
      std::this_thread::sleep_for(1ms);
    }
    over = true;
  });
  run_until([&] { return over.load(); });
  program.join();
  EXPECT_EQ(answered, 200);
}

TEST_F(KeeperTest, SlowTokenSignsSideBySide) {
  setenv("TLSPOOL_SLOW_TOKEN_MS", "200", 1);
  start();
  keeper_->apply(setup(shimmed()));
  const int w = worker();
  ask(w, 1, server_verify());
  ask(w, 2, server_verify());
  EXPECT_FALSE(reply(w).signature.empty());
  EXPECT_FALSE(reply(w).signature.empty());
  void* shim = dlopen(TLSPOOL_SLOW_TOKEN, RTLD_NOW | RTLD_NOLOAD);
  ASSERT_NE(shim, nullptr);
  EXPECT_EQ(reinterpret_cast<int (*)()>(dlsym(shim, "tlspool_most_signing"))(), 2);
  dlclose(shim);
}

TEST_F(KeeperTest, ReloadKeepsTheOpenTokenAndClosesTheOneThatIsGone) {
  start();
  keeper_->apply(setup(shimmed()));
  const int w = worker();
  keeper_->apply(setup(shimmed()));
  EXPECT_EQ(logins(), 1);
  ask(w, 1, server_verify());
  EXPECT_FALSE(reply(w).signature.empty());
  keeper_->apply({{}, {}, directory_});
  EXPECT_TRUE(keeper_->report().tokens.empty());
  ask(w, 2, server_verify());
  EXPECT_NE(reply(w).problem.find("no longer in the configuration"), std::string::npos);
}

TEST_F(KeeperTest, CertificateOfAnotherKeyIsTheKeysProblem) {
  const wire::KeyRow other = key("other", wire::KeyType::p256);
  const auto root = [&] {
    Modules modules;
    return make_authority(modules, {token(), other.uri, "demo"});
  }();
  ASSERT_TRUE(root) << root.error().text();
  wire::KeeperSetup mine = setup(token());
  mine.keys[0].leaf = root->der;
  start();
  keeper_->apply(mine);
  EXPECT_EQ(token_report().state, wire::TokenState::ready);
  EXPECT_FALSE(keeper_->report().keys.at(0).usable);
  EXPECT_NE(keeper_->report().keys.at(0).problem.find("of another key"), std::string::npos);
}

TEST_F(KeeperTest, MissingThingsNameTheirCall) {
  start();
  wire::KeeperSetup mine = setup(token());
  mine.keys[0].uri = "pkcs11:token=tlspool;object=gone;type=private";
  keeper_->apply(mine);
  EXPECT_NE(keeper_->report().keys.at(0).problem.find("C_FindObjects"), std::string::npos);
  mine.tokens[0].uri = "pkcs11:token=elsewhere";
  keeper_->apply(mine);
  EXPECT_EQ(token_report().state, wire::TokenState::missing);
  mine.tokens[0].module = "/nowhere.so";
  keeper_->apply(mine);
  EXPECT_NE(token_report().problem.find("p11_kit_module_load: /nowhere.so"), std::string::npos);
}

}  // namespace
}  // namespace tlspool::keeper
