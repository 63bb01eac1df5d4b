// SPDX-License-Identifier: Apache-2.0
// Puts load on one proxy and prints one JSON line that says how much was done:
//   bench-load full13|resumed13|resumed12 PORT SECONDS rsa|ec   handshakes, each with one byte there and back
//   bench-load full13 PORT SECONDS rsa|ec CLIENT                the same, the client shows the certificate in this PEM file
//   bench-load psk13 PORT SECONDS KEYS                          the same with one-time keys, until all are used
//   bench-load phantom12 PORT SECONDS KEYS                      the same, resuming a session that never was
//   bench-load download|upload PORT SECONDS [STREAMS]           one stream, or as many at once
//   bench-load idle PORT COUNT       opens COUNT connections, prints the line, holds them until stdin ends
// Every handshake is checked to be what was asked for (version, resumed or not, the server's key).
#include <openssl/x509.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "client.h"
#include "measure.h"

namespace {

using namespace bench;
using Clock = std::chrono::steady_clock;

constexpr int threads = 8;

struct Kind {
  int version = TLS1_3_VERSION;
  bool resumed = false;
  int key = EVP_PKEY_EC;
  SharedKeys* shared = nullptr;  ///< no certificate comes then
  const char* client = nullptr;  ///< file of the client's certificate and key
};

struct Tally {
  std::atomic<long> done{0};
  std::atomic<long> errors{0};
  std::atomic<long> wrong{0};  // handshakes that were not what was asked for
  std::mutex lock;
  std::string first_problem;
  void failed(const std::string& problem) {
    const std::lock_guard guard{lock};
    if (first_problem.empty()) first_problem = problem;
  }
};

bool as_asked(SSL* ssl, const Kind& kind, bool resumed) {
  if (SSL_version(ssl) != kind.version || (SSL_session_reused(ssl) == 1) != resumed) return false;
  if (kind.shared != nullptr) return true;
  const X509* certificate = SSL_get0_peer_certificate(ssl);
  return certificate != nullptr && EVP_PKEY_get_base_id(X509_get0_pubkey(certificate)) == kind.key;
}

bool once(SSL_CTX* context, int port, const Kind& kind, Session* ticket, bool resumed, Tally& tally,
          const SharedKeys::Key* psk = nullptr) {
  Connection connection;
  if (!connection.open(context, port, ticket, psk) || !connection.ping()) {
    ++tally.errors;
    tally.failed(connection.problem());
    return false;
  }
  if (!as_asked(connection.ssl(), kind, resumed)) {
    ++tally.wrong;
    tally.failed(resumed ? "a handshake that should be resumed was not" : "not the handshake that was asked for");
  }
  return true;
}

void handshakes(SSL_CTX* context, int port, Kind kind, Clock::time_point end, Tally& tally) {
  Session ticket;
  // The first handshake of a resuming thread only fetches the ticket. It is part of the load and counted as one:
  // its extra cost spreads over hundreds.
  if (kind.resumed && !once(context, port, kind, &ticket, false, tally)) return;
  while (Clock::now() < end && tally.errors < 50) {
    if (once(context, port, kind, kind.resumed ? &ticket : nullptr, kind.resumed, tally)) ++tally.done;
  }
}

// A PSK counts as resumed in OpenSSL's words.
void shared_handshakes(SSL_CTX* context, int port, Kind kind, Clock::time_point end, Tally& tally) {
  while (Clock::now() < end && tally.errors < 50) {
    if (kind.version == TLS1_3_VERSION) {
      const SharedKeys::Key* key = kind.shared->next();
      if (key == nullptr) return;
      if (once(context, port, kind, nullptr, true, tally, key)) ++tally.done;
    } else {
      Session phantom = phantom_session(context, *kind.shared->first());
      if (once(context, port, kind, &phantom, true, tally)) ++tally.done;
    }
  }
}

int report(const Tally& tally, const char* unit, double amount, double seconds) {
  std::printf("{\"%s\": %.3f, \"seconds\": %.3f, \"errors\": %ld, \"wrong\": %ld, \"problem\": \"%s\"}\n", unit, amount,
              seconds, tally.errors.load(), tally.wrong.load(), tally.first_problem.c_str());
  std::fflush(stdout);
  return tally.errors == 0 && tally.wrong == 0 ? 0 : 1;
}

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

int run_handshakes(Kind kind, int port, double seconds) {
  const Context context = client_context(kind.version);
  if (kind.client != nullptr && !show_certificate(context.get(), kind.client)) {
    std::fprintf(stderr, "bench-load: %s holds no certificate with its key\n", kind.client);
    return 2;
  }
  // The pool's peer says extended_master_secret = false: a session made by SSL_SESSION_set1_master_key has none.
  if (kind.shared != nullptr) SSL_CTX_set_options(context.get(), SSL_OP_NO_EXTENDED_MASTER_SECRET | SSL_OP_NO_TICKET);
  Tally tally;
  const auto start = Clock::now();
  const auto end = start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  std::vector<std::thread> running;
  for (int i = 0; i < threads; ++i) {
    running.emplace_back([&] {
      (kind.shared != nullptr ? shared_handshakes : handshakes)(context.get(), port, kind, end, tally);
    });
  }
  for (std::thread& t : running) t.join();
  return report(tally, "handshakes", static_cast<double>(tally.done), since(start));
}

// Megabytes that one connection moved until `end`; whole blocks, so that nothing is counted that did not arrive.
double stream(SSL_CTX* context, bool download, int port, Clock::time_point end, Tally& tally) {
  Connection connection;
  constexpr std::uint64_t block = 16 << 20;
  std::vector<char> bytes(1 << 16, 'x');
  double megabytes = 0;
  bool good = connection.open(context, port, nullptr);
  while (good && Clock::now() < end) {
    good = connection.request(download ? 'D' : 'U', block);
    for (std::uint64_t left = block; good && left > 0;) {
      const int part = static_cast<int>(std::min<std::uint64_t>(left, bytes.size()));
      const int n = download ? SSL_read(connection.ssl(), bytes.data(), part) : SSL_write(connection.ssl(), bytes.data(), part);
      good = n > 0;
      if (good) left -= static_cast<std::uint64_t>(n);
    }
    char answer = 0;
    if (good && !download) good = SSL_read(connection.ssl(), &answer, 1) == 1;
    if (good) megabytes += static_cast<double>(block) / 1e6;
  }
  if (!good) {
    ++tally.errors;
    tally.failed(connection.problem().empty() ? "the stream broke" : connection.problem());
  }
  return megabytes;
}

int run_streams(bool download, int port, double seconds, int count) {
  const Context context = client_context(TLS1_3_VERSION);
  Tally tally;
  std::vector<double> megabytes(static_cast<std::size_t>(count));
  const auto start = Clock::now();
  const auto end = start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  std::vector<std::thread> running;
  for (double& own : megabytes) running.emplace_back([&] { own = stream(context.get(), download, port, end, tally); });
  for (std::thread& t : running) t.join();
  return report(tally, "megabytes", std::accumulate(megabytes.begin(), megabytes.end(), 0.0), since(start));
}

int run_idle(int port, long count) {
  const Context context = client_context(TLS1_3_VERSION);
  Tally tally;
  std::deque<Connection> connections;
  const auto start = Clock::now();
  for (long i = 0; i < count && tally.errors < 50; ++i) {
    Connection& c = connections.emplace_back();
    if (c.open(context.get(), port, nullptr) && c.ping()) {
      ++tally.done;
    } else {
      ++tally.errors;
      tally.failed(c.problem());
    }
  }
  const int status = report(tally, "connections", static_cast<double>(tally.done), since(start));
  char end = 0;
  while (read(STDIN_FILENO, &end, 1) > 0) {
  }
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  more_files();
  const std::string what = argc > 1 ? argv[1] : "";
  const int port = argc > 2 ? std::atoi(argv[2]) : 0;
  const double amount = argc > 3 ? std::atof(argv[3]) : 0;
  const int key = argc > 4 && std::string(argv[4]) == "rsa" ? EVP_PKEY_RSA : EVP_PKEY_EC;
  SharedKeys shared;
  if (port > 0 && amount > 0 && argc > 4 && (what == "psk13" || what == "phantom12") && shared.load(argv[4])) {
    return run_handshakes({what == "psk13" ? TLS1_3_VERSION : TLS1_2_VERSION, true, 0, &shared}, port, amount);
  }
  if (port > 0 && amount > 0) {
    if (what == "full13") return run_handshakes({TLS1_3_VERSION, false, key, nullptr, argc > 5 ? argv[5] : nullptr}, port, amount);
    if (what == "resumed13") return run_handshakes({TLS1_3_VERSION, true, key}, port, amount);
    if (what == "resumed12") return run_handshakes({TLS1_2_VERSION, true, key}, port, amount);
    if (what == "download" || what == "upload") {
      return run_streams(what == "download", port, amount, argc > 4 ? std::max(1, std::atoi(argv[4])) : 1);
    }
    if (what == "idle") return run_idle(port, static_cast<long>(amount));
  }
  std::fprintf(stderr, "usage: bench-load full13|resumed13|resumed12 PORT SECONDS [rsa|ec [CLIENT]]\n"
                       "       bench-load download|upload PORT SECONDS [STREAMS]\n"
                       "       bench-load psk13|phantom12 PORT SECONDS KEYS\n"
                       "       bench-load idle PORT COUNT\n");
  return 2;
}
