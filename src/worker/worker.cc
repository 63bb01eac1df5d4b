// SPDX-License-Identifier: Apache-2.0
#include "worker/worker.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "base/log.h"
#include "worker/control.h"

namespace tlspool::worker {
namespace {

constexpr int accept_batch = 64;
// After EMFILE and the like nothing gets better by asking again at once.
constexpr std::chrono::milliseconds accept_rest{100};

template <class T>
Result<T> body_of(const Frame& frame) {
  auto message = wire::decode<T>(frame.body);
  if (!message) log::error("frame.malformed", {{"kind", std::to_string(frame.kind)}});
  return message;
}

}  // namespace

Worker::Worker(Loop& loop, UniqueFd channel)
    : loop_(loop), keeper_(loop), keys_(loop), judge_(loop), rechecks_(loop, judge_, sessions_), exchanges_(loop), accept_pause_(loop), sweep_(loop) {
  supervisor_ = std::make_unique<Channel>(
      loop, std::move(channel), [this](Frame f) { frame(std::move(f)); },
      [this] {
        // Without its supervisor a worker has no keeper and no judge: nothing that it may go on with.
        exit_status_ = 1;
        loop_.stop();
      });
}

Worker::~Worker() {
  sessions_.stop_all();
  controls_.clear();
  gone_.clear();
}

void Worker::send(wire::Kind kind, std::uint64_t number, const Bytes& body) {
  supervisor_->send(static_cast<std::uint16_t>(kind), number, body);
}

void Worker::give_watch(UniqueFd watch) {
  supervisor_->send(static_cast<std::uint16_t>(wire::Kind::sandbox_watch), 0, {}, only(std::move(watch)));
}

void Worker::frame(Frame frame) {
  const auto first_descriptor = [&]() -> UniqueFd {
    return frame.descriptors.empty() ? UniqueFd{} : std::move(frame.descriptors.front());
  };
  switch (static_cast<wire::Kind>(frame.kind)) {
    case wire::Kind::worker_setup: set_up(frame); return;
    case wire::Kind::listener: listen_on(first_descriptor()); return;
    case wire::Kind::sign_end:
      if (auto line = body_of<wire::SignChannel>(frame); line && !frame.descriptors.empty()) keeper_.connect(line->token, first_descriptor());
      return;
    case wire::Kind::judge_end:
      if (!frame.descriptors.empty()) judge_.connect(first_descriptor());
      return;
    case wire::Kind::key_end:
      if (!frame.descriptors.empty()) keys_.connect(first_descriptor());
      return;
    case wire::Kind::fetcher_control:
      if (!frame.descriptors.empty()) add_control(first_descriptor(), Program::fetcher);
      return;
    case wire::Kind::hook_control:
      if (!frame.descriptors.empty()) add_control(first_descriptor(), Program::judge);
      return;
    case wire::Kind::executable_answer: {
      const auto found = executable_queries_.find(frame.number);
      auto answer = body_of<wire::ExecutableAnswer>(frame);
      if (found == executable_queries_.end()) return;
      const auto on_answer = std::move(found->second);
      executable_queries_.erase(found);
      on_answer(answer ? std::move(answer->path) : std::string{});
      return;
    }
    case wire::Kind::adopt: adopt(std::move(frame)); return;
    case wire::Kind::sessions_query: send(wire::Kind::sessions_answer, frame.number, wire::encode(sessions_.list())); return;
    case wire::Kind::counters_query:
      counters_.sessions = sessions_.open();
      send(wire::Kind::counters_answer, frame.number, wire::encode(counters_));
      return;
    case wire::Kind::judge_staple:
      if (auto staple = wire::decode<wire::Staple>(frame.body)) staples_.take(std::move(*staple));
      return;
    case wire::Kind::end_sessions: end_sessions(frame); return;
    case wire::Kind::recheck_sessions: rechecks_.begin(policy_); return;
    case wire::Kind::drain: drain(); return;
    default: log::error("frame.unexpected", {{"kind", std::to_string(frame.kind)}}); return;
  }
}

void Worker::set_up(const Frame& frame) {
  auto setup = body_of<wire::WorkerSetup>(frame);
  if (!setup) return;
  auto policy = Policy::make(std::move(*setup));
  if (!policy) {
    log::error("setup.failed", {{"problem", policy.error().text()}});
    if (!policy_) {
      exit_status_ = 1;
      loop_.stop();
    }
    return;
  }
  policy_ = std::move(*policy);
}

std::chrono::milliseconds Worker::default_deadline() const {
  return std::chrono::milliseconds{policy_->setup().limits.handshake_deadline_ms};
}

Status Worker::admit_handshake(uid_t uid) const {
  const wire::Limits& limits = policy_->setup().limits;
  const auto full = [](const char* limit, std::uint32_t most) {
    return fail({Code::busy, "limit reached", limit, std::to_string(most) + " for each worker",
                 "try again later, or raise it in [limits] of tlspool.toml"});
  };
  if (sessions_.open() >= limits.sessions) return full("sessions", limits.sessions);
  if (counters_.handshakes >= limits.handshakes) return full("handshakes", limits.handshakes);
  const auto own = handshakes_of_.find(uid);
  if (own != handshakes_of_.end() && own->second >= limits.handshakes_per_uid) {
    return full("handshakes_per_uid", limits.handshakes_per_uid);
  }
  return {};
}

void Worker::handshake_began(uid_t uid) {
  ++counters_.handshakes;
  ++handshakes_of_[uid];
}

void Worker::handshake_ended(uid_t uid) {
  --counters_.handshakes;
  if (--handshakes_of_[uid] == 0) handshakes_of_.erase(uid);
}

Session& Worker::add_session(std::string id, std::unique_ptr<Connection> connection,
                             transport::StreamPump::Network network, UniqueFd plain) {
  ++counters_.started;
  if (connection->resumed(network.ssl.get())) ++counters_.resumed;
  Session& session = sessions_.add(std::make_unique<Session>(
      loop_, std::move(id), std::move(connection), std::move(network), std::move(plain), *scratch_,
      [this](Session& ended) {
        if (log::level() <= log::Level::debug) {
          log::debug("session.ended", {{"id", ended.id()}, {"state", ended.state().value().text("state")}, {"detail", ended.state().outcome.detail}});
        }
        sessions_.end(ended, loop_.now());
      }));
  if (log::level() <= log::Level::info) {
    const wire::SessionRow row = session.row();
    const Connection& c = session.connection();
    log::info("session.started", {{"id", row.id},
                                  {"role", row.role},
                                  {"local", row.local_identity},
                                  {"remote", row.remote_identity},
                                  {"verified", c.proved.how.empty() ? "none" : c.proved.how},
                                  {"version", row.version},
                                  {"suite", row.suite},
                                  {"resumed", c.resumed(session.pump().ssl()) ? "yes" : "no"},
                                  {"store", c.shared_key ? store_of(*c.shared_key->peer) : ""},
                                  {"key", c.shared_key ? c.shared_key->key_id : ""},
                                  {"service", row.service},
                                  {"uid", std::to_string(row.uid)},
                                  {"pid", std::to_string(row.pid)}});
  }
  return session;
}

// --- control connections --------------------------------------------------------------------------------

void Worker::listen_on(UniqueFd listener) {
  if (!listener.valid()) return;
  listener_poll_.reset();
  listener_ = std::move(listener);
  listener_poll_ = std::make_unique<Poll>(loop_, listener_.get(), [this](int) { accept_some(); });
  listener_poll_->want(Poll::readable);
}

void Worker::accept_some() {
  for (int i = 0; i < accept_batch; ++i) {
    if (controls_.size() >= policy_->setup().limits.control_connections) {
      listener_poll_->want(Poll::none);  // remove_control() starts it again
      return;
    }
    UniqueFd socket{accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (!socket.valid()) {
      if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ECONNABORTED || errno == EINTR) return;
      log::error("accept.failed", {{"problem", system_error("accept", "pool.sock", errno).text()}});
      listener_poll_->want(Poll::none);
      accept_pause_.start(accept_rest, [this] { listener_poll_->want(Poll::readable); });
      return;
    }
    add_control(std::move(socket), Program::any);
  }
}

void Worker::add_control(UniqueFd socket, Program program, std::string first_message) {
  auto credentials = peer_credentials(socket.get());
  if (!credentials) {
    log::error("control.refused", {{"problem", credentials.error().text()}});
    return;
  }
  const uid_t uid = credentials->uid;
  // Half of the room is for the others, whatever one user does.
  if (program == Program::any && controls_of_[uid] >= std::max(1U, policy_->setup().limits.control_connections / 2)) {
    log::warning("control.limit", {{"uid", std::to_string(uid)}});
    return;
  }
  ++controls_of_[uid];
  auto holder = std::make_shared<Control*>(nullptr);
  auto control = std::make_unique<Control>(*this, std::move(socket), std::move(*credentials), program, [this, holder] { remove_control(*holder); });
  Control* raw = control.get();
  *holder = raw;
  controls_[raw] = std::move(control);
  if (!first_message.empty()) raw->message(std::move(first_message), {});
}

// The control may be the one whose callback is running: it is destroyed on the next round.
void Worker::remove_control(Control* control) {
  const auto found = controls_.find(control);
  if (found == controls_.end()) return;
  if (const uid_t uid = control->uid(); --controls_of_[uid] == 0) controls_of_.erase(uid);
  gone_.push_back(std::move(found->second));
  controls_.erase(found);
  sweep_.start(std::chrono::milliseconds{0}, [this] { gone_.clear(); });
  if (listener_poll_ && listener_poll_->wanted() == Poll::none) listener_poll_->want(Poll::readable);
}

void Worker::adopt(Frame frame) {
  auto adopt = body_of<wire::Adopt>(frame);
  if (!adopt || frame.descriptors.size() != 1) return;
  add_control(std::move(frame.descriptors.front()), Program::any, std::string(text_of(adopt->input)));
}

void Worker::send_adopt(wire::Adopt adopt, UniqueFd socket) {
  std::vector<UniqueFd> descriptors;
  descriptors.push_back(std::move(socket));
  supervisor_->send(static_cast<std::uint16_t>(wire::Kind::adopt), 0, wire::encode(adopt), std::move(descriptors));
}

std::uint64_t Worker::ask_executable(pid_t pid, std::function<void(std::string)> on_answer) {
  const std::uint64_t number = ++last_query_;
  executable_queries_[number] = std::move(on_answer);
  send(wire::Kind::executable_query, number, wire::encode(wire::ExecutableQuery{pid}));
  return number;
}

void Worker::end_sessions(const Frame& frame) {
  const auto end = body_of<wire::EndSessions>(frame);
  if (!end) return;
  for (const wire::RevokedRow& row : end->restored) revoked_.remove(row);
  trust::Revoked now;
  for (const wire::RevokedRow& row : end->revoked) {
    revoked_.add(row);
    now.add(row);
  }
  const std::size_t count = sessions_.end_if([&](const Session& session) -> std::string {
    const Connection& c = session.connection();
    if (const wire::RevokedRow* row = now.find(c.proved.facts())) return "revoked by its " + trust::text_of(*row);
    if (std::ranges::find(end->identities, session.shown_identity()) != end->identities.end()) return "the token of " + c.local_identity + " is gone";
    return {};
  });
  send(wire::Kind::sessions_ended, frame.number, wire::encode(wire::SessionsEnded{count}));
}

void Worker::drain() {
  listener_poll_.reset();
  listener_.reset();
  sessions_.stop_all();
  loop_.stop();
}

}  // namespace tlspool::worker
