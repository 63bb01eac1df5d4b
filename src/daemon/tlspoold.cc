// SPDX-License-Identifier: Apache-2.0
// One program, six kinds of process: see docs/architecture.md.
#include <getopt.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "fetcher/main.h"
#include "judge/main.h"
#include "keeper/main.h"
#include "metrics/main.h"
#include "supervisor/main.h"
#include "supervisor/outside.h"
#include "tls/wiped_memory.h"
#include "worker/main.h"

namespace {

constexpr int usage_error = 2;

constexpr const char* usage =
    "Usage: tlspoold [--pool DIR] [--check] [--log text|json] [--outside DIR]\n"
    "The daemon of a TLS pool; runs in the foreground and logs to standard error.\n"
    "\n"
    "  --pool DIR        the pool's directory (default: $TLSPOOL_DIR, else the system's or your own)\n"
    "  --check           check the configuration and the files it names, then exit\n"
    "  --log text|json   how to log, whatever the configuration says\n"
    "  --outside DIR     have systemd start what needs the network, at DIR/judge.sock and DIR/fetcher.sock\n"
    "  --version         print the version\n"
    "  --help            print this\n"
    "\n"
    "`tlspool init` makes a pool. See tlspoold(8).\n";

int wrong_usage(const std::string& what) {
  std::fprintf(stderr, "tlspoold: %s\n%s", what.c_str(), usage);
  return usage_error;
}

// The processes that the supervisor and `tlspool` start; not for people.
int run_process(const std::string& role, const std::string& channel_text, bool outside) {
  int channel = -1;
  const char* end = channel_text.data() + channel_text.size();
  if (std::from_chars(channel_text.data(), end, channel).ptr != end || channel < 3) {
    return wrong_usage("--process is started by other programs of the pool only");
  }
  if (outside) {
    if (auto done = tlspool::supervisor::greet(channel); !done) return 1;
  }
  // For ps(1): the program was executed by way of /proc/self/exe.
  (void)prctl(PR_SET_NAME, ("tlspool-" + role).c_str());
  if (role == "keeper") return tlspool::keeper::run(channel);
  if (role == "provision") return tlspool::keeper::provision(channel);
  if (role == "worker") return tlspool::worker::run(channel);
  if (role == "judge") return tlspool::judge::run(channel);
  if (role == "fetcher") return tlspool::fetcher::run(channel);
  if (role == "metrics") return tlspool::metrics::run(channel);
  return wrong_usage("unknown process " + role);
}

// What an upgrade executes: the file at the same path, which may be another one by then, with the same arguments.
void note_command(int argc, char** argv, tlspool::supervisor::Options& options) {
  char path[4096];
  const ssize_t n = readlink("/proc/self/exe", path, sizeof path);
  if (n > 0 && static_cast<std::size_t>(n) < sizeof path) options.program.assign(path, static_cast<std::size_t>(n));
  constexpr std::string_view replaced = " (deleted)";
  if (options.program.ends_with(replaced)) options.program.erase(options.program.size() - replaced.size());
  for (int i = 0; i < argc; ++i) {
    if (std::strcmp(argv[i], "--takeover") == 0) {
      ++i;  // of the upgrade that started this one
    } else {
      options.arguments.emplace_back(argv[i]);
    }
  }
}

}  // namespace

// Before the constructors of libraries, which use OpenSSL.
__attribute__((section(".preinit_array"), used)) void (*const first_of_all)() = tlspool::tls::wipe_what_openssl_frees;

int main(int argc, char** argv) {
  enum Option : int { pool = 1, check, log, outside, takeover, version, help, process, channel };
  const option options[] = {{"pool", required_argument, nullptr, pool},
                            {"check", no_argument, nullptr, check},
                            {"log", required_argument, nullptr, log},
                            {"outside", required_argument, nullptr, outside},
                            {"takeover", required_argument, nullptr, takeover},
                            {"version", no_argument, nullptr, version},
                            {"help", no_argument, nullptr, help},
                            {"process", required_argument, nullptr, process},
                            {"channel", required_argument, nullptr, channel},
                            {}};
  tlspool::supervisor::Options wanted;
  std::string role;
  std::string channel_text;
  for (int found; (found = getopt_long(argc, argv, "", options, nullptr)) != -1;) {
    switch (found) {
      case pool: wanted.pool = optarg; break;
      case check: wanted.check = true; break;
      case log:
        if (std::strcmp(optarg, "json") == 0) {
          wanted.log = tlspool::log::Format::json;
        } else if (std::strcmp(optarg, "text") == 0) {
          wanted.log = tlspool::log::Format::text;
        } else {
          return wrong_usage("--log is text or json");
        }
        break;
      case outside: wanted.outside = optarg; break;
      case takeover:
        wanted.takeover = std::atoi(optarg);
        break;
      case version: std::puts("tlspoold " TLSPOOL_VERSION); return 0;
      case help: std::fputs(usage, stdout); return 0;
      case process: role = optarg; break;
      case channel: channel_text = optarg; break;
      default: return usage_error;
    }
  }
  if (optind < argc) return wrong_usage(std::string("superfluous: ") + argv[optind]);
  if (role.empty()) note_command(argc, argv, wanted);
  return role.empty() ? tlspool::supervisor::run(wanted) : run_process(role, channel_text, !wanted.outside.empty());
}
