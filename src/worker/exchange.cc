// SPDX-License-Identifier: Apache-2.0
#include "worker/exchange.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "base/contains.h"
#include "base/socket.h"
#include "base/text.h"
#include "tls/context.h"
#include "worker/exchange_words.h"

namespace tlspool::worker {
namespace {

HandshakeFailure failed(std::string reason, std::string message) {
  return {std::move(reason), "key exchange: " + std::move(message), {}, {}, {}, {}, false};
}

const char* word(Exchange::State state) {
  switch (state) {
    case Exchange::State::waiting: return "waiting";
    case Exchange::State::unconfirmed: return "unconfirmed";
    case Exchange::State::finished: return "finished";
    case Exchange::State::failed: return "failed";
  }
  return "failed";
}

StartRequest tls_request(const ExchangeRequest& request) {
  StartRequest r;
  r.peer_to_peer = true;
  r.local_identity = request.local_identity;
  r.remote_identity = request.remote_identity;
  r.proof = Proof::required;
  if (!is_ip_address(request.remote_identity)) r.server_name = request.remote_identity.substr(request.remote_identity.find('@') + 1);
  if (auto alpn = tls::alpn_wire({exchange_protocol})) r.alpn = std::move(*alpn);
  r.service = "kex";
  r.tls13_only = true;
  r.resumption = false;
  r.pin = request.pin;
  r.first_contact = request.first_contact;
  r.deadline = request.lifetime;
  r.agent_patience = std::chrono::seconds{45};  // somebody waits for the answer to a call
  return r;
}

}  // namespace

Exchange::Exchange(Services services, Audit& audit, std::string id, std::shared_ptr<const Policy> policy, authz::Caller caller, ExchangeRequest request)
    : services_(services),
      audit_(audit),
      id_(std::move(id)),
      policy_(std::move(policy)),
      caller_(std::move(caller)),
      request_(std::move(request)),
      created_(std::time(nullptr)),
      expires_(created_ + request_.lifetime.count()) {}

Exchange::~Exchange() = default;

void Exchange::start(OnFlight on_flight) {
  on_flight_ = std::move(on_flight);
  began_ = true;
  begin(Speaks::first, {});
}

void Exchange::answer(const kex::Message& hello, OnFlight on_flight) {
  on_flight_ = std::move(on_flight);
  new_message_ = false;
  crossing_ = began_;
  if (began_) {  // the two first messages have crossed: wire_id_ is known when the tie is broken
    given_up_ = hello.id;
    if (!write_in(hello.records)) refuse("the message is too long");
    return;
  }
  wire_id_ = hello.id;
  begin(Speaks::second, hello.records);
}

void Exchange::go_on(const kex::Message& message, OnFlight on_flight) {
  on_flight_ = std::move(on_flight);
  new_message_ = false;
  crossing_ = false;
  if (!write_in(message.records)) return refuse("the message is too long");
  if (handshake_) return;  // it sees them on the next round of the loop
  if (std::string problem = hear_names(); !problem.empty()) return refuse(std::move(problem));
  finish();
  report(nullptr);
}

std::string Exchange::objection(const kex::Message& message) const {
  if (busy()) return "another message of this exchange is being dealt with; try again in a moment";
  if (state_ == State::failed) return "this exchange has failed: " + problem_;
  if (message.id != wire_id_) return "it answers a first message of ours that was given up for theirs: they should read our answer to theirs";
  const int theirs = static_cast<int>(message.step);
  const int own = step_ ? static_cast<int>(*step_) : 0;
  const bool done = state_ == State::finished || state_ == State::unconfirmed;
  if (theirs == own + 1 && !done) return {};
  const bool from_us = (own + theirs) % 2 == 0;
  if (from_us) return "it is a message of our own: give it to the other side";
  if (theirs < own || done) return "it was read already, and answered: `tlspool kex show " + id_ + "` prints the answer again";
  return "it is message " + std::to_string(theirs) + " of 4, and message " + std::to_string(own + 1) + " has not come yet";
}

bool Exchange::write_in(ByteView records) {
  return send(outside_.get(), records.data(), records.size(), MSG_NOSIGNAL | MSG_DONTWAIT) == static_cast<ssize_t>(records.size());
}

void Exchange::begin(Speaks speaks, ByteView records) {
  auto pair = socket_pair(SOCK_STREAM, true);
  if (!pair) return refuse(pair.error().text());
  outside_ = std::move(pair->second);
  outside_poll_ = std::make_unique<Poll>(services_.loop, outside_.get(), [this](int) { collect(); });
  outside_poll_->want(Poll::readable);
  if (!write_in(records)) return refuse("the message is too long");
  StartRequest wanted = tls_request(request_);
  wanted.speaks_first = speaks == Speaks::first;
  wanted.roles = speaks == Speaks::first ? wire::role_client | wire::role_server : wire::role_server;
  auto connection = std::make_unique<Connection>(std::make_shared<const StartRequest>(std::move(wanted)));
  connection->policy = policy_;
  connection->caller = caller_;
  connection->local_identity = request_.local_identity;
  handshake_ = std::make_unique<Handshake>(services_, std::move(connection), std::move(pair->first),
                                           [this](const HandshakeFailure* failure) { handshake_done(failure); });
  handshake_->on_wait([this] { flight_is_whole(); });
  handshake_->start();
}

void Exchange::collect() {
  std::array<std::uint8_t, 16384> buffer;
  ssize_t n = 0;
  while ((n = recv(outside_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0) {
    if (flight_.size() + static_cast<std::size_t>(n) > kex::longest_message / 2) too_long_ = true;
    if (!too_long_) flight_.insert(flight_.end(), buffer.begin(), buffer.begin() + n);
  }
  if (n == 0) outside_poll_->want(Poll::none);
}

void Exchange::flight_is_whole() {
  collect();
  if (too_long_) return refuse("our certificate chain is too long for a message");
  if (flight_.empty()) {
    if (crossing_) return report(nullptr);  // our own message stands
    return refuse("the message is not whole; start again");
  }
  if (step_ && !crossing_) return refuse("the other side asks for another first message (HelloRetryRequest), which a key exchange does not have");
  if (handshake_->connection().role == wire::role_server) {
    if (began_) {
      wire_id_ = given_up_;
      given_up_ = own_hello_;
    }
    seal_message(kex::Step::server_hello);
  } else {
    own_hello_ = wire_id_ = kex::exchange_id(flight_);
    seal_message(kex::Step::client_hello);
  }
  report(nullptr);
}

void Exchange::seal_message(kex::Step step) {
  step_ = step;
  message_ = kex::seal({step, wire_id_, std::exchange(flight_, {})});
  new_message_ = true;
}

void Exchange::handshake_done(const HandshakeFailure* failure) {
  if (failure != nullptr) {
    const HandshakeFailure copy = *failure;
    state_ = State::failed;
    problem_ = copy.message;
    connection_ = handshake_->take_connection();
    connection_->handshake = nullptr;
    handshake_.reset();
    // The handshake may take as long as the exchange, and is often the first to see that the time is over.
    tell(copy.reason == "timeout" ? ExchangeOutcome::expired : ExchangeOutcome::failed, &copy);
    return report(&copy);
  }
  connection_ = handshake_->take_connection();
  connection_->handshake = nullptr;
  ssl_ = handshake_->take_ssl();
  inside_ = handshake_->take_network();
  handshake_.reset();
  if (std::string problem = unfit_session(); !problem.empty()) return refuse(std::move(problem));
  if (connection_->role == wire::role_client) return client_finishes();
  server_finishes();
}

std::string Exchange::unfit_session() {
  const Connection& c = *connection_;
  // Without it a message for another use of TLS could be passed off as one of ours.
  if (tls::agreed_on(ssl_.get()).alpn != exchange_protocol) return "the other side's message is not meant for a key exchange";
  if (!c.not_shown.empty()) return c.not_shown;
  const bool shown = c.role == wire::role_server || c.local_shown;
  return shown && !c.local_identity.empty() ? std::string{} : "the other side did not ask who we are: both must prove their identity";
}

void Exchange::client_finishes() {
  if (!say_names()) return refuse("the last message could not be made");
  seal_message(kex::Step::client_finish);
  report(nullptr);
}

void Exchange::server_finishes() {
  if (std::string problem = hear_names(); !problem.empty()) return refuse(std::move(problem));
  if (!say_names()) return refuse("the last message could not be made");
  seal_message(kex::Step::server_finish);
  finish();
  report(nullptr);
}

bool Exchange::say_names() {
  const Bytes text = confirmation({connection_->local_identity, connection_->proved().identity});
  const bool written = SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())) == static_cast<int>(text.size());
  collect();
  return written && !too_long_;
}

// Empty: they are those that we have.
std::string Exchange::hear_names() {
  Bytes text(longest_confirmation);
  const int n = SSL_read(ssl_.get(), text.data(), static_cast<int>(text.size()));
  if (n <= 0) return "the other side's confirmation can't be read: the message was changed on its way; start again";
  text.resize(static_cast<std::size_t>(n));
  const auto names = read_confirmation(text);
  if (!names) return "the other side's confirmation is of a form that is not known here";
  Proved proved = connection_->proved();
  const std::string& own = connection_->local_identity;
  if (names->other != own) return "the other side calls us " + printable(names->other) + ", and we are " + own + ": it should name us so, by --with";
  const bool known = names->own == proved.identity || contains(proved.names, names->own);
  if (!known || (!request_.remote_identity.empty() && names->own != request_.remote_identity)) {
    return "the other side calls itself " + printable(names->own) + ", and proved " + proved.identity + ": name it so, by --with, on both sides";
  }
  proved.identity = names->own;
  connection_->prove(std::move(proved));
  return {};
}

void Exchange::finish() {
  state_ = connection_->proved().how == "firstContact" ? State::unconfirmed : State::finished;
  if (state_ == State::finished) tell(ExchangeOutcome::finished, nullptr);
}

void Exchange::confirm() {
  state_ = State::finished;
  tell(ExchangeOutcome::finished, nullptr);
}

// Once: what becomes of a finished one is no other end.
void Exchange::tell(ExchangeOutcome outcome, const HandshakeFailure* failure) {
  if (std::exchange(told_, true)) return;
  audit_.exchange_ended({outcome, id_, step_ ? hex(wire_id_) : std::string{}, step_ ? static_cast<int>(*step_) : 0, caller_, request_,
                         connection_.get(), ssl_.get(), ssl_ ? peer_pin(ssl_.get()) : std::string{}, counters::Clock::now() - begun_, failure});
}

void Exchange::report(const HandshakeFailure* failure) {
  if (OnFlight on_flight = std::exchange(on_flight_, nullptr)) on_flight(failure);
}

void Exchange::refuse(std::string problem) {
  const HandshakeFailure failure = failed("policy", std::move(problem));
  state_ = State::failed;
  problem_ = failure.message;
  tell(ExchangeOutcome::failed, &failure);
  report(&failure);
}

trust::PeerFacts Exchange::peer() const {
  trust::PeerFacts out;
  if (connection_) out = connection_->proved().facts();
  if (!request_.remote_identity.empty()) out.names.push_back(request_.remote_identity);
  return out;
}

void Exchange::end(std::string problem) {
  if (state_ == State::failed) return;
  handshake_.reset();
  message_.clear();
  refuse(std::move(problem));
}

Result<Secret> Exchange::exported(const char* label, std::size_t length) {
  const Bytes context = names_in_order();
  Secret out{length};
  if (SSL_is_init_finished(ssl_.get()) == 1 &&
      SSL_export_keying_material(ssl_.get(), out.writable().data(), length, label, std::char_traits<char>::length(label), context.data(),
                                 context.size(), 1) == 1) {
    return out;
  }
  return fail(tls::openssl_error(Code::tls, "export keying material", id_));
}

Result<Secret> Exchange::secret(std::size_t length) {
  if (state_ != State::finished) return fail({Code::tls, "exchange key", id_, "the exchange is not finished", "see `tlspool kex list`"});
  return exported(secret_label, length);
}

Bytes Exchange::names_in_order() const {
  const std::string& own = connection_->local_identity;
  const std::string& other = connection_->proved().identity;
  return connection_->role == wire::role_client ? secret_context(own, other) : secret_context(other, own);
}

wire::Value Exchange::facts() {
  const Connection* c = connection_.get();
  const bool done = state_ == State::finished || state_ == State::unconfirmed;
  wire::Value words;
  if (done) {
    if (auto material = exported(authentication_label, authentication_size)) words = wire::Value{base64(material->bytes())};
  }
  // Not a word about who the other is before its Finished was checked.
  const Connection* settled = done || (c != nullptr && c->role == wire::role_client && state_ == State::waiting) ? c : nullptr;
  return wire::Value::object()
      .set("id", id_)
      .set("messageId", step_ ? wire::Value{hex(wire_id_)} : wire::Value{})
      .set("withIdentity", wire::or_null(request_.remote_identity))
      .set("localIdentity", request_.local_identity)
      .set("remoteIdentity", wire::or_null(settled == nullptr ? std::string{} : settled->proved().identity))
      .set("state", word(state_))
      .set("role", !settled ? "undecided" : wire::role_word(settled->role))
      .set("step", step_ ? static_cast<std::int64_t>(*step_) : 0)
      .set("verifiedBy", settled == nullptr || settled->proved().how == "firstContact" ? "none" : settled->proved().how.c_str())
      .set("remotePin", wire::or_null(settled == nullptr ? std::string{} : peer_pin(ssl_.get())))
      .set("authenticationString", std::move(words))
      .set("created", created_)
      .set("expires", expires_)
      .set("problem", wire::or_null(problem_));
}

}  // namespace tlspool::worker
