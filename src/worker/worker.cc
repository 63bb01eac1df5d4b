// SPDX-License-Identifier: Apache-2.0
#include "worker/worker.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "base/contains.h"
#include "base/log.h"
#include "base/secret.h"
#include "worker/account.h"
#include "worker/control.h"

namespace tlspool::worker {
namespace {

constexpr int accept_batch = 64;
// After EMFILE and the like nothing gets better by asking again at once.
constexpr std::chrono::milliseconds accept_rest{100};
constexpr std::uint64_t accept_silence_ms = 60'000;  // between two complaints about it

template <class T>
Result<T> body_of(const Frame& frame) {
  auto message = wire::decode<T>(frame.body);
  if (!message) log::error("frame.malformed", {{"kind", std::to_string(frame.kind)}});
  return message;
}

}  // namespace

Worker::Worker(Loop& loop, UniqueFd channel)
    : loop_(loop), keeper_(loop), keys_(loop), judge_(loop), rechecks_(loop, judge_, sessions_), exchanges_(loop, audit_), accept_pause_(loop), sweep_(loop), idle_(loop), retirement_(loop) {
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
  supervisor_->send(kind, number, body);
}

void Worker::give_watch(UniqueFd watch) {
  supervisor_->send(wire::Kind::sandbox_watch, 0, {}, only(std::move(watch)));
}

void Worker::frame(Frame frame) {
  const auto first_descriptor = [&]() -> UniqueFd {
    return frame.descriptors.empty() ? UniqueFd{} : std::move(frame.descriptors.front());
  };
  switch (static_cast<wire::Kind>(frame.kind)) {
    case wire::Kind::worker_setup:
      set_up(frame);
      wipe(frame.body);  // with the ticket keys
      return;
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
      if (!frame.descriptors.empty()) (void)add_control(first_descriptor(), Program::fetcher);
      return;
    case wire::Kind::hook_control:
      if (!frame.descriptors.empty()) (void)add_control(first_descriptor(), Program::judge);
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
    case wire::Kind::sessions_query: {
      const auto query = frame.body.empty() ? wire::SessionsQuery{} : body_of<wire::SessionsQuery>(frame).value_or(wire::SessionsQuery{});
      send(wire::Kind::sessions_answer, frame.number, wire::encode(list_sessions(query.most, std::nullopt)));
      return;
    }
    case wire::Kind::counters_query:
      counters_.sessions = sessions_.open();
      counters_.handshakes = room_.handshakes();
      send(wire::Kind::counters_answer, frame.number, wire::encode(counters_));
      return;
    case wire::Kind::judge_staple:
      if (auto staple = wire::decode<wire::Staple>(frame.body)) staples_.take(std::move(*staple));
      return;
    case wire::Kind::end_sessions: end_sessions(frame); return;
    case wire::Kind::audit_end:
      if (auto setup = body_of<wire::AuditSetup>(frame)) audit_.set(std::move(*setup), first_descriptor());
      return;
    case wire::Kind::recheck_sessions: rechecks_.begin(policy_); return;
    case wire::Kind::drain: drain(); return;
    case wire::Kind::retire: retire(); return;
    case wire::Kind::visit: visit(std::move(frame), Asked::as_visitor); return;
    case wire::Kind::nowhere: visit(std::move(frame), Asked::last); return;
    case wire::Kind::elsewhere:
      if (auto others = body_of<wire::Elsewhere>(frame)) elsewhere_ = others->workers;
      return;
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
  look_for_idle();
}

// Not a timer for each session: of thousands nearly all would be wound up for nothing.
void Worker::look_for_idle() {
  const std::uint64_t deadline = policy_->setup().limits.idle_deadline_ms;
  if (deadline == 0) return idle_.stop();
  const std::size_t count = sessions_.end_if([&](Session& session) {
    return session.idle_for(loop_.now()) >= deadline ? "no byte was moved for " + std::to_string(deadline / 1000) + " s, the idle_deadline" : std::string{};
  });
  if (count > 0) log::info("sessions.idle", {{"ended", std::to_string(count)}});
  idle_.start(std::chrono::milliseconds{std::clamp<std::uint64_t>(deadline / 8, 100, 60'000)}, [this] { look_for_idle(); });
}

std::chrono::milliseconds Worker::default_deadline() const {
  return std::chrono::milliseconds{policy_->setup().limits.handshake_deadline_ms};
}

Status Worker::admit_handshake(uid_t uid) const {
  Status room = room_.for_handshake(policy_->setup().limits, uid);
  if (!room) counters::count<counters::Family::limits>(counters::value_of<counters::Limit>(room.error().subject));
  return room;
}

void Worker::handshake_began(uid_t uid) {
  counters::change<counters::Family::handshakes_in_flight>(1);
  room_.handshake_began(uid);
}

void Worker::handshake_ended(uid_t uid) {
  counters::change<counters::Family::handshakes_in_flight>(-1);
  room_.handshake_ended(uid);
}

std::shared_ptr<const StartRequest> Worker::shared(StartRequest request) {
  if (!last_request_ || *last_request_ != request) last_request_ = std::make_shared<const StartRequest>(std::move(request));
  return last_request_;
}

Session& Worker::add_session(std::string id, std::unique_ptr<Connection> connection,
                             transport::StreamPump::Network network, UniqueFd plain) {
  const uid_t uid = connection->caller.credentials.uid;
  room_.session_began(uid);
  ++counters_.started;
  count_session_began(*connection);
  if (connection->resumed(network.ssl.get())) ++counters_.resumed;
  Session& session = sessions_.add(std::make_unique<Session>(
      loop_, std::move(id), std::move(connection), std::move(network), std::move(plain), *scratch_,
      [this, uid](Session& ended) {
        room_.session_ended(uid);
        count_session_ended(ended);
        audit_.session_ended(ended);
        sessions_.end(ended, loop_.now());
      }));
  if (log::level() <= log::Level::info) {
    const wire::SessionRow row = session.row();
    const Connection& c = session.connection();
    log::info("session.started", {{"id", row.id},
                                  {"role", row.role},
                                  {"local", row.local_identity},
                                  {"remote", row.remote_identity},
                                  {"verified", c.proved().how.empty() ? "none" : c.proved().how},
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
      counters::count<counters::Family::limits>(counters::Limit::control_connections);
      listener_poll_->want(Poll::none);  // remove_control() starts it again
      return;
    }
    UniqueFd socket;
    if (room_.has_descriptors()) {
      socket.reset(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    } else {
      errno = EMFILE;
    }
    if (!socket.valid()) {
      if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ECONNABORTED || errno == EINTR) return;
      if (const std::uint64_t now = loop_.now(); !accept_told_ || now - *accept_told_ >= accept_silence_ms) {
        log::error("accept.failed", {{"problem", system_error("accept", "pool.sock", errno).text()}});
        accept_told_ = now;
      }
      listener_poll_->want(Poll::none);
      accept_pause_.start(accept_rest, [this] { listener_poll_->want(Poll::readable); });
      return;
    }
    (void)add_control(std::move(socket), Program::any);
  }
}

Control* Worker::add_control(UniqueFd socket, Program program) {
  auto credentials = peer_credentials(socket.get());
  if (!credentials) {
    log::error("control.refused", {{"problem", credentials.error().text()}});
    return nullptr;
  }
  const uid_t uid = credentials->uid;
  // Half of the room is for the others, whatever one user does.
  if (program == Program::any && !room_.for_control(policy_->setup().limits, uid)) {
    counters::count<counters::Family::limits>(counters::Limit::control_connections_per_uid);
    log::warning("control.limit", {{"uid", std::to_string(uid)}});
    return nullptr;
  }
  room_.control_began(uid);
  auto holder = std::make_shared<Control*>(nullptr);
  auto control = std::make_unique<Control>(*this, std::move(socket), std::move(*credentials), program, [this, holder] { remove_control(*holder); });
  Control* raw = control.get();
  *holder = raw;
  controls_[raw] = std::move(control);
  counters::change<counters::Family::control_connections>(1);
  return raw;
}

// The control may be the one whose callback is running: it is destroyed on the next round.
void Worker::remove_control(Control* control) {
  const auto found = controls_.find(control);
  if (found == controls_.end()) return;
  room_.control_ended(control->uid());
  gone_.push_back(std::move(found->second));
  controls_.erase(found);
  counters::change<counters::Family::control_connections>(-1);
  sweep_.start(std::chrono::milliseconds{0}, [this] { gone_.clear(); });
  if (listener_poll_ && listener_poll_->wanted() == Poll::none) listener_poll_->want(Poll::readable);
}

void Worker::adopt(Frame frame) {
  auto adopt = body_of<wire::Adopt>(frame);
  if (!adopt || frame.descriptors.size() != 1) return;
  Control* control = add_control(std::move(frame.descriptors.front()), Program::any);
  if (control != nullptr && !adopt->input.empty()) control->message(std::string(text_of(adopt->input)), {});
}

void Worker::send_adopt(wire::Adopt adopt, UniqueFd socket) {
  supervisor_->send(wire::Kind::adopt, 0, wire::encode(adopt), only(std::move(socket)));
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
    if (const wire::RevokedRow* row = now.find(c.proved().facts())) return "revoked by its " + trust::text_of(*row);
    if (contains(end->identities, session.shown_identity())) return "the token of " + c.local_identity + " is gone";
    return {};
  });
  const std::size_t exchanges = exchanges_.end_if([&](const Exchange& exchange) {
    const wire::RevokedRow* row = now.find(exchange.peer());
    return row == nullptr ? std::string{} : "the other side was revoked by its " + trust::text_of(*row);
  });
  if (exchanges > 0) log::info("exchanges.revoked", {{"ended", std::to_string(exchanges)}});
  send(wire::Kind::sessions_ended, frame.number, wire::encode(wire::SessionsEnded{count}));
}

void Worker::drain() {
  listener_poll_.reset();
  listener_.reset();
  sessions_.stop_all();
  loop_.stop();
}

}  // namespace tlspool::worker
