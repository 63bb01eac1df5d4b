// SPDX-License-Identifier: Apache-2.0
#include "worker/control.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "base/contains.h"
#include "base/log.h"
#include "base/text.h"
#include "wire/varlink.h"
#include "worker/account.h"
#include "worker/diagnosis.h"
#include "worker/forwarder.h"
#include "worker/replies.h"

namespace tlspool::worker {
namespace {

using counters::Refusal;

}  // namespace

Control::Control(Worker& worker, UniqueFd socket, PeerCredentials credentials, Program program, std::function<void()> on_gone)
    : worker_(worker), credentials_(std::move(credentials)), program_(program), on_gone_(std::move(on_gone)) {
  connection_ = std::make_unique<VarlinkConnection>(
      worker_.loop(), std::move(socket),
      [this](std::string text, std::vector<UniqueFd> descriptors) { message(std::move(text), std::move(descriptors)); },
      [this] { gone(); });
}

Control::~Control() {
  if (watching_) worker_.agents().drop(credentials_.uid);
  if (handshake_) {
    count_left(handshake_->connection(), handshake_->ssl());
    worker_.audit().left(*handshake_);
    worker_.handshake_ended(credentials_.uid);
  }
  if (executable_query_ != 0) worker_.forget_executable(executable_query_);
  if (judge_query_ != 0) worker_.services().judge.forget(judge_query_);
}

const std::vector<Control::Method>& Control::methods() {
  static const std::vector<Method> table = {
      {"StartTLS", &Control::start_tls},
      {"ListIdentities", &Control::list_identities},
      {"ListSessions", &Control::list_sessions},
      {"GetSession", &Control::get_session},
      {"ExportKeyingMaterial", &Control::export_keying_material},
      {"ChannelBinding", &Control::channel_binding},
      {"PeerCertificates", &Control::peer_certificates},
      {"UpdateKeys", &Control::update_keys},
      {"ExplainCertificates", &Control::explain_certificates},
      {"StartExchange", &Control::start_exchange},
      {"ContinueExchange", &Control::continue_exchange},
      {"ConfirmExchange", &Control::confirm_exchange},
      {"ExchangeSecret", &Control::exchange_secret},
      {"ShowExchange", &Control::show_exchange},
      {"ListExchanges", &Control::list_exchanges},
      {"CancelExchange", &Control::cancel_exchange},
      {"WatchDisclosures", &Control::watch_disclosures},
      {"AnswerDisclosure", &Control::answer_disclosure},
      {"Forward", &Control::forward},
      {"Pass", &Control::pass},
  };
  return table;
}

void Control::message(std::string text, std::vector<UniqueFd> descriptors) {
  if (forwarder_) return forward_message(text, std::move(descriptors));
  auto call = wire::parse_call(text);
  if (!call) {
    log::warning("control.malformed", {{"uid", std::to_string(credentials_.uid)},
                                       {"pid", std::to_string(credentials_.pid)},
                                       {"problem", call.error().text()}});
    count_refused(Refusal::malformed);
    connection_->pause();
    on_gone_();
    return;
  }
  oneway_ = call->oneway;
  if (auto common = wire::answer_common(*call, wire::pool_interface(), TLSPOOL_VERSION)) {
    answer(std::move(*common));
    return;
  }
  if (program_ != Program::any && call->method != "StartTLS") {
    return answer(wire::error_text("org.varlink.service.PermissionDenied", wire::Value::object()));
  }
  const int owner = worker_for(*call);
  if (asked_ == Asked::at_first && hand_over(owner, text)) return;
  if (send_elsewhere(*call, owner, text)) return;
  dispatch(*call, descriptors);
  worker_.look_retired_soon();
}

void Control::asked(Asked how, std::string text) {
  asked_ = how;
  message(std::move(text), {});
  asked_ = Asked::at_first;
}

// The worker that has to do with a call; -1: any.
int Control::worker_for(const wire::Call& call) {
  if (call.method.find("Exchange") != std::string::npos) return 0;  // all are there
  // An agent is with each of them; sessions are listed worker by worker, and a tunnel's connections are spread over them.
  if (call.method == "WatchDisclosures" || call.method == "ListSessions" || call.method == "Forward") {
    return static_cast<int>(std::clamp<std::int64_t>(call.parameters.number("worker", 0), -1, 256));
  }
  // These ids name their worker.
  const std::string id = call.parameters.text(call.method == "AnswerDisclosure" ? "question" : "session");
  return id.empty() ? -1 : Sessions::worker_of(id);
}

void Control::dispatch(const wire::Call& call, std::vector<UniqueFd>& descriptors) {
  const auto& table = methods();
  const auto found = std::find_if(table.begin(), table.end(), [&](const Method& m) { return m.name == call.method; });
  // answer_common() has refused every method that the interface does not have.
  if (found != table.end()) (this->*found->handle)(call, descriptors);
}

// True: the connection is on its way to the worker that has to do with the call, together with it.
bool Control::hand_over(int owner, const std::string& text) {
  const wire::WorkerSetup& setup = worker_.policy().setup();
  if (owner < 0 || static_cast<std::uint32_t>(owner) == setup.index || static_cast<std::uint32_t>(owner) >= setup.count) return false;
  Bytes unread;
  UniqueFd socket = connection_->release(unread);
  if (unread.empty()) worker_.send_adopt({static_cast<std::uint32_t>(owner), copy_of(view(text))}, std::move(socket));
  on_gone_();
  return true;
}

void Control::call_ended() {
  connection_->resume();
  worker_.look_retired_soon();
}

// True: the connection is on its way to a pool from before an upgrade, which may know what the call is about.
bool Control::send_elsewhere(const wire::Call& call, int owner, const std::string& text) {
  const bool list = call.method == "ListSessions";
  if (!list && call.parameters.find("session") == nullptr) return false;
  if (asked_ == Asked::last || owner < 0) return false;
  if (asked_ == Asked::at_first && worker_.elsewhere() == 0) return false;
  if (list ? asked_ == Asked::as_visitor || static_cast<std::uint32_t>(owner) < worker_.policy().setup().count
           : worker_.sessions().knows(call.parameters.text("session"))) {
    return false;
  }
  Bytes unread;
  UniqueFd socket = connection_->release(unread);
  const auto asks = list ? wire::Visit::Asks::list : wire::Visit::Asks::session;
  if (unread.empty()) worker_.send_visit({asks, static_cast<std::uint32_t>(owner), copy_of(view(text))}, std::move(socket));
  on_gone_();
  return true;
}

void Control::answer(std::string text, std::vector<UniqueFd> descriptors) {
  if (!oneway_) connection_->send(std::move(text), std::move(descriptors));
}

// --- StartTLS -------------------------------------------------------------------------------------------

void Control::start_tls(const wire::Call& call, std::vector<UniqueFd>& descriptors) {
  auto request = parse_start(call.parameters, worker_.default_deadline());
  if (!request) {
    count_refused(Refusal::invalid);
    log::info("request.invalid", {{"uid", std::to_string(credentials_.uid)}, {"problem", request.error().text()}});
    return answer(invalid_parameter(request.error().subject));
  }
  if (auto good = check_descriptors(*request, borrowed(descriptors)); !good) {
    count_refused(Refusal::descriptors);
    return answer(pool_error("BadDescriptor", wire::Value::object().set("message", good.error().text())));
  }
  connection_->pause();
  const bool oneway = oneway_;
  auto shared = std::make_shared<std::pair<StartRequest, std::vector<UniqueFd>>>(std::move(*request), std::move(descriptors));
  learn_executable([this, shared, oneway] { begin(std::move(shared->first), std::move(shared->second), oneway); });
}

// Asked anew for each call: the program may have become another one since the last.
void Control::learn_executable(std::function<void()> then) {
  if (program_ != Program::any || !worker_.policy().needs_executable()) return then();
  executable_query_ = worker_.ask_executable(credentials_.pid, [this, then = std::move(then)](std::string path) {
    executable_query_ = 0;
    executable_ = std::move(path);
    then();
  });
}

bool Control::may(const Policy& policy, const StartRequest& request, const authz::Caller& who) const {
  if (program_ != Program::any) {
    const auto& own = program_ == Program::fetcher ? policy.setup().fetcher_identities : policy.setup().hook_identities;
    const bool none = program_ == Program::judge && request.local_identity.empty();
    return request.roles == wire::role_client && !request.peer_to_peer && (none || contains(own, request.local_identity));
  }
  // A server without an identity in the request is looked at when its peer has named one.
  if (request.roles == wire::role_server && request.local_identity.empty()) return true;
  return std::ranges::all_of(std::array{wire::role_client, wire::role_server}, [&](wire::RoleBits role) {
    return (request.roles & role) == 0 || policy.allows(who, request.local_identity, role);
  });
}

void Control::refuse_identity(const std::string& identity, const char* role) {
  count_refused(Refusal::identity);
  worker_.audit().identity_refused(caller(), identity, role);
  log::warning("identity.refused", {{"uid", std::to_string(credentials_.uid)},
                                    {"pid", std::to_string(credentials_.pid)},
                                    {"identity", identity},
                                    {"role", role}});
  answer(pool_error("IdentityRefused",
                    wire::Value::object()
                        .set("message", may_not_use)
                        .set("localIdentity", wire::or_null(identity))));
}

void Control::begin(StartRequest request, std::vector<UniqueFd> descriptors, bool oneway) {
  oneway_ = oneway;
  // Not before: while the executable was asked for, others may have taken the room.
  if (auto room = worker_.admit_handshake(credentials_.uid); !room) {
    count_refused(Refusal::limit);
    answer(pool_error("LimitReached", wire::Value::object().set("message", room.error().text())));
    call_ended();
    return;
  }
  const std::shared_ptr<const Policy> policy = worker_.shared_policy();
  if (!may(*policy, request, caller())) {
    refuse_identity(request.local_identity, request.peer_to_peer ? "peer" : wire::role_word(request.roles));
    call_ended();
    return;
  }
  if (request.plaintext) {
    plain_ = std::move(descriptors[*request.plaintext]);
  } else {
    auto pair = socket_pair(SOCK_STREAM, false);
    if (!pair) {
      answer(pool_error("LimitReached", wire::Value::object().set("message", pair.error().text())));
      call_ended();
      return;
    }
    plain_ = std::move(pair->first);
    program_end_ = std::move(pair->second);
    // The program goes on with its new socket as it did with the old one.
    const int flags = fcntl(descriptors[request.network].get(), F_GETFL);
    if ((flags & O_NONBLOCK) != 0) fcntl(program_end_.get(), F_SETFL, fcntl(program_end_.get(), F_GETFL) | O_NONBLOCK);
  }
  UniqueFd network = std::move(descriptors[request.network]);
  auto connection = std::make_unique<Connection>(worker_.shared(std::move(request)));
  if (worker_.audit().wanted()) connection->peer_address = PeerAddress::of(network.get());
  connection->policy = policy;
  connection->local_identity = connection->request.local_identity;
  connection->for_pool = program_ != Program::any;
  connection->caller = caller();
  handshake_ = std::make_unique<Handshake>(worker_.services(), std::move(connection), std::move(network),
                                           [this](const HandshakeFailure* failure) { done(failure); });
  worker_.handshake_began(credentials_.uid);
  handshake_->start();
}

void Control::done(const HandshakeFailure* failure) {
  worker_.handshake_ended(credentials_.uid);
  const auto took = handshake_->took();
  count_handshake(handshake_->connection(), handshake_->ssl(), failure, took);
  if (failure == nullptr) {
    handshake_->connection().handshake_took = std::chrono::duration_cast<std::chrono::microseconds>(took);
    established();
  } else {
    worker_.count_failure();
    worker_.audit().refused(handshake_->connection(), handshake_->ssl(), *failure, took);
    log_failure(handshake_->connection(), *failure);
    const std::string text = failure_text(*failure);
    handshake_.reset();  // gives the socket's flags back before the program hears of it
    plain_.reset();
    program_end_.reset();
    answer(text);
  }
  call_ended();
}

void Control::established() {
  const std::unique_ptr<Handshake> handshake = std::move(handshake_);
  auto id = Sessions::new_id(worker_.policy().setup().index);
  if (!id) return answer(pool_error("LimitReached", wire::Value::object().set("message", id.error().text())));
  Session& session = worker_.add_session(std::move(*id), handshake->take_connection(),
                                         {handshake->take_ssl(), handshake->take_network(), handshake->take_poll()},
                                         std::move(plain_));
  wire::Value parameters = wire::Value::object();
  std::vector<UniqueFd> descriptors;
  if (program_end_.valid()) {
    parameters.set("plaintextFileDescriptor", 0);
    descriptors.push_back(std::move(program_end_));
  } else {
    parameters.set("plaintextFileDescriptor", nullptr);
  }
  parameters.set("session", session.facts());
  answer(wire::reply_text(std::move(parameters)), std::move(descriptors));
}

}  // namespace tlspool::worker
