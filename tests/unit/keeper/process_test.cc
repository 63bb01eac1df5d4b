// SPDX-License-Identifier: Apache-2.0
// The keeper as a process of its own, in its sandbox.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/socket.h"
#include "keeper/environment.h"
#include "keeper/key_match.h"
#include "keeper/main.h"
#include "softhsm_fixture.h"
#include "tls/openssl.h"

namespace tlspool::keeper {
namespace {

class Process : public SoftHsm {
 protected:
  /// Runs `body` in a child and returns its exit code.
  template <class Body>
  int child(Body body) {
    const pid_t pid = fork();
    if (pid == 0) _exit(body());
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
  }
  static Frame frame(wire::Kind kind, Bytes body) { return {kind, 0, std::move(body), {}}; }
};

TEST_F(Process, TokenIsReopenedInsideTheSandbox) {
  key("web", wire::KeyType::p256);
  const int code = child([&] {
    use_own_softhsm();
    Modules modules;
    if (!modules.get(softhsm_module)) return 1;
    if (!enter_sandbox(keeper_sandbox({{token()}, {}, directory_}))) return 2;
    if (open("/etc/tlspool-test", O_WRONLY | O_CREAT, 0600) >= 0) return 3;
    if (socket(AF_INET, SOCK_STREAM, 0) >= 0) return 4;
    if (!(*modules.get(softhsm_module))->restart()) return 5;
    auto open = open_token(modules, token());
    if (!open) return 6;
    auto handle = find_private_key(open->session, open->slot, *Uri::parse("pkcs11:object=web"));
    if (!handle) return 7;
    auto private_key = read_private_key(open->session, *handle);
    if (!private_key) return 8;
    return prove_key(open->session, *private_key, private_key->public_key.get(), open->pin) ? 0 : 9;
  });
  EXPECT_EQ(code, 0);
}

TEST_F(Process, KeeperReportsSignsAndEndsWithItsSupervisor) {
  const wire::KeyRow web = key("web", wire::KeyType::p256);
  auto channel = socket_pair(SOCK_STREAM, true);
  auto packets = socket_pair(SOCK_SEQPACKET, true);
  ASSERT_TRUE(channel && packets);
  const pid_t pid = fork();
  if (pid == 0) {
    channel->first.reset();
    packets->first.reset();
    const int mine = channel->second.release();
    packets->second.reset();
    _exit(run(mine));
  }
  channel->second.reset();
  const int supervisor = channel->first.get();
  make_blocking(supervisor);
  make_blocking(packets->first.get());
  ASSERT_TRUE(send_frame(supervisor, frame(wire::Kind::log_setup, wire::encode(wire::LogSetup{false, 3, "keeper"}))));
  const wire::KeySetup key{1, "default", web.uri, wire::role_server, {}, {}, "web.example"};
  ASSERT_TRUE(send_frame(supervisor, frame(wire::Kind::keeper_setup,
                                           wire::encode(wire::KeeperSetup{{token()}, {key}, directory_}))));
  auto first = receive_frame(supervisor);
  ASSERT_TRUE(first) << first.error().text();
  auto report = wire::decode<wire::KeeperReport>(first->body);
  ASSERT_TRUE(report);
  ASSERT_TRUE(report->keys.at(0).usable) << report->keys.at(0).problem;
  Frame sign = frame(wire::Kind::sign_channel, wire::encode(wire::SignChannel{0, "default"}));
  sign.descriptors.push_back(std::move(packets->second));
  ASSERT_TRUE(send_frame(supervisor, sign));
  sign.descriptors.clear();
  const std::string input = std::string(64, ' ') + "TLS 1.3, server CertificateVerify" + std::string(33, '\0');
  const wire::SignRequest request{5, 1, 0x0403, wire::role_server, true, copy_of(view(input))};
  ASSERT_TRUE(transmit(packets->first.get(), wire::encode(request), {}));
  Bytes packet(4096);
  const ssize_t size = recv(packets->first.get(), packet.data(), packet.size(), 0);
  ASSERT_GT(size, 0);
  packet.resize(static_cast<std::size_t>(size));
  auto reply = wire::decode<wire::SignReply>(packet);
  ASSERT_TRUE(reply);
  EXPECT_FALSE(reply->signature.empty()) << reply->problem;
  channel->first.reset();
  int status = 0;
  waitpid(pid, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

TEST_F(Process, ProvisioningAnswersEachRequestAndEndsWithTheCommand) {
  auto channel = socket_pair(SOCK_STREAM, false);
  ASSERT_TRUE(channel);
  const pid_t pid = fork();
  if (pid == 0) {
    channel->first.reset();
    _exit(provision(channel->second.release()));
  }
  channel->second.reset();
  const int command = channel->first.get();
  ASSERT_TRUE(send_frame(command, frame(wire::Kind::log_setup, wire::encode(wire::LogSetup{false, 3, "provision"}))));
  const auto ask = [&](wire::ProvisionKind kind, Bytes body) {
    EXPECT_TRUE(send_frame(command, {kind, 9, std::move(body), {}}));
    auto answer = receive_frame(command);
    EXPECT_TRUE(answer);
    EXPECT_EQ(answer->number, 9U);
    return std::move(*answer);
  };
  Frame made = ask(wire::ProvisionKind::make_key, wire::encode(wire::MakeKey{token(), "ca", wire::KeyType::p256, 256, false}));
  ASSERT_EQ(static_cast<wire::ProvisionKind>(made.kind), wire::ProvisionKind::key_made);
  const auto row = wire::decode<wire::KeyRow>(made.body);
  ASSERT_TRUE(row);
  made = ask(wire::ProvisionKind::make_authority, wire::encode(wire::MakeAuthority{token(), row->uri, "demo"}));
  EXPECT_EQ(static_cast<wire::ProvisionKind>(made.kind), wire::ProvisionKind::certificate_made);
  made = ask(wire::ProvisionKind::make_key, wire::encode(wire::MakeKey{token(), "ca", wire::KeyType::p256, 256, false}));
  ASSERT_EQ(static_cast<wire::ProvisionKind>(made.kind), wire::ProvisionKind::failed);
  const auto failure = wire::decode<wire::Failure>(made.body);
  ASSERT_TRUE(failure);
  EXPECT_EQ(wire::error_of(*failure).code, Code::invalid);
  channel->first.reset();
  int status = 0;
  waitpid(pid, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

}  // namespace
}  // namespace tlspool::keeper
