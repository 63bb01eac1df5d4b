// SPDX-License-Identifier: Apache-2.0
#include "supervisor/predecessor.h"

#include <signal.h>
#include <sys/socket.h>

#include <charconv>

#include "base/log.h"
#include "base/socket.h"
#include "base/text.h"
#include "supervisor/outside.h"
#include "wire/varlink.h"

namespace tlspool::supervisor {
namespace {

// All its sessions may be in one answer.
constexpr std::size_t longest_answer = 256 << 20;

std::uint64_t number_at(const std::string& text, std::size_t word) {
  const auto words = split(text, ' ');
  std::uint64_t out = 0;
  if (word < words.size()) std::from_chars(words[word].data(), words[word].data() + words[word].size(), out);
  return out;
}

// Who made the pair of sockets of which this is an end.
UniqueFd maker_of(int socket) {
  const auto who = peer_credentials(socket);
  auto process = who ? open_process(who->pid) : fail(Error(who.error()));
  return process ? std::move(*process) : UniqueFd{};
}

}  // namespace

std::string visit_text(const wire::Visit& call) {
  return (call.asks == wire::Visit::Asks::list ? "list " : "session ") + std::to_string(call.worker) + " " + std::string(text_of(call.input));
}

std::optional<wire::Visit> parse_visit(const std::string& text) {
  const auto first = text.find(' ');
  const auto second = first == std::string::npos ? first : text.find(' ', first + 1);
  if (second == std::string::npos) return std::nullopt;
  wire::Visit out;
  out.asks = text.starts_with("list ") ? wire::Visit::Asks::list : wire::Visit::Asks::session;
  const char* end = text.data() + second;
  if (const auto [last, bad] = std::from_chars(text.data() + first + 1, end, out.worker); last != end || bad != std::errc{}) return std::nullopt;
  out.input = copy_of(view(text).subspan(second + 1));
  return out;
}

Predecessor::Predecessor(Loop& loop, UniqueFd socket, Events events)
    : loop_(loop), events_(std::move(events)), process_(maker_of(socket.get())),
      relay_(loop, std::move(socket),
             [this](const std::string& word, const std::string& rest, std::vector<UniqueFd> descriptors) { message(word, rest, std::move(descriptors)); },
             [this] { closed(); }) {}

void Predecessor::message(const std::string& word, const std::string& rest, std::vector<UniqueFd> descriptors) {
  const auto descriptor = [&] { return std::move(descriptors.front()); };
  if (word == Relay::serve) {
    administer();
    events_.serve(static_cast<std::uint32_t>(number_at(rest, 0)));
  } else if (word == Relay::done) {
    finish(number_at(rest, 0), number_at(rest, 1));
  } else if (descriptors.size() != 1) {
    log::warning("upgrade.not_understood", {{"word", printable(word)}});
  } else if (word == Relay::program) {
    events_.program(descriptor());
  } else if (word == Relay::pin) {
    const auto pin = events_.pin;  // it may find that the other one has gone
    pin(rest, descriptor());
  } else if (word == Relay::tickets) {
    events_.tickets(rest, descriptor());
  } else if (word == Relay::nowhere) {
    if (auto call = parse_visit(rest)) events_.nowhere(std::move(*call), descriptor());
  }
}

// --- orders ---------------------------------------------------------------------------------------------

void Predecessor::order(std::string_view word, std::string rest, std::chrono::milliseconds deadline, Ended done) {
  const std::uint64_t number = ++last_;
  Order& order = orders_[number];
  order.done = std::move(done);
  order.timer = std::make_unique<Timer>(loop_);
  const bool sent = relay_.send(word, std::to_string(number) + (rest.empty() ? "" : " ") + rest);
  order.timer->start(sent ? deadline : std::chrono::milliseconds{0}, [this] { silent(); });
}

void Predecessor::end_sessions(ByteView end, Ended done) { order(Relay::end, hex(end), end_deadline, std::move(done)); }

void Predecessor::reload(std::function<void()> done) {
  order(Relay::reload, {}, reload_deadline, [done = std::move(done)](std::uint64_t) { done(); });
}

void Predecessor::finish(std::uint64_t number, std::uint64_t count) {
  auto node = orders_.extract(number);
  if (!node.empty()) node.mapped().done(count);
}

// The kernel ends its processes with it, and then its end of the relay closes.
void Predecessor::silent() {
  log::error("upgrade.old_killed", {{"reason", "it does not do as it is told; the sessions that it had left have ended"}});
  if (process_.valid()) return signal_process(process_.get(), SIGKILL);
  closed();
}

// --- questions ------------------------------------------------------------------------------------------

void Predecessor::administer() {
  auto pair = socket_pair(SOCK_STREAM, true);
  if (!pair || !relay_.send(Relay::administer, {}, std::move(pair->first))) return;
  admin_ = std::make_unique<VarlinkConnection>(
      loop_, std::move(pair->second), [this](const std::string& text, const std::vector<UniqueFd>&) { answered(text); }, [this] { lose_questions(); },
      VarlinkConnection::Limits{longest_answer, 0});
}

void Predecessor::ask(const std::string& method, wire::Value parameters, Answer done) {
  if (!admin_ || !admin_->open()) return done(nullptr);
  Question& question = questions_.emplace_back(Question{std::move(done), std::make_unique<Timer>(loop_)});
  question.timer->start(ask_deadline, [&question] {
    if (const auto late = std::exchange(question.done, nullptr)) late(nullptr);
  });
  admin_->send(wire::call_text("io.tlspool.Admin." + method, std::move(parameters)));
}

void Predecessor::answered(const std::string& text) {
  if (questions_.empty()) return;
  const Question question = std::move(questions_.front());
  questions_.pop_front();
  const auto answer = wire::parse_answer(text);
  if (question.done) question.done(answer && answer->error.empty() ? &answer->parameters : nullptr);
}

void Predecessor::lose_questions() {
  const auto lost = std::exchange(questions_, {});
  for (const Question& question : lost) {
    if (question.done) question.done(nullptr);
  }
}

bool Predecessor::visit(const wire::Visit& call, UniqueFd& program) {
  const std::string text = visit_text(call);
  if (text.size() + Relay::visit.size() >= Relay::longest || !relay_.has_room()) return false;
  return relay_.send(Relay::visit, text, std::move(program));
}

void Predecessor::closed() {
  const auto orders = std::exchange(orders_, {});
  for (const auto& [number, order] : orders) order.done(0);
  lose_questions();
  const auto gone = events_.gone;
  gone();
}

}  // namespace tlspool::supervisor
