// SPDX-License-Identifier: Apache-2.0
#include "supervisor/admin.h"

#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "base/log.h"
#include "base/socket.h"
#include "base/text.h"

namespace tlspool::supervisor {
namespace {
constexpr std::size_t most_connections = 64;
constexpr std::chrono::seconds accept_pause{1};
}  // namespace

const Admin::Method Admin::methods[] = {
    {"Status", &Admin::status},
    {"Sessions", &Admin::sessions},
    {"Statistics", &Admin::statistics},
    {"EnterPin", &Admin::enter_pin},
    {"OpenKeys", &Admin::open_keys},
    {"Reload", &Admin::reload},
    {"Upgrade", &Admin::upgrade},
    {"AddPin", &Admin::add_pin},
    {"ListPins", &Admin::list_pins},
    {"RemovePin", &Admin::remove_pin},
    {"Revoke", &Admin::revoke},
    {"Unrevoke", &Admin::unrevoke},
    {"ListRevoked", &Admin::list_revoked},
};

Admin::Admin(Loop& loop, int listener, Pool& pool, Functions functions)
    : loop_(loop),
      listener_(listener),
      pool_(pool),
      functions_(std::move(functions)),
      started_(::time(nullptr)),
      pause_(loop),
      poll_(std::make_unique<Poll>(loop, listener, [this](int) { accept_all(); })) {
  poll_->want(Poll::readable);
}

Admin::~Admin() = default;

void Admin::retire() {
  pause_.stop();
  poll_.reset();
}

void Admin::serve_successor(UniqueFd socket) { add(std::move(socket), Who::successor); }

void Admin::accept_all() {
  while (true) {
    UniqueFd socket{accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (socket.valid()) {
      const auto peer = peer_credentials(socket.get());
      const bool allowed = peer && (peer->uid == 0 || peer->uid == pool_.ground().owner.uid);
      add(std::move(socket), allowed ? Who::administrator : Who::refused);
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    // Out of descriptors: the connection stays in the queue and would wake us for ever.
    log::warning("admin.accept", {{"reason", system_error("accept", "", errno).reason}});
    poll_->want(Poll::none);
    return pause_.start(accept_pause, [this] { poll_->want(Poll::readable); });
  }
}

void Admin::add(UniqueFd socket, Who who) {
  if (who != Who::successor && connections_.size() >= most_connections) return;
  auto connection = std::make_shared<Connection>();
  connection->who = who;
  const Handle handle = connection;
  connection->channel = std::make_unique<VarlinkConnection>(
      loop_, std::move(socket),
      [this, handle](std::string text, std::vector<UniqueFd>) {
        // No method takes a descriptor; what came with the message is closed here.
        if (auto c = handle.lock()) message(c, text);
      },
      [this, handle] {
        connections_.remove_if([&](const auto& c) { return c == handle.lock(); });
      });
  connections_.push_back(std::move(connection));
}

void Admin::message(const std::shared_ptr<Connection>& connection, const std::string& text) {
  auto call = wire::parse_call(text);
  if (!call) {
    log::warning("admin.malformed", {{"reason", call.error().text()}});
    connections_.remove(connection);
    return;
  }
  // What is changed here would change nothing, or undo what was changed there.
  if (!poll_ && connection->who != Who::successor) return (void)connections_.remove(connection);
  if (connection->who == Who::refused) {
    return connection->channel->send(wire::error_text("org.varlink.service.PermissionDenied"));
  }
  const wire::Interface& offered = wire::admin_interface();
  if (auto common = wire::answer_common(*call, offered, TLSPOOL_VERSION)) {
    if (!call->oneway) connection->channel->send(std::move(*common));
    return;
  }
  const auto method = std::find_if(std::begin(methods), std::end(methods),
                                   [&](const Method& m) { return call->method == m.name; });
  if (method == std::end(methods)) {
    return connection->channel->send(
        wire::error_text("org.varlink.service.MethodNotFound", wire::Value::object().set("method", call->method)));
  }
  if (call->oneway) return (this->*method->run)({}, *call);
  // Answers keep the order of their calls.
  connection->channel->pause();
  (this->*method->run)(connection, *call);
}

void Admin::answer(const Handle& to, std::string text, std::vector<UniqueFd> descriptors) {
  const auto connection = to.lock();
  if (!connection) return;
  connection->channel->send(std::move(text), std::move(descriptors));
  connection->channel->resume();
}

void Admin::status(const Handle& to, const wire::Call&) {
  pool_.ask_workers(wire::Kind::counters_query, [this, to](const std::vector<Bytes>& counters) {
    pool_.ask_judge([this, to, counters](const std::optional<wire::OutcomeCounters>& outcomes) {
      functions_.ask_before("Status", wire::Value::object(), [this, to, counters, outcomes](const wire::Value* before) {
        answer(to, wire::reply_text(status_reply(pool_, started_, counters, outcomes, before)));
      });
    });
  });
}

void Admin::statistics(const Handle& to, const wire::Call&) {
  answer(to, wire::reply_text(statistics_reply(pool_, static_cast<std::int64_t>(loop_.now()))));
}

void Admin::sessions(const Handle& to, const wire::Call& call) {
  const auto most = static_cast<std::uint32_t>(std::clamp<std::int64_t>(call.parameters.number("most", 0), 0, 1'000'000));
  const auto done = [this, to, most](const std::vector<Bytes>& lists) {
    functions_.ask_before("Sessions", wire::Value::object().set("most", most), [this, to, lists](const wire::Value* before) {
      answer(to, wire::reply_text(sessions_reply(lists, before)));
    });
  };
  pool_.ask_workers(wire::Kind::sessions_query, done, wire::encode(wire::SessionsQuery{most}));
}

void Admin::enter_pin(const Handle& to, const wire::Call& call) {
  const std::string token = call.parameters.text("token");
  const auto& tokens = pool_.config().tokens;
  if (std::none_of(tokens.begin(), tokens.end(), [&](const auto& t) { return t.name == token; })) {
    return answer(to, wire::error_text("io.tlspool.Admin.TokenUnknown", wire::Value::object().set("token", token)));
  }
  lead_to_keeper(to, "pinFileDescriptor", [&](UniqueFd end) { pool_.enter_pin(token, std::move(end)); });
}

void Admin::open_keys(const Handle& to, const wire::Call&) {
  lead_to_keeper(to, "keysFileDescriptor", [&](UniqueFd end) { pool_.open_keys(std::move(end)); });
}

void Admin::lead_to_keeper(const Handle& to, const char* member, const std::function<void(UniqueFd)>& give) {
  auto pair = socket_pair(SOCK_STREAM, false);
  if (!pair) {
    log::error("admin.failed", {{"answer", member}, {"reason", pair.error().text()}});
    connections_.remove(to.lock());
    return;
  }
  give(std::move(pair->first));
  answer(to, wire::reply_text(wire::Value::object().set(member, 0)), only(std::move(pair->second)));
}

void Admin::reload(const Handle& to, const wire::Call&) {
  functions_.reload([this, to](const Status& done) {
    if (done) return answer(to, wire::reply_text(wire::Value::object()));
    answer(to, wire::error_text("io.tlspool.Admin.ConfigurationRefused",
                                wire::Value::object().set("message", done.error().text())));
  });
}

void Admin::upgrade(const Handle& to, const wire::Call&) {
  functions_.upgrade([this, to](const Result<pid_t>& done) {
    if (done) return answer(to, wire::reply_text(wire::Value::object().set("process", static_cast<std::int64_t>(*done))));
    answer(to, wire::error_text("io.tlspool.Admin.UpgradeFailed", wire::Value::object().set("message", done.error().text())));
  });
}

}  // namespace tlspool::supervisor
