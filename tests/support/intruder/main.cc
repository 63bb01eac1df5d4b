// SPDX-License-Identifier: Apache-2.0
// tlspoold, but in one of its processes somebody else takes over where the event loop would begin: behind all that the
// process does at its start, its sandbox included. Linked with the daemon's own main and libraries; the linker puts
// __wrap... in the place of Loop::run (see CMakeLists.txt). Which process, and what he tries:
// TLSPOOL_INTRUDER="worker-0 calls files". He begins when the process gets SIGUSR1; until then it works as ever.
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "base/log.h"
#include "intruder/intruder.h"
#include "loop/loop.h"
#include "wire/ipc.h"

namespace {

constexpr int channel = 3;

intruder::Place place;
std::vector<std::string> plan;
volatile sig_atomic_t called = 0;

// The first frame says which process this is; it is left for whom it is meant.
std::string name_of_process() {
  std::array<std::uint8_t, 1024> first{};
  constexpr std::size_t header = 16;
  const ssize_t n = recv(channel, first.data(), first.size(), MSG_PEEK);
  std::uint32_t length = 0;
  std::memcpy(&length, first.data(), sizeof length);
  if (n < static_cast<ssize_t>(header + length) || header + length > first.size()) return {};
  const auto setup = tlspool::wire::decode<tlspool::wire::LogSetup>({first.data() + header, length});
  return setup ? setup->process : std::string{};
}

void act() {
  signal(SIGTERM, SIG_DFL);
  for (const std::string& step : plan) {
    if (step == "calls") intruder::try_calls(place);
    if (step == "files") intruder::try_files(place);
    if (step == "signatures") intruder::try_signatures(place);
    if (step == "flood-signatures") intruder::flood_signatures();
    if (step == "flood-keys") intruder::flood_keys();
    if (step == "flood-questions") intruder::flood_questions();
    if (step == "flood-frames") intruder::flood_frames();
    if (step == "nonsense") intruder::send_nonsense();
    if (step == "flood-calls") intruder::flood_calls();
  }
  tlspool::log::warning("intruder.done");
}

__attribute__((constructor)) void begin(int argc, char** argv) {
  const char* wanted = std::getenv("TLSPOOL_INTRUDER");
  const char* directory = std::getenv("TLSPOOL_INTRUDER_POOL");
  if (wanted == nullptr || directory == nullptr || argc < 4 || std::strcmp(argv[1], "--process") != 0) return;
  std::istringstream words(wanted);
  std::string name;
  words >> name;
  if (name_of_process() != name) return;
  for (std::string word; words >> word;) plan.push_back(word);
  place = {name, directory, getppid()};
  struct sigaction action{};
  action.sa_handler = [](int) { called = 1; };
  sigaction(SIGUSR1, &action, nullptr);
}

}  // namespace

extern "C" void __real__ZN7tlspool4Loop3runEv(tlspool::Loop* loop);
extern "C" void __wrap__ZN7tlspool4Loop3runEv(tlspool::Loop* loop) {
  if (plan.empty()) return __real__ZN7tlspool4Loop3runEv(loop);
  while (called == 0) loop->turn(std::chrono::milliseconds{50});
  act();
  __real__ZN7tlspool4Loop3runEv(loop);
}
