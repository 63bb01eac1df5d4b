// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "base/fd.h"
#include "base/text.h"
#include "cli/admin.h"
#include "cli/conversation.h"
#include "cli/kex_pool.h"
#include "cli/kex_text.h"
#include "cli/output.h"
#include "kex/armour.h"

namespace tlspool::cli {
namespace {

using State = KexExchange::State;

Result<std::string> read_text(const std::string& file) {
  UniqueFd own;
  if (!file.empty() && file != "-") {
    own.reset(open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!own.valid()) return fail(system_error("read", file, errno));
  } else if (isatty(STDIN_FILENO) != 0) {
    return ask_paste("Paste the message here:\n", kex::longest_text, kex::has_end);
  }
  const int fd = own.valid() ? own.get() : STDIN_FILENO;
  std::string text(kex::longest_text + 1, '\0');
  std::size_t have = 0;
  while (have < text.size()) {
    const ssize_t n = read(fd, text.data() + have, text.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(system_error("read", file.empty() ? "standard input" : file, errno));
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  text.resize(have);
  return text;
}

const char* step_word(const KexExchange& e) {
  switch (e.state) {
    case State::waiting: return e.step == 1 ? "waits for SERVER HELLO" : e.step == 2 ? "waits for CLIENT FINISH" : "waits for SERVER FINISH";
    case State::unconfirmed: return "waits for kex confirm";
    case State::finished: return "finished";
    case State::failed: return "failed";
  }
  return "";
}

Status print_message(const KexTurn& turn) {
  const auto text = armoured(turn.message);
  if (!text) return fail(text.error());
  print(*text);
  return {};
}

void say_where_it_lives(const KexPool& pool, const KexExchange& e) {
  say(fmt::format("Send this to {}, by mail or chat; it may be read by others, but not be changed. Then give the answer to `{} kex reply`.\n"
                  "Exchange {} lives in the memory of the pool until {} UTC; when the pool is started anew, it is lost, and you start again.\n",
                  printable(e.with), command_for(pool.paths()), e.id, timestamp(e.expires)));
}

Status finished(KexPool& pool, const KexTurn& turn, const KexResult& result) {
  const KexExchange& e = turn.exchange;
  const bool last_word = turn.message.empty();
  say("You have exchanged a key with " + who(e) + ".\n");
  if (!last_word) say(fmt::format("Send them this last message: until they have read it, they have no key. `{} kex show {}` prints it again.\n", command_for(pool.paths()), e.id));
  if (auto done = say_words(e); !done) return done;
  if (e.state == State::unconfirmed) {
    say(fmt::format("If they are the same: {} kex confirm {}\n", command_for(pool.paths()), e.id));
    return {};
  }
  if (would_mix(result, last_word ? Mixed::result_alone : Mixed::message_too)) {
    say(fmt::format("The key is kept apart from the message: {} kex confirm {}\n", command_for(pool.paths()), e.id));
    return {};
  }
  auto done = deliver(pool, e, result);
  if (!done) done.error().advice = fmt::format("the key is still there: {} kex confirm {}", command_for(pool.paths()), e.id);
  return done;
}

}  // namespace

Status kex_start(const KexStartOptions& options) {
  auto pool = KexPool::open(options.pool);
  if (!pool) return fail(std::move(pool.error()));
  const auto turn = pool->start(options.parties);
  if (!turn) return fail(turn.error());
  if (auto done = print_message(*turn); !done) return done;
  say_where_it_lives(*pool, turn->exchange);
  return {};
}

Status kex_reply(const KexReplyOptions& options) {
  if (auto good = check(options.result); !good) return good;
  auto pool = KexPool::open(options.pool);
  if (!pool) return fail(std::move(pool.error()));
  const auto text = read_text(options.file);
  if (!text) return fail(text.error());
  const auto found = kex::find_messages(*text);
  if (!found) return fail(found.error());
  const auto turn = pool->go_on(*found, options.parties);
  if (!turn) return fail(turn.error());
  const KexExchange& e = turn->exchange;
  if (!turn->message.empty()) {
    if (auto done = print_message(*turn); !done) return done;
  }
  if (e.state == State::unconfirmed || e.state == State::finished) return finished(*pool, *turn, options.result);
  if (turn->message.empty()) {
    say(fmt::format("You and {} have both begun, and your own first message goes on: wait for their answer to it.\n", printable(e.with)));
  } else if (e.step == static_cast<int>(kex::Step::client_finish)) {
    say("The other side is " + who(e) + ".\nSend them this message; the key is there when their last one has come.\n");
  } else {
    say(fmt::format("Send this back. Who they are is known when their next message has come.\nExchange {} lives in the memory of the pool until {} UTC.\n",
                    e.id, timestamp(e.expires)));
  }
  return {};
}

Status kex_confirm(const KexConfirmOptions& options) {
  if (auto good = check(options.result); !good) return good;
  auto pool = KexPool::open(options.pool);
  if (!pool) return fail(std::move(pool.error()));
  auto turn = pool->show(options.exchange);
  if (!turn) return fail(std::move(turn.error()));
  KexExchange e = std::move(turn->exchange);
  if (e.state == State::unconfirmed) {
    auto done = confirmed(*pool, e);
    if (!done) return fail(std::move(done.error()));
    e = std::move(*done);
  }
  if (e.state != State::finished) {
    return fail({Code::invalid, "key exchange", e.id, std::string("it ") + step_word(e), {}});
  }
  say("The key is shared with " + (e.verified_by == "none" ? printable(e.remote) + ", as you have confirmed" : who(e)) + ".\n");
  return deliver(*pool, e, options.result);
}

Status kex_list(const KexListOptions& options) {
  auto pool = KexPool::open(options.pool);
  if (!pool) return fail(std::move(pool.error()));
  if (options.output == Output::json) {
    auto json = pool->list_json();
    if (!json) return fail(std::move(json.error()));
    print_json(*json);
    return {};
  }
  const auto list = pool->list();
  if (!list) return fail(list.error());
  if (list->empty()) {
    print("no key exchanges\n");
    return {};
  }
  std::vector<std::vector<std::string>> rows;
  for (const KexExchange& e : *list) {
    const std::string& with = e.remote.empty() ? e.with : e.remote;
    rows.push_back({e.id, with.empty() ? "-" : printable(with), printable(e.local), step_word(e), duration(e.expires - std::time(nullptr))});
  }
  print(table({"ID", "WITH", "AS", "STATE", "EXPIRES IN"}, rows));
  return {};
}

Status kex_show(const KexOneOptions& options) {
  auto pool = KexPool::open(options.pool);
  if (!pool) return fail(std::move(pool.error()));
  const auto turn = pool->show(options.exchange);
  if (!turn) return fail(turn.error());
  const KexExchange& e = turn->exchange;
  if (turn->message.empty()) return fail({Code::invalid, "key exchange", e.id, "it has no message yet", "a message comes of `tlspool kex start` and `tlspool kex reply`"});
  if (auto done = print_message(*turn); !done) return done;
  if (!e.remote.empty()) say("The other side is " + who(e) + ".\n");
  say(std::string("The exchange ") + step_word(e) + ".\n");
  return e.authentication.empty() ? Status{} : say_words(e);
}

Status kex_cancel(const KexOneOptions& options) {
  auto pool = KexPool::open(options.pool);
  if (!pool) return fail(std::move(pool.error()));
  if (auto done = pool->cancel(options.exchange); !done) return done;
  say("The exchange " + printable(options.exchange) + " is gone, and its key with it.\n");
  return {};
}

}  // namespace tlspool::cli
