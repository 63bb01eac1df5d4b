// SPDX-License-Identifier: Apache-2.0
// What a token with many one-time keys costs a lookup: in one process, by turns, a random one of the same 64 keys is
// looked up and read in a token that has these alone and in one that has COUNT. Prints one JSON line of microseconds of
// CPU, medians, and how long filling the token took; SoftHSM2 needs longer for each further object:
//   bench-lookup COUNT SECONDS
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <vector>

#include "base/log.h"
#include "keeper/make_token.h"
#include "keeper/token_store.h"
#include "measure.h"

namespace {

using namespace tlspool;
using namespace tlspool::keeper;
using bench::cpu_now;
using bench::median;

constexpr std::uint64_t few = 64;
const StoreName name{"hsm.b.example", wire::KeyObject::secret, "hsm.a.example"};

Bytes id_of(std::uint64_t number) {
  Bytes out(8);
  for (std::size_t i = 8; i-- > 0; number >>= 8) out[i] = static_cast<std::uint8_t>(number);
  return out;
}

[[noreturn]] void stop(const Error& error) {
  std::fprintf(stderr, "bench-lookup: %s\n", error.text().c_str());
  std::exit(1);
}

/// A token of its own with `count` keys, and what a key thread has of it.
struct Filled {
  Filled(Modules& modules, RejectedPins& rejected, LedgerFile& ledger, OwnerFile& owner, const std::string& label, std::uint64_t count) {
    constexpr const char* module = "/usr/lib/softhsm/libsofthsm2.so";
    if (auto made = make_token(modules, {module, label, "pin-" + label}); !made) stop(made.error());
    wire::TokenSetup setup{label, module, "pkcs11:token=" + label, "pin-" + label, {}, 1};
    setup.shared = false;
    token = std::make_shared<Token>(label, std::filesystem::current_path(), modules, rejected, [] {});
    if (auto done = token->configure(setup, {}); !done) stop(done.error());
    store = std::make_unique<TokenStore>(token, ledger, owner);
    for (std::uint64_t n = 0; n < count; ++n) {
      if (auto done = store->deposit(name, id_of(2 * n), Bytes(32, static_cast<std::uint8_t>(n)), wire::KeyMode::plain); !done) stop(done.error());
    }
  }
  ~Filled() {
    store.reset();
    (void)token->retire();
  }
  Filled(const Filled&) = delete;
  Filled& operator=(const Filled&) = delete;

  /// A hundred random ones of the first few keys; microseconds each.
  template <class Look>
  double hundred(std::minstd_rand& random, Look look) const {
    const double start = cpu_now();
    for (int i = 0; i < 100; ++i) look(*store, id_of(2 * (random() % few)));
    return (cpu_now() - start) / 100;
  }

  std::shared_ptr<Token> token;
  std::unique_ptr<TokenStore> store;
};

void read_key(TokenStore& store, const Bytes& id) {
  const auto secret = store.read(name, id, {});
  if (!secret) stop(secret.error());
  if (!secret->has_value()) std::abort();
}

void find_key(TokenStore& store, const Bytes& id) {
  const auto found = store.find(name, id);
  if (!found) stop(found.error());
  if (found->size() != 1) std::abort();
}

int measure(std::uint64_t count, double seconds) {
  Modules modules;
  RejectedPins rejected("rejected-pins");
  LedgerFile ledger("ledger");
  OwnerFile owner("owner");
  const Filled small(modules, rejected, ledger, owner, "few", few);
  const auto start = std::chrono::steady_clock::now();
  const Filled large(modules, rejected, ledger, owner, "many", count);
  const double filling = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::minstd_rand random;
  std::vector<double> read_small;
  std::vector<double> read_large;
  std::vector<double> find_small;
  std::vector<double> find_large;
  for (const double end = cpu_now() + seconds * 1e6; cpu_now() < end;) {
    read_small.push_back(small.hundred(random, read_key));
    read_large.push_back(large.hundred(random, read_key));
    find_small.push_back(small.hundred(random, find_key));
    find_large.push_back(large.hundred(random, find_key));
  }
  std::printf("{\"few\": %llu, \"many\": %llu, \"filling_s\": %.1f, \"read_few\": %.2f, \"read_many\": %.2f, \"find_few\": %.2f, \"find_many\": %.2f}\n",
              static_cast<unsigned long long>(few), static_cast<unsigned long long>(count), filling, median(read_small),
              median(read_large), median(find_small), median(find_large));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t count = argc == 3 ? std::strtoull(argv[1], nullptr, 10) : 0;
  const double seconds = argc == 3 ? std::atof(argv[2]) : 0;
  if (count < few || seconds <= 0) {
    std::fprintf(stderr, "usage: bench-lookup COUNT SECONDS, with 64 keys at least\n");
    return 2;
  }
  log::start(log::Format::text, log::Level::error, "bench-lookup");
  std::string directory = std::filesystem::temp_directory_path() / "tlspool-lookup-XXXXXX";
  if (mkdtemp(directory.data()) == nullptr) return 1;
  std::filesystem::current_path(directory);
  unsetenv("SOFTHSM2_CONF");
  const int status = measure(count, seconds);
  std::filesystem::current_path("/");
  std::filesystem::remove_all(directory);
  return status;
}
