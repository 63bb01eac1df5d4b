// SPDX-License-Identifier: Apache-2.0
// tlspoold, but in one of its processes somebody else takes over where the event loop would begin: behind all that the
// process does at its start, its sandbox included. Linked with the daemon's own main and libraries; the linker puts
// __wrap... in the place of Loop::run (see CMakeLists.txt). Which process, and what he tries:
// TLSPOOL_INTRUDER="worker-0 calls files", or "all search" for all processes and the supervisor. He begins when the process
// gets SIGUSR1; until then it works as ever. Behind "search" and "measure" it goes on as before, until the next signal.
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <sstream>

#include "base/log.h"
#include "intruder/intruder.h"
#include "loop/loop.h"

namespace {

// Learnt before main(), when nothing of C++ may be used yet.
char name[64];
int parent = 0;
int signals = -1;

intruder::Place place;
std::vector<std::string> plan;

// The first frame, a LogSetup (wire/ipc.h), says which process this is; it is left for whom it is meant.
void learn_name() {
  constexpr std::size_t before = 16 + 2;  // the header, json and level
  unsigned char first[256] = {};
  unsigned length = 0;
  if (recv(intruder::channel_of_supervisor, first, sizeof first, MSG_PEEK) < static_cast<ssize_t>(before + sizeof length)) return;
  std::memcpy(&length, first + before, sizeof length);
  if (length < sizeof name) std::memcpy(name, first + before + sizeof length, length);
}

__attribute__((constructor)) void begin(int argc, char** argv) {
  if (std::getenv("TLSPOOL_INTRUDER") == nullptr) return;
  const bool is_supervisor = argc < 4 || std::strcmp(argv[1], "--process") != 0;
  if (is_supervisor) std::strcpy(name, "supervisor");
  else learn_name();
  parent = getppid();
  if (const char* file = std::getenv("TLSPOOL_INTRUDER_SEARCH")) intruder::prepare_search(file);
  // Read from a descriptor. A handler would have the kernel write all registers to the stack, and with them, on a processor with AVX-512,
  // what memcpy() copied last: a search for secrets would find those that only a register still had.
  sigset_t usr1;
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  sigprocmask(SIG_BLOCK, &usr1, nullptr);
  signals = signalfd(-1, &usr1, SFD_CLOEXEC | SFD_NONBLOCK);
}

void make_plan() {
  const char* wanted = std::getenv("TLSPOOL_INTRUDER");
  const char* directory = std::getenv("TLSPOOL_INTRUDER_POOL");
  if (wanted == nullptr || directory == nullptr) return;
  std::istringstream words(wanted);
  std::string whom;
  words >> whom;
  if (whom != "all" && whom != name) return;
  for (std::string word; words >> word;) plan.push_back(word);
  place = {name, directory, parent};
}

void act() {
  signal(SIGTERM, SIG_DFL);
  for (const std::string& step : plan) {
    if (step == "calls") intruder::try_calls(place);
    if (step == "files") intruder::try_files(place);
    if (step == "signatures") intruder::try_signatures(place);
    if (step == "nonsense") intruder::send_nonsense();
    if (step == "flood-signatures") intruder::flood_signatures();
    if (step == "flood-keys") intruder::flood_keys();
    if (step == "flood-questions") intruder::flood_questions();
    if (step == "flood-frames") intruder::flood_frames();
    if (step == "flood-calls") intruder::flood_calls();
  }
  tlspool::log::warning("intruder.done");
}

}  // namespace

extern "C" void __real__ZN7tlspool4Loop3runEv(tlspool::Loop* loop);
extern "C" void __wrap__ZN7tlspool4Loop3runEv(tlspool::Loop* loop) {
  make_plan();
  if (plan.empty()) return __real__ZN7tlspool4Loop3runEv(loop);
  tlspool::Poll watch(*loop, signals, [](int) {
    signalfd_siginfo info;
    if (read(signals, &info, sizeof info) != sizeof info) return;
    if (plan.front() == "search") return intruder::search();
    if (plan.front() == "measure") return intruder::measure();
    act();
  });
  watch.want(tlspool::Poll::readable);
  __real__ZN7tlspool4Loop3runEv(loop);
}
