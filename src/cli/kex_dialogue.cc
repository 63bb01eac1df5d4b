// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "base/text.h"
#include "cli/admin.h"
#include "cli/kex_pins.h"
#include "cli/kex_pool.h"
#include "cli/kex_text.h"
#include "cli/output.h"
#include "kex/armour.h"
#include "kex/plain_text.h"

namespace tlspool::cli {
namespace {

using State = KexExchange::State;

constexpr const char* left = "the dialogue was left; the exchange goes on in the pool: `tlspool kex reply` reads the next message";

tl::unexpected<Error> gone() { return fail({Code::closed, "key exchange", "", left, {}}); }

Result<std::string> ask_line(const std::string& prompt) {
  say(prompt);
  std::string line;
  if (!std::getline(std::cin, line)) return gone();
  while (!line.empty() && (line.back() == ' ' || line.back() == '\r')) line.pop_back();
  return line;
}

Result<bool> ask_yes(const std::string& prompt) {
  while (true) {
    const auto line = ask_line(prompt + " [yes/no] ");
    if (!line) return fail(line.error());
    if (lower(*line) == "yes") return true;
    if (lower(*line) == "no") return false;
  }
}

// Up to the line that ends the message: no key has to be pressed to say so.
Result<std::string> ask_message(const std::string& prompt) {
  say(prompt);
  std::string text;
  std::string line;
  while (text.size() <= kex::longest_text) {
    if (!std::getline(std::cin, line)) return gone();
    text += line + "\n";
    if (lower(kex::plain_text(line)).find("end tls ") != std::string::npos) return text;
  }
  return text;
}

class Dialogue {
 public:
  explicit Dialogue(KexPool pool) : pool_(std::move(pool)) {}

  Status run() {
    const auto begun = begin();
    if (!begun) return fail(begun.error());
    KexTurn turn = *begun;
    while (turn.exchange.state == State::waiting) {
      show(turn);
      auto next = read_on();
      if (!next) return fail(std::move(next.error()));
      turn = std::move(*next);
    }
    return end(turn);
  }

 private:
  Result<KexTurn> begin() {
    say("Exchange a key with somebody who has a TLS Pool, too: two messages each, by mail or chat.\n");
    auto as = pool_.own_identity("");
    if (!as) {
      say(as.error().reason + "\n");
      as = ask_line("Who are you? ");
      if (!as) return fail(std::move(as.error()));
    }
    parties_.as = *as;
    auto with = ask_line(fmt::format("You are {}. Whom is it with (their identity, such as b.example)? ", printable(*as)));
    if (!with) return fail(std::move(with.error()));
    parties_.with = *with;
    auto pin = KexPins::standard().find(parties_.with);
    if (!pin) return fail(std::move(pin.error()));
    if (!*pin) {
      auto first = ask_yes("If nothing vouches for their key, will you compare words with them, by voice?");
      if (!first) return fail(std::move(first.error()));
      if (*first) parties_.first_contact = FirstContact::accepted;
    }
    auto has_message = ask_yes("Have they sent you a first message?");
    if (!has_message) return fail(std::move(has_message.error()));
    return *has_message ? read_on() : pool_.start(parties_);
  }

  void show(const KexTurn& turn) {
    const KexExchange& e = turn.exchange;
    if (turn.message.empty()) {
      say("You have both begun, and your own first message goes on: wait for their answer to it.\n");
      return;
    }
    if (!e.remote.empty()) say("\nThe other side is " + who(e) + ".\n");
    say("\nSend them this:\n\n");
    if (auto text = armoured(turn.message)) print(*text);
    std::fflush(stdout);
    if (e.step == 1) {
      say(fmt::format("\nThe exchange lives in the memory of the pool until {} UTC, also when you leave this dialogue (Ctrl-C); when the pool is "
                      "started anew, it is lost.\n", timestamp(e.expires)));
    }
  }

  // Until there is a message that can be used; what can't be is said, and nothing is lost.
  Result<KexTurn> read_on() {
    while (true) {
      const auto text = ask_message("\nPaste their message here:\n");
      if (!text) return fail(text.error());
      const auto found = kex::find_message(*text);
      if (!found) {
        say("\n" + found.error().text() + "\n");
        continue;
      }
      auto turn = pool_.go_on(found->message, parties_);
      if (turn || turn.error().code != Code::invalid) return turn ? std::move(turn) : fail(with_pin(std::move(turn.error()), parties_));
      say("\n" + turn.error().text() + "\n");
    }
  }

  Status end(const KexTurn& turn) {
    KexExchange e = turn.exchange;
    say("\nThe other side is " + who(e) + ".\n");
    if (!turn.message.empty()) {
      say("\nSend them this last message; they have no key before they have read it:\n\n");
      if (auto text = armoured(turn.message)) print(*text);
      std::fflush(stdout);
      say("\n");
    }
    if (auto done = say_words(e); !done) return done;
    if (e.state == State::unconfirmed) {
      const auto same = ask_yes("Are their words the same?");
      if (!same) return fail(same.error());
      if (!*same) {
        if (auto done = pool_.cancel(e.id); !done) return done;
        return fail({Code::policy, "key exchange", e.id, "the words are different: somebody is in the middle", "no key was given to anybody; the exchange is cancelled"});
      }
      auto confirmed = pool_.confirm(e.id);
      if (!confirmed) return fail(std::move(confirmed.error()));
      e = std::move(*confirmed);
      if (!e.pin.empty()) {
        if (auto done = KexPins::standard().add(e.remote, e.pin); !done) return done;
      }
    }
    return deliver(pool_, e, KexResult{});
  }

  KexPool pool_;
  KexParties parties_;
};

}  // namespace

Status kex_dialogue(const std::string& pool) {
  if (isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0) {
    return fail({Code::invalid, "kex", "", "the dialogue needs a terminal", "see `tlspool kex --help` for the commands"});
  }
  auto opened = KexPool::open(pool);
  if (!opened) return fail(std::move(opened.error()));
  return Dialogue(std::move(*opened)).run();
}

}  // namespace tlspool::cli
