// SPDX-License-Identifier: Apache-2.0
#include "fake_process.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "base/fd.h"
#include "loop/channel.h"
#include "wire/ipc.h"

namespace tlspool::supervisor {
namespace {

using wire::Kind;

template <class T>
void answer(int channel, Kind kind, std::uint64_t number, const T& body) {
  (void)send_frame(channel, Frame{kind, number, wire::encode(body), {}});
}

void report(int channel, const wire::KeeperSetup& setup) {
  wire::KeeperReport out;
  for (const auto& token : setup.tokens) out.tokens.push_back({token.name, wire::TokenState::ready, "label", "fake", ""});
  for (const auto& key : setup.keys) out.keys.push_back({key.key, true, wire::KeyType::p256, 256, false, {}, ""});
  answer(channel, Kind::keeper_report, 0, out);
}

// The session row says what the worker holds, so that the test can ask for it.
struct WorkerState {
  wire::WorkerSetup setup;
  int sign_ends = 0;
  int judge_ends = 0;
  int listeners = 0;
  int key_ends = 0;
  int fetcher_controls = 0;
};

// What the keeper says on a connection for shared keys: whether the fetcher is at the other end of its channel.
void say_fetcher(const UniqueFd& to, const UniqueFd& channel) {
  char from_fetcher = '-';
  if (channel.valid()) (void)!read(channel.get(), &from_fetcher, 1);
  const char line[] = {'o', 'k', from_fetcher};
  (void)!write(to.get(), line, sizeof line);
}

void worker_frame(int channel, const Frame& frame, WorkerState& state) {
  switch (static_cast<Kind>(frame.kind)) {
    case Kind::worker_setup:
      state.setup = wire::decode<wire::WorkerSetup>(frame.body).value();
      (void)send_frame(channel, Frame{Kind::worker_ready, 0, {}, {}});
      break;
    case Kind::sign_end: ++state.sign_ends; break;
    case Kind::judge_end: ++state.judge_ends; break;
    case Kind::listener: ++state.listeners; break;
    case Kind::key_end: ++state.key_ends; break;
    case Kind::fetcher_control: ++state.fetcher_controls; break;
    case Kind::counters_query: answer(channel, Kind::counters_answer, frame.number, wire::Counters{1, 2, 3, 4, 5}); break;
    case Kind::sessions_query: {
      wire::SessionRow row;
      row.id = std::to_string(getpid());
      row.worker = state.setup.index;
      row.role = "server";
      row.version = "tls13";
      row.local_identity = state.setup.identities.empty() ? "" : state.setup.identities[0].name;
      row.sent = static_cast<std::uint64_t>(state.sign_ends * 100 + state.judge_ends * 10 + state.listeners);
      row.received = static_cast<std::uint64_t>(state.key_ends * 10 + state.fetcher_controls);
      row.started = static_cast<std::int64_t>(state.setup.peers.size());
      answer(channel, Kind::sessions_answer, frame.number, wire::SessionList{{row}});
      break;
    }
    case Kind::drain: _exit(0);
    default: break;
  }
}

}  // namespace

int fake_process(const char* role, int channel) {
  WorkerState state;
  UniqueFd fetcher;
  const char* broken = std::getenv("FAKE_BROKEN");
  if (broken != nullptr && std::strcmp(broken, role) == 0) return 7;
  while (true) {
    auto frame = receive_frame(channel);
    if (!frame) return 0;
    const auto kind = static_cast<Kind>(frame->kind);
    if (kind == Kind::keeper_setup) report(channel, wire::decode<wire::KeeperSetup>(frame->body).value());
    if (kind == Kind::judge_setup) answer(channel, Kind::judge_ready, frame->number, wire::JudgeReady{5, "", {}, std::getenv("FAKE_REFUSES") != nullptr && frame->number != 0});
    if (kind == Kind::fetcher_setup) answer(channel, Kind::fetcher_ready, 0, wire::FetcherSetup{});
    if (kind == Kind::outcomes_query) answer(channel, Kind::outcomes_answer, frame->number, wire::OutcomeCounters{.judged = 7});
    if (kind == Kind::fetcher_channel) fetcher = std::move(frame->descriptors.at(0));
    if (kind == Kind::fetcher_end) {
      fetcher = std::move(frame->descriptors.at(0));
      (void)!write(fetcher.get(), "f", 1);
    }
    if (kind == Kind::key_admin) say_fetcher(frame->descriptors.at(0), fetcher);
    if (kind == Kind::pin_entry) (void)!write(frame->descriptors.at(0).get(), "ok\n", 3);
    if (std::strcmp(role, "worker") == 0) worker_frame(channel, *frame, state);
  }
}

}  // namespace tlspool::supervisor

// The supervisor executes its own program for every process, and here that is this test.
int main(int argc, char** argv) {
  if (argc == 5 && std::strcmp(argv[1], "--process") == 0) {
    return tlspool::supervisor::fake_process(argv[2], std::atoi(argv[4]));
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
