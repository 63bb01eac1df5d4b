// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/text.h"
#include "cli/admin.h"
#include "cli/conversation.h"
#include "cli/kex_pins.h"
#include "cli/kex_pool.h"
#include "cli/kex_text.h"
#include "cli/output.h"

namespace tlspool::cli {
namespace {

using State = KexExchange::State;
using Messages = std::vector<kex::Armoured>;

class Dialogue {
 public:
  explicit Dialogue(KexPool pool) : pool_(std::move(pool)) {}

  Status run() {
    auto turn = begin();
    while (turn && turn->exchange.state == State::waiting) {
      show(*turn);
      turn = read_on();
    }
    if (!turn) return fail(std::move(turn.error()));
    return end(*turn);
  }

 private:
  Result<KexTurn> begin() {
    say("Exchange a key with somebody who has a TLS Pool, too: two messages each, by mail or chat.\n");
    const auto list = pool_.list();
    if (!list) return fail(list.error());
    for (const KexExchange& e : *list) {
      if (e.state == State::waiting && !e.with.empty()) say(fmt::format("Under way: {} with {}.\n", e.id, printable(e.with)));
    }
    const auto has_message = ask_yes("Have they sent you a message?");
    if (!has_message) return fail(has_message.error());
    return *has_message ? read_on() : start();
  }

  Result<KexTurn> start() {
    if (auto done = ask_parties(); !done) return fail(std::move(done.error()));
    return pool_.start(parties_);
  }

  // Who exchanges a key with whom: needed for a first message, and for the answer to one.
  Status ask_parties() {
    if (!parties_.with.empty()) return {};
    auto own = pool_.own_identity("");
    if (!own && own.error().code != Code::invalid) return fail(std::move(own.error()));
    if (!own) say(own.error().reason + "\n");
    auto as = own ? std::move(own) : ask_name("Who are you?");
    if (!as) return fail(std::move(as.error()));
    auto with = ask_name(fmt::format("You are {}. Whom is it with (their identity, such as b.example)?", printable(*as)));
    if (!with) return fail(std::move(with.error()));
    const auto pin = KexPins::standard().find(*with);
    if (!pin) return fail(pin.error());
    if (!*pin) {
      const auto first = ask_yes("If nothing vouches for their key, will you compare words with them, by voice?");
      if (!first) return fail(first.error());
      if (*first) parties_.first_contact = FirstContact::accepted;
    }
    parties_.as = std::move(*as);
    parties_.with = std::move(*with);
    return {};
  }

  static Result<std::string> ask_name(const std::string& prompt) {
    while (true) {
      const auto line = ask_line(prompt + " ");
      if (!line) return line;
      auto name = normal_identity(*line);
      if (name) return name;
      say(name.error().text() + "\n");
    }
  }

  void show(const KexTurn& turn) {
    const KexExchange& e = turn.exchange;
    if (turn.message.empty()) {
      say(fmt::format("You and {} have both begun, and your own first message goes on: wait for their answer to it.\n", printable(e.with)));
      return;
    }
    if (!e.remote.empty()) say("The other side is " + who(e) + ".\n");
    say("\nSend them this:\n\n");
    if (auto text = armoured(turn.message)) print(*text);
    std::fflush(stdout);
    if (e.step > 2) return;
    say(fmt::format("\nThe exchange lives in the memory of the pool until {} UTC, also when you leave this dialogue (Ctrl-C) and come back by `{} kex`;\n"
                    "when the pool is started anew, it is lost, and you start again.\n", timestamp(e.expires), command_for(pool_.paths())));
  }

  // Until there is a message that can be used; what can't be is said, and nothing is lost.
  Result<KexTurn> read_on() {
    while (true) {
      const auto text = ask_paste("\nPaste their message here:\n", kex::longest_text, kex::has_end);
      if (!text) return fail(text.error());
      const auto found = kex::find_messages(*text);
      auto turn = found ? go_on(*found) : fail(found.error());
      if (turn) return turn;
      if (turn.error().code == Code::not_found) return offer_to_start(turn.error());
      if (turn.error().code != Code::invalid) return turn;
      say(turn.error().text() + "\n");
    }
  }

  Result<KexTurn> go_on(const Messages& messages) {
    if (messages.front().step == kex::Step::client_hello) {
      if (auto done = ask_parties(); !done) return fail(std::move(done.error()));
    }
    return pool_.go_on(messages, parties_);
  }

  Result<KexTurn> offer_to_start(const Error& lost) {
    say(lost.text() + "\n");
    const auto again = ask_yes("Start again with a new first message?");
    if (!again) return fail(again.error());
    return *again ? start() : fail(lost);
  }

  Status end(const KexTurn& turn) {
    KexExchange e = turn.exchange;
    say("The other side is " + who(e) + ".\n");
    if (!turn.message.empty()) {
      say("\nSend them this last message; they have no key before they have read it:\n\n");
      if (auto text = armoured(turn.message)) print(*text);
      std::fflush(stdout);
      say("\n");
    }
    if (auto done = say_words(e); !done) return done;
    if (e.state == State::unconfirmed) {
      auto confirmed = confirm(e);
      if (!confirmed) return fail(std::move(confirmed.error()));
      e = std::move(*confirmed);
    }
    say(fmt::format("`{} kex confirm {}` gives the key again, also in another form, or into the pool by --store.\n", command_for(pool_.paths()), e.id));
    return deliver(pool_, e, KexResult{});
  }

  Result<KexExchange> confirm(const KexExchange& e) {
    const auto same = ask_yes("Are their words the same?");
    if (!same) {
      say(fmt::format("\nThe exchange waits for you: {} kex confirm {}\n", command_for(pool_.paths()), e.id));
      return fail(same.error());
    }
    if (*same) return confirmed(pool_, e);
    if (auto done = pool_.cancel(e.id); !done) return fail(std::move(done.error()));
    return fail({Code::policy, "key exchange", e.id, "the words are different: somebody is in the middle",
                 "no key was given to anybody here, and the exchange is cancelled; tell the other side, by another way"});
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
