// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <functional>

#include "base/text.h"
#include "keeper/claims.h"
#include "softhsm_fixture.h"

namespace tlspool::keeper {

inline Bytes number_id(std::uint64_t number) {
  Bytes out(8);
  for (int i = 7; i >= 0; --i, number >>= 8) out[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(number);
  return out;
}
inline std::uint64_t number_of(ByteView id) {
  std::uint64_t out = 0;
  for (const std::uint8_t byte : id) out = out << 8 | byte;
  return out;
}

/// One keeper's hold on the token, without its loop: what a key thread has.
struct Site {
  Site(const wire::TokenSetup& setup, const std::string& directory, const std::string& ledger_path = "ledger", const std::string& owner_path = "owner")
      : rejected("rejected-pins"), ledger(ledger_path), owner(owner_path),
        token(std::make_shared<Token>(setup.name, directory, modules, rejected, [] {})) {
    EXPECT_TRUE(token->configure(setup, {}));
    store = std::make_unique<TokenStore>(token, ledger, owner);
  }
  ~Site() {
    store.reset();
    (void)token->retire();
  }
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  /// Claims the next keys, all in one batch.
  std::vector<Claimed> take(const StoreName& name, std::size_t count, sharedkey::Direction direction = sharedkey::Direction::outgoing) {
    std::vector<Claim> claims(count);
    std::vector<Claimed> out;
    for (Claim& claim : claims) {
      claim.store = name;
      claim.direction = direction;
      claim.done = [&out](Claimed claimed) { out.push_back(std::move(claimed)); };
    }
    make_claims(std::move(claims), ledger, store.get());
    return out;
  }
  Claimed claim(const StoreName& name, const Bytes& id) {
    std::vector<Claim> claims(1);
    Claimed out;
    claims[0].store = name;
    claims[0].id = id;
    claims[0].done = [&out](Claimed claimed) { out = std::move(claimed); };
    make_claims(std::move(claims), ledger, store.get());
    return out;
  }
  void deposit(const StoreName& name, std::uint64_t from, std::uint64_t count, std::uint64_t step = 2) {
    for (std::uint64_t n = 0; n < count; ++n) {
      Bytes value(32, static_cast<std::uint8_t>(n));
      value[0] = static_cast<std::uint8_t>(n >> 8);
      auto done = store->deposit(name, number_id(from + n * step), value, wire::KeyMode::plain);
      ASSERT_TRUE(done) << done.error().text();
    }
  }

  Modules modules;
  RejectedPins rejected;
  LedgerFile ledger;
  OwnerFile owner;
  std::shared_ptr<Token> token;
  std::unique_ptr<TokenStore> store;
};

class Stores : public SoftHsm {
 protected:
  // "a" is smaller than "b", so ids that end in 0 are ours as a client.
  StoreName name_{"hsm.b.example", wire::KeyObject::secret, "hsm.a.example"};

  /// A process that runs `body`, which may write to the pipe. PKCS#11 does not survive a fork: the body must load the
  /// module itself, and nobody here may have it open.
  class Child {
   public:
    template <class Body>
    explicit Child(Body body) {
      int ends[2];
      int go[2];
      EXPECT_EQ(pipe(ends), 0);
      EXPECT_EQ(pipe(go), 0);
      pid_ = fork();
      if (pid_ == 0) {
        close(ends[0]);
        close(go[1]);
        char byte;
        (void)!::read(go[0], &byte, 1);
        body(ends[1]);
        _exit(0);
      }
      close(ends[1]);
      close(go[0]);
      out_ = UniqueFd{ends[0]};
      go_ = UniqueFd{go[1]};
    }
    /// The body begins.
    void go() { go_.reset(); }
    /// What it wrote until its end, however that came about.
    std::string finish() {
      go();
      std::string out;
      char text[4096];
      for (ssize_t n; (n = ::read(out_.get(), text, sizeof text)) > 0;) out.append(text, static_cast<std::size_t>(n));
      int status = 0;
      waitpid(pid_, &status, 0);
      code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 255;
      return out;
    }
    [[nodiscard]] int code() const { return code_; }

   private:
    pid_t pid_ = -1;
    int code_ = -1;
    UniqueFd out_;
    UniqueFd go_;
  };
  /// Writes the ids of the keys that were given out; how many there were.
  static std::size_t tell(int pipe, const std::vector<Claimed>& claims) {
    std::size_t out = 0;
    for (const Claimed& each : claims) {
      if (each.problem != wire::KeyProblem::none) continue;
      const std::string text = std::to_string(number_of(each.id)) + " ";
      (void)!::write(pipe, text.data(), text.size());
      ++out;
    }
    return out;
  }
  static std::vector<std::uint64_t> numbers(const std::string& text) {
    std::vector<std::uint64_t> out;
    for (const std::string& word : split(text, ' ')) {
      if (!word.empty()) out.push_back(std::stoull(word));
    }
    return out;
  }
};

}  // namespace tlspool::keeper
