// SPDX-License-Identifier: Apache-2.0
#include "judge/main.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "../temporary_directory.h"
#include "../trust/pki.h"
#include "loop/channel.h"
#include "wire/ipc.h"

namespace tlspool::judge {
namespace {

using namespace tlspool::test;
using wire::Kind;

// A judge in a process of its own, since its sandbox can't be left again.
class JudgeProcess : public testing::Test {
 protected:
  const test::TemporaryDirectory temporary_;
  const std::string directory_ = temporary_.path();

  void SetUp() override {
    auto pair = socket_pair(SOCK_STREAM, false);
    ASSERT_TRUE(pair);
    child_ = fork();
    ASSERT_GE(child_, 0);
    if (child_ == 0) {
      pair->first.reset();
      _exit(run(pair->second.release()));
    }
    supervisor_ = std::move(pair->first);
    limit(supervisor_);
    send(supervisor_, Kind::log_setup, wire::encode(wire::LogSetup{false, 3, "judge"}));
  }
  void TearDown() override {
    supervisor_.reset();
    EXPECT_EQ(wait_for_end(), 0);
  }
  int wait_for_end() {
    if (child_ == 0) return 0;
    int status = 0;
    waitpid(std::exchange(child_, 0), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
  }
  static void limit(const UniqueFd& fd) {
    const timeval wait{10, 0};
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  }
  static void send(const UniqueFd& fd, Kind kind, Bytes body, std::uint64_t number = 0, UniqueFd descriptor = {}) {
    Frame frame{kind, number, std::move(body), {}};
    if (descriptor.valid()) frame.descriptors.push_back(std::move(descriptor));
    ASSERT_TRUE(send_frame(fd.get(), frame));
  }
  std::string file(const std::string& name, const std::string& text) {
    const std::string path = directory_ + "/" + name;
    std::ofstream(path) << text;
    return path;
  }
  wire::JudgeReady set_up(std::vector<std::string> files, bool system = false) {
    send(supervisor_, Kind::judge_setup, wire::encode(wire::JudgeSetup{system, std::move(files)}));
    auto frame = receive_frame(supervisor_.get());
    EXPECT_TRUE(frame) << frame.error().text();
    if (!frame || frame->kind != Kind::judge_ready) return {};
    return wire::decode<wire::JudgeReady>(frame->body).value();
  }
  UniqueFd worker() {
    auto pair = socket_pair(SOCK_STREAM, false).value();
    send(supervisor_, Kind::judge_channel, {}, 0, std::move(pair.second));
    limit(pair.first);
    return std::move(pair.first);
  }
  static wire::ChainVerdict ask(const UniqueFd& fd, const Party& leaf, std::uint64_t number) {
    send(fd, Kind::chain_query, wire::encode(wire::ChainQuery{true, "web.example", {leaf.der()}, ""}), number);
    auto frame = receive_frame(fd.get());
    EXPECT_TRUE(frame) << frame.error().text();
    if (!frame) return {};
    EXPECT_EQ(frame->kind, Kind::chain_verdict);
    EXPECT_EQ(frame->number, number);
    return wire::decode<wire::ChainVerdict>(frame->body).value();
  }
  static Party web(const Party& ca) {
    Spec s;
    s.san = "DNS:web.example";
    return issue(s, &ca);
  }

  UniqueFd supervisor_;
  pid_t child_ = 0;
};

TEST_F(JudgeProcess, AnswersEveryWorkerByNumber) {
  const Party ca = issue(ca_spec("Root"));
  const auto ready = set_up({file("ca.pem", ca.pem())});
  EXPECT_EQ(ready.anchors, 1u);
  EXPECT_EQ(ready.problem, "");
  const UniqueFd one = worker();
  const UniqueFd two = worker();
  EXPECT_TRUE(ask(one, web(ca), 7).accepted);
  EXPECT_TRUE(ask(two, web(ca), 8).accepted);
  EXPECT_FALSE(ask(one, web(issue(ca_spec("Other"))), 9).accepted);
}

TEST_F(JudgeProcess, BrokenAnchorFileIsNamedAndTheRestCounts) {
  const std::string good = file("good.pem", issue(ca_spec("Root")).pem());
  const std::string bad = file("bad.pem", "no certificate");
  const auto ready = set_up({bad, good, directory_ + "/none.pem"});
  EXPECT_EQ(ready.anchors, 1u);
  EXPECT_NE(ready.problem.find("bad.pem"), std::string::npos) << ready.problem;
  EXPECT_NE(ready.problem.find("none.pem: No such file"), std::string::npos) << ready.problem;
}

TEST_F(JudgeProcess, SystemBundleIsRead) {
  ASSERT_TRUE(std::filesystem::exists("/etc/ssl/certs/ca-certificates.crt")) << "install ca-certificates";
  EXPECT_GT(set_up({}, true).anchors, 20u);
  EXPECT_EQ(set_up({}, false).anchors, 0u);
  EXPECT_GT(set_up({}, true).anchors, 20u);
}

TEST_F(JudgeProcess, ReloadReadsAReplacedFileFromInsideTheSandbox) {
  const Party first = issue(ca_spec("First"));
  const Party second = issue(ca_spec("Second"));
  const std::string path = file("ca.pem", first.pem());
  set_up({path});
  const UniqueFd fd = worker();
  EXPECT_TRUE(ask(fd, web(first), 1).accepted);
  std::filesystem::rename(file("new.pem", second.pem()), path);
  EXPECT_EQ(set_up({path}).problem, "");
  EXPECT_FALSE(ask(fd, web(first), 2).accepted);
  EXPECT_TRUE(ask(fd, web(second), 3).accepted);
}

TEST_F(JudgeProcess, BeforeTheSetUpEverythingIsRefused) {
  const UniqueFd fd = worker();
  const auto v = ask(fd, web(issue(ca_spec("Root"))), 1);
  EXPECT_FALSE(v.accepted);
  EXPECT_NE(v.reason, "");
}

TEST_F(JudgeProcess, MalformedQuestionDropsThatWorkerOnly) {
  const Party ca = issue(ca_spec("Root"));
  set_up({file("ca.pem", ca.pem())});
  const UniqueFd bad = worker();
  const UniqueFd good = worker();
  send(bad, Kind::chain_query, Bytes{1, 2, 3}, 1);
  EXPECT_EQ(receive_frame(bad.get()).error().code, Code::closed);
  EXPECT_TRUE(ask(good, web(ca), 2).accepted);
}

TEST_F(JudgeProcess, SandboxShutsOtherFiles) {
  std::filesystem::create_directory(directory_ + "/keeper");
  const std::string pin = file("keeper/pin", issue(ca_spec("Root")).pem());
  set_up({file("ca.pem", issue(ca_spec("Root")).pem())});
  const auto ready = set_up({pin});
  EXPECT_TRUE(ready.refused);
  EXPECT_EQ(ready.anchors, 1u);
  EXPECT_NE(ready.problem.find("Permission denied"), std::string::npos) << ready.problem;
}

TEST_F(JudgeProcess, ASetUpWithANewProblemIsRefusedAndTheOldOneHolds) {
  const Party ca = issue(ca_spec("Root"));
  const std::string good = file("good.pem", ca.pem());
  const std::string lost = directory_ + "/lost.pem";
  EXPECT_FALSE(set_up({good, lost}).refused);  // at the start it counts what there is
  const UniqueFd fd = worker();
  EXPECT_FALSE(set_up({good, lost}).refused);  // no worse than before
  const auto ready = set_up({lost, file("bad.pem", "no certificate")});
  EXPECT_TRUE(ready.refused);
  EXPECT_NE(ready.problem.find("bad.pem"), std::string::npos) << ready.problem;
  EXPECT_EQ(ready.problem.find("lost.pem"), std::string::npos) << ready.problem;
  EXPECT_TRUE(ask(fd, web(ca), 1).accepted);
  EXPECT_FALSE(set_up({good}).refused);
}

TEST_F(JudgeProcess, EndsCleanlyOnSigterm) {
  set_up({});
  kill(child_, SIGTERM);
  EXPECT_EQ(wait_for_end(), 0);
}

TEST_F(JudgeProcess, MalformedSetUpEndsItWithAnError) {
  send(supervisor_, Kind::judge_setup, Bytes{1});
  EXPECT_EQ(wait_for_end(), 1);
}

}  // namespace
}  // namespace tlspool::judge
