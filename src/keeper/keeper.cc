// SPDX-License-Identifier: Apache-2.0
#include "keeper/keeper.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

#include "base/contains.h"
#include "base/log.h"
#include "counters/page.h"

namespace tlspool::keeper {
namespace {

bool heals_by_reopening(const Token& token) {
  if (!token.configured()) return false;
  const wire::TokenState state = token.state();
  return state == wire::TokenState::failed || (state == wire::TokenState::missing && token.module() != nullptr);
}

std::string outcome_text(const Status& outcome) { return outcome ? "accepted" : outcome.error().text(); }

}  // namespace

Keeper::Keeper(Loop& loop, std::string directory, KeeperOptions options, Send send)
    : loop_(loop), directory_(std::move(directory)), options_(options), send_(std::move(send)),
      rejected_("rejected-pins"), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), timer_(loop), watch_(loop),
      shared_(loop, [this](const std::string& name) {
        const auto found = tokens_.find(name);
        return found == tokens_.end() ? nullptr : found->second;
      }) {
  woken_ = std::make_unique<Poll>(loop_, wake_.get(), [this](int) { look_after_tokens(); });
  woken_->want(Poll::readable);
}

Keeper::~Keeper() {
  threads_.clear();
  shared_.stop();
  for (auto& [name, token] : tokens_) (void)token->retire();
}

void Keeper::apply(wire::KeeperSetup setup) {
  order_.clear();
  for (wire::TokenSetup& wanted : setup.tokens) {
    order_.push_back(wanted.name);
    auto& token = tokens_[wanted.name];
    if (!token) {
      const int wake = wake_.get();
      token = std::make_shared<Token>(wanted.name, setup.directory, modules_, rejected_, [wake] {
        const std::uint64_t one = 1;
        (void)!write(wake, &one, sizeof one);
      });
    }
    std::vector<wire::KeySetup> keys;
    for (const wire::KeySetup& key : setup.keys) {
      if (key.token == wanted.name) keys.push_back(key);
    }
    if (auto done = token->configure(wanted, std::move(keys)); !done) {
      log::error("token.not_configured", {{"token", wanted.name}, {"problem", done.error().text()}});
    }
  }
  for (auto& [name, token] : tokens_) {
    const bool wanted = contains(order_, name);
    if (wanted || !token->configured()) continue;
    if (auto done = token->retire(); !done) {
      log::error("token.not_closed", {{"token", name}, {"problem", done.error().text()}});
    }
  }
  shared_.apply(std::move(setup.peers), order_);
  plan_reopening();
  watch_tokens();
}

void Keeper::watch_tokens() {
  bool any = false;
  for (const auto& [name, token] : tokens_) {
    any = any || (token->configured() && token->setup().watched);
    token->look();
  }
  if (any) watch_.start(options_.look_every, [this] { watch_tokens(); });
}

wire::KeeperReport Keeper::report() const {
  wire::KeeperReport out;
  for (const std::string& name : order_) {
    const Token& token = *tokens_.at(name);
    out.tokens.push_back(token.report());
    token.add_key_reports(out.keys);
  }
  std::sort(out.keys.begin(), out.keys.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
  return out;
}

void Keeper::send_report() {
  for (const auto& [name, token] : tokens_) {
    const bool ready = token->configured() && token->state() == wire::TokenState::ready;
    counters::set<counters::Family::token_ready>(ready ? 1 : 0, static_cast<counters::Token>(token->setup().number));
  }
  send_(wire::Kind::keeper_report, wire::encode(report()));
}

void Keeper::take(Frame frame) {
  const auto kind = static_cast<wire::Kind>(frame.kind);
  if (kind == wire::Kind::keeper_setup) {
    if (auto setup = wire::decode<wire::KeeperSetup>(frame.body)) {
      apply(std::move(*setup));
      send_report();
    }
    return;
  }
  if (frame.descriptors.size() == 1 && kind == wire::Kind::sign_channel) {
    if (auto channel = wire::decode<wire::SignChannel>(frame.body)) {
      return serve_worker(*channel, std::move(frame.descriptors[0]));
    }
  }
  if (kind == wire::Kind::retire) return shared_.ledger().leave();
  if (frame.descriptors.size() == 1 && kind == wire::Kind::pin_entry) {
    if (auto entry = wire::decode<wire::PinEntry>(frame.body)) {
      return ask_pin(entry->token, std::move(frame.descriptors[0]));
    }
  }
  if (frame.descriptors.size() == 1 && kind == wire::Kind::pin_wanted) {
    if (auto entry = wire::decode<wire::PinEntry>(frame.body)) return give_pin(entry->token, frame.descriptors[0]);
  }
  if (frame.descriptors.size() == 1) {
    UniqueFd socket = std::move(frame.descriptors[0]);
    if (kind == wire::Kind::key_channel) return shared_.serve_worker(std::move(socket));
    if (kind == wire::Kind::key_admin) return shared_.serve_admin(std::move(socket));
    if (kind == wire::Kind::fetcher_channel) return shared_.reach_fetcher(std::move(socket));
  }
  log::error("frame.refused", {{"kind", std::to_string(frame.kind)}});
}

void Keeper::serve_worker(const wire::SignChannel& channel, UniqueFd socket) {
  threads_.remove_if([](const auto& t) { return t->finished(); });
  const auto token = tokens_.find(channel.token);
  if (token == tokens_.end()) {
    log::error("sign_channel.refused", {{"token", channel.token}, {"reason", "no such token"}});
    return;
  }
  const unsigned parallel = token->second->setup().parallel;
  threads_.push_back(std::make_unique<SignThreads>(token->second, std::move(socket), parallel));
}

void Keeper::ask_pin(const std::string& name, UniqueFd socket) {
  const auto done = [this, name](PinEntry& entry, Result<Secret> pin) {
    const auto token = tokens_.find(name);
    Status outcome;
    if (!pin) {
      outcome = fail(std::move(pin.error()));
    } else if (token == tokens_.end() || !token->second->configured()) {
      outcome = fail({Code::not_found, "enter PIN", "token=" + name, "no such [[token]] in the configuration", {}});
    } else {
      outcome = token->second->enter_pin(std::move(*pin));
    }
    log::info("pin.entered", {{"token", name}, {"outcome", outcome_text(outcome)}});
    // The report first: who reads "ok" may rely on the supervisor having the token's new state on its way.
    plan_reopening();
    send_report();
    send_(wire::Kind::pin_ended, wire::encode(wire::PinEntry{name}));
    entry.answer(outcome);
    entries_.remove_if([&](const auto& e) { return e.get() == &entry; });
  };
  entries_.push_back(std::make_unique<PinEntry>(loop_, std::move(socket), options_.pin_deadline, done));
}

// The keeper of another pool reads it, as it would an administrator's. Where none was typed it finds the connection closed.
void Keeper::give_pin(const std::string& name, const UniqueFd& socket) {
  const auto token = tokens_.find(name);
  if (token == tokens_.end()) return;
  const auto given = token->second->give_typed_pin(socket.get());
  log::info("pin.handed_over", {{"token", name}, {"outcome", outcome_text(given)}});
}

void Keeper::look_after_tokens() {
  std::uint64_t count;
  (void)!read(wake_.get(), &count, sizeof count);
  for (auto& [name, token] : tokens_) token->settle();
  send_report();
  plan_reopening();
}

void Keeper::plan_reopening() {
  auto first = Token::Clock::time_point::max();
  for (const auto& [name, token] : tokens_) {
    if (heals_by_reopening(*token)) first = std::min(first, token->last_open() + options_.reopen_after);
  }
  if (first == Token::Clock::time_point::max()) return timer_.stop();
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(first - Token::Clock::now());
  timer_.start(std::max(wait, std::chrono::milliseconds{1}), [this] { reopen_due(); });
}

void Keeper::reopen_due() {
  const auto now = Token::Clock::now();
  for (const auto& [name, token] : tokens_) {
    if (heals_by_reopening(*token) && token->last_open() + options_.reopen_after <= now) reopen(*token);
  }
  send_report();
  plan_reopening();
}

// A module that has no token at work is finalised and initialised anew, with all its tokens; one that others sign
// with keeps running, and only the sessions of the token that failed are made anew.
void Keeper::reopen(Token& token) {
  Module* module = token.module();
  std::vector<Token*> group;
  bool others_work = module == nullptr;
  for (const auto& [name, other] : tokens_) {
    if (module == nullptr || other->module() != module) continue;
    others_work = others_work || other->state() == wire::TokenState::ready;
    group.push_back(other.get());
  }
  if (others_work) group = {&token};
  std::vector<Token*> locked;
  Status done;
  for (Token* each : group) {
    if (done) done = each->lock();
    if (done) locked.push_back(each);
  }
  if (done) {
    log::info("token.reopening", {{"token", token.name()}, {"module", token.setup().module}});
    if (!others_work) done = module->restart();
    for (Token* each : locked) each->open_again();
  }
  if (!done) log::warning("token.not_reopened", {{"token", token.name()}, {"problem", done.error().text()}});
  for (Token* each : locked) each->unlock();
  if (locked.empty()) token.postpone();
}

}  // namespace tlspool::keeper
