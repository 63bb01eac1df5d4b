// SPDX-License-Identifier: Apache-2.0
// Another executable has taken the pool over. What has begun here comes to its end here; programs that have nothing under way go there, and
// come back for a call about a session that is here.
#include <algorithm>

#include "worker/control.h"
#include "worker/worker.h"

namespace tlspool::worker {
namespace {

// Calls end soon, sessions may last.
constexpr std::chrono::seconds soon{10};
constexpr std::chrono::seconds time_to_ask{2};

}  // namespace

void Worker::retire() {
  if (is_retired()) return;
  listener_poll_.reset();
  listener_.reset();
  retired_at_ = loop_.now();
  look_retired();
}

void Worker::look_retired_soon() {
  if (is_retired()) retirement_.start(std::chrono::milliseconds{0}, [this] { look_retired(); });
}

void Worker::look_retired() {
  const std::chrono::milliseconds since{loop_.now() - *retired_at_};
  std::vector<Control*> all;
  for (const auto& [raw, control] : controls_) {
    if (raw->program() == Program::any) all.push_back(raw);
  }
  for (Control* control : all) {
    if (UniqueFd connection = control->retire(since); connection.valid()) {
      supervisor_->send(wire::Kind::idle_program, 0, {}, only(std::move(connection)));
    }
  }
  const bool programs = std::ranges::any_of(controls_, [](const auto& entry) { return entry.first->program() == Program::any; });
  const bool quiet = !programs && room_.handshakes() == 0;
  if (quiet && sessions_.open() == 0 && !may_be_asked()) {
    if (!std::exchange(finished_, true)) send(wire::Kind::finished, 0, {});
    return;
  }
  if (quiet && !std::exchange(quiet_, true)) send(wire::Kind::quiet, 0, {});
  const auto pause = since < soon ? std::chrono::milliseconds{50} : std::chrono::milliseconds{1000};
  retirement_.start(pause, [this] { look_retired(); });
}

// Programs ask how a session has ended when they see that it has.
bool Worker::may_be_asked() const {
  const auto last = sessions_.last_end_ms();
  return last && std::chrono::milliseconds{loop_.now() - *last} < time_to_ask;
}

void Worker::visit(Frame frame, Asked how) {
  auto call = wire::decode<wire::Visit>(frame.body);
  if (!call || frame.descriptors.size() != 1) return;
  Control* control = add_control(std::move(frame.descriptors.front()), Program::any);
  if (control == nullptr) return;
  control->asked(how, std::string(text_of(call->input)));
  if (is_retired()) look_retired();
}

void Worker::send_visit(const wire::Visit& visit, UniqueFd socket) {
  supervisor_->send(wire::Kind::visit, 0, wire::encode(visit), only(std::move(socket)));
}

wire::SessionList Worker::list_sessions(std::size_t most, std::optional<uid_t> of) {
  wire::SessionList out = sessions_.list(most, of);
  for (wire::SessionRow& row : out.sessions) row.draining = is_retired();
  return out;
}

}  // namespace tlspool::worker
