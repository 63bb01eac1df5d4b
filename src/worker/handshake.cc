// SPDX-License-Identifier: Apache-2.0
#include "worker/handshake.h"

#include <fcntl.h>
#include <openssl/async.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "tls/names.h"
#include "worker/callbacks.h"
#include "worker/diagnosis.h"
#include "worker/fair_queue.h"
#include "worker/phantom.h"
#include "worker/psk.h"

namespace tlspool::worker {
namespace {

// The handshake whose SSL_do_handshake is on the stack: the key provider is told a key, not a connection.
Handshake* stepping = nullptr;
// Handshakes that OpenSSL had no job for (SSL_ERROR_WANT_ASYNC_JOB): no event wakes them, a freed job does.
FairQueue<Handshake*> waiting_for_job;

}  // namespace

Handshake::Handshake(Services services, std::unique_ptr<Connection> connection, UniqueFd network, OnDone on_done)
    : services_(services),
      connection_(std::move(connection)),
      network_(std::move(network)),
      on_done_(std::move(on_done)) {
  connection_->handshake = this;
  connection_->role = (connection_->request.roles & wire::role_client) != 0 ? wire::role_client : wire::role_server;
  connection_->client_sessions = &services_.client_sessions;
}

Handshake::~Handshake() {
  on_done_ = nullptr;
  settle_paused_job();
  if (waits_for_key_) services_.keys.forget(asked_);
  if (waits_for_judge_) services_.judge.forget(asked_);
  if (waits_for_agent_) services_.agents.withdraw(question_);
  if (waits_for_job_) waiting_for_job.remove(this);
  if (network_.valid() && (flags_ & O_NONBLOCK) == 0) fcntl(network_.get(), F_SETFL, flags_);
}

void Handshake::reserve_jobs(std::size_t most) { ASYNC_init_thread(most, 0); }

Result<SSL_CTX*> Handshake::context() const {
  const Connection& c = *connection_;
  // None for an identity that is proved by shared keys alone, and none is shown where a shared key protects.
  const Policy::Identity* identity = c.shared_key ? nullptr : c.policy->find(c.local_identity);
  if (identity == nullptr) return c.policy->anonymous();
  if (identity->context) return identity->context.get();
  return fail({Code::token_failed, "use identity", c.local_identity, identity->problem, "see `tlspool status` and `tlspool doctor`"});
}

bool Handshake::attach_network(const Bytes& read_already) {
  BIO* socket = BIO_new_socket(network_.get(), BIO_NOCLOSE);
  BIO* input = socket;
  from_memory_ = hello_ != nullptr || !read_already.empty();
  if (from_memory_) {
    input = BIO_new(BIO_s_mem());
    if (input != nullptr) BIO_set_mem_eof_return(input, -1);
  }
  const int size = static_cast<int>(read_already.size());
  const bool good = socket != nullptr && input != nullptr && (size == 0 || BIO_write(input, read_already.data(), size) == size);
  SSL_set_bio(ssl_.get(), input, socket);  // owns both from here on
  return good;
}

Status Handshake::prepare(const Bytes& read_already) {
  Connection& c = *connection_;
  const StartRequest& r = c.request;
  auto context = this->context();
  if (!context) return fail(std::move(context.error()));
  ssl_.reset(SSL_new(*context));
  SSL* ssl = ssl_.get();
  if (ssl == nullptr || !attach_network(read_already)) return fail(tls::openssl_error(Code::internal, "SSL_new", ""));
  c.attach(ssl);
  SSL_set_mode(ssl, SSL_MODE_ASYNC);
  if (r.tls13_only || !c.policy->setup().tls12) SSL_set_min_proto_version(ssl, TLS1_3_VERSION);
  if (!r.resumption) {
    SSL_set_options(ssl, SSL_OP_NO_TICKET);
    SSL_set_num_tickets(ssl, 0);
  }
  const int must = c.role == wire::role_server && r.proof == Proof::required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
  SSL_set_verify(ssl, r.proof == Proof::none ? SSL_VERIFY_NONE : SSL_VERIFY_PEER | must, nullptr);
  if (c.role == wire::role_server) {
    SSL_set_accept_state(ssl);
    return {};
  }
  return prepare_client();
}

bool Handshake::staple() { return services_.staples.put_beside_certificate(ssl_.get()); }

Status Handshake::prepare_client() {
  Connection& c = *connection_;
  const StartRequest& r = c.request;
  SSL* ssl = ssl_.get();
  SSL_set_connect_state(ssl);
  if ((r.roles & wire::role_client) == 0) return {};  // a server-only peer's hello, which offers nothing
  bind_tickets(ssl, c);
  if (!r.server_name.empty()) SSL_set_tlsext_host_name(ssl, r.server_name.c_str());
  if (!r.alpn.empty()) SSL_set_alpn_protos(ssl, r.alpn.data(), static_cast<unsigned>(r.alpn.size()));
  if (c.shared_key) {
    // So that a certificate in its place is not let pass without a look.
    SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
    if (c.tie) ask_for_staple(ssl);  // so that status_of_certificate() sees to the proof
    return c.shared_key->peer->use == wire::KeyUse::session ? offer_phantom(ssl, c) : offer_psk(ssl, c);
  }
  if (r.proof != Proof::none) ask_for_staple(ssl);
  auto known = r.resumption ? services_.client_sessions.take(c) : std::nullopt;
  if (r.resumption) counters::count<counters::Family::resumption_lookups>(known ? counters::Lookup::hit : counters::Lookup::miss);
  if (known) {
    SSL_set_session(ssl, known->session.get());
    from_ticket_ = std::move(known->proved);
    c.local_shown = known->local_shown;
  }
  return {};
}

void Handshake::start() {
  Connection& c = *connection_;
  timer_ = std::make_unique<Timer>(services_.loop);
  started_ = services_.loop.now();
  timer_->start(c.request.deadline, [this] { expired(); });
  flags_ = fcntl(network_.get(), F_GETFL);
  if ((flags_ & O_NONBLOCK) == 0) fcntl(network_.get(), F_SETFL, flags_ | O_NONBLOCK);
  poll_ = std::make_unique<Poll>(services_.loop, network_.get(), [this](int) { network_ready(); });
  if (c.for_pool) return begin();
  if (c.request.peer_to_peer) return start_peer();
  if (c.role == wire::role_client) return start_client();
  c.attempt->peers = peers_of_server(*c.policy, c.request, c.caller);
  begin();
}

void Handshake::start_client() {
  Connection& c = *connection_;
  auto peer = peer_of_client(*c.policy, c.request, c.caller);
  if (!peer) return refuse_key(peer.error().text());
  if (*peer == nullptr) return begin();
  may_show_key(**peer, [this, &key_of = **peer] { take_key(key_of); });
}

void Handshake::begin(const Bytes& read_already) {
  if (auto prepared = prepare(read_already); !prepared) {
    if (connection_->shared_key) return refuse_key(prepared.error().text());
    return give_up({"token", prepared.error().text(), {}, {}, {}, {}, socket_untouched()});
  }
  step();
}

// While the job is paused the socket stays watched: mostly the peer waits too, and nothing comes.
void Handshake::network_ready() {
  if (paused_ != Paused::no || waits_for_job_ || waits_for_key_ || waits_for_judge_ || waits_for_agent_) {
    poll_->want(Poll::none);
  } else if (hello_ && (!ssl_ || connection_->tie->hello_sent)) {
    read_hello();
  } else if (hello_) {
    write_hello();
  } else {
    step();
  }
}

void Handshake::step() {
  ERR_clear_error();
  errno = 0;
  stepping = this;
  const int rc = SSL_do_handshake(ssl_.get());
  const int number = errno;
  stepping = nullptr;
  if (rc == 1) return succeed();
  const int error = SSL_get_error(ssl_.get(), rc);
  switch (error) {
    case SSL_ERROR_WANT_READ:
      if (hello_) return our_hello_is_sent();
      if (from_memory_) {
        read_from_network();
        return step();
      }
      return wait_for_peer();
    case SSL_ERROR_WANT_WRITE: {
      const bool also_read = hello_ && hello_->state() == tls::HelloReader::State::reading;
      poll_->want(Poll::writable | (also_read ? Poll::readable : Poll::none));
      return;
    }
    case SSL_ERROR_WANT_ASYNC: return;  // wait() has noted on whom
    case SSL_ERROR_WANT_ASYNC_JOB:
      waits_for_job_ = true;
      waiting_for_job.push(connection_->caller.credentials.uid, this);
      return;
    default: give_up(failure_of(error, number)); return;
  }
}

void Handshake::wait_for_peer() {
  poll_->want(Poll::readable);
  if (on_wait_) on_wait_();
}

// Runs on the job's stack, and comes back there when resume() was called.
void Handshake::wait(Paused on) {
  paused_ = on;
  stepping = nullptr;
  ASYNC_pause_job();
  stepping = this;
}

void Handshake::resume() {
  paused_ = Paused::no;
  asked_ = 0;
  wake_one_that_waits_for_a_job();
  step();  // may destroy this
}

// A connected socket is writable sooner or later, so the loop comes back to it.
void Handshake::wake_one_that_waits_for_a_job() {
  if (waiting_for_job.empty()) return;
  Handshake* next = waiting_for_job.pop();
  next->waits_for_job_ = false;
  next->poll_->want(Poll::writable);
}

Result<Bytes> Handshake::sign(std::uint32_t key, std::uint16_t scheme, ByteView input) {
  Handshake* self = stepping;
  if (self == nullptr || ASYNC_get_current_job() == nullptr) {
    return fail({Code::internal, "sign", "", "no handshake is under way", {}});
  }
  Connection& c = *self->connection_;
  wire::SignRequest request{0, key, scheme, static_cast<std::uint8_t>(c.role),
                            SSL_version(self->ssl_.get()) == TLS1_3_VERSION, copy_of(input)};
  const std::string token = c.policy->token_of(key);
  if (input.size() + 64 > wire::max_sign_packet) {
    self->token_problem_ = "sign: the handshake is longer than the keeper looks at";
    return fail({Code::protocol, "sign", token, self->token_problem_, {}});
  }
  const bool asked = self->services_.keeper.ask(token, c.caller.credentials.uid, request, [self](wire::SignReply reply) {
                       self->signature_ = std::move(reply);
                       self->resume();
                     });
  if (!asked) {
    self->token_problem_ = "sign: token=" + token + ": the keeper can't be reached; try again in a moment";
    return fail({Code::token_failed, "sign", token, "the keeper can't be reached", {}});
  }
  self->asked_ = request.number;
  self->wait(Paused::keeper);
  if (self->abandoned_ || self->signature_.signature.empty()) {
    self->token_problem_ = self->signature_.problem.empty() ? "sign: no signature came" : self->signature_.problem;
    return fail({Code::token_failed, "sign", token, self->token_problem_, {}});
  }
  return std::move(self->signature_.signature);
}

void Handshake::adopt_remembered() {
  if (SSL_session_reused(ssl_.get()) != 1 || !from_ticket_) return;
  connection_->prove(std::move(*from_ticket_));
  from_ticket_.reset();
}

void Handshake::succeed() {
  Connection& c = *connection_;
  // A pause in the middle of what follows would have nobody to wake it.
  SSL_clear_mode(ssl_.get(), SSL_MODE_ASYNC);
  SSL_set_msg_callback(ssl_.get(), nullptr);
  if (!tie_stands()) return give_up({"policy", "handshake: " + c.tie->problem, {}, {}, {}, {}, false});
  if (c.attempt->put_off) return give_up({"certificate", "handshake: nobody has judged the server's certificate", {}, {}, {}, {}, false});
  if (c.shared_key) return key_proved();
  if (c.request.require_shared_key || c.attempt->peers.required) return refuse_key("shared key: none was used, and this connection needs one");
  adopt_remembered();
  c.note_shown(ssl_.get());
  finish();
}

void Handshake::expired() {
  std::string doing = paused_ == Paused::keeper  ? "waiting for the token to sign"
                      : paused_ == Paused::judge || waits_for_judge_ ? "waiting for the judge"
                      : paused_ == Paused::agent || waits_for_agent_ ? "waiting for the user's agent"
                      : paused_ == Paused::key || waits_for_key_ ? "waiting for the shared key"
                                                 : "waiting for the peer";
  give_up({"timeout",
           "handshake: the deadline of " + std::to_string(connection_->request.deadline.count()) + " ms passed while " + doing,
           {}, {}, {}, {}, socket_untouched()});
}

void Handshake::give_up(HandshakeFailure failure) {
  if (!on_done_) return;
  const Connection& c = *connection_;
  if (c.alert_sent) failure.alert_sent = tls::alert_name(*c.alert_sent);
  if (c.alert_received) failure.alert_received = tls::alert_name(*c.alert_received);
  poll_.reset();
  timer_.reset();
  OnDone done = std::move(on_done_);
  done(&failure);
}

// Freeing a paused SSL would leak the job's stack: let it run to its end, which is a failure.
void Handshake::settle_paused_job() {
  if (paused_ == Paused::no || !ssl_) return;
  if (paused_ == Paused::keeper) services_.keeper.forget(asked_);
  if (paused_ == Paused::judge) services_.judge.forget(asked_);
  if (paused_ == Paused::key) services_.keys.forget(asked_);
  if (paused_ == Paused::agent) services_.agents.withdraw(question_);
  paused_ = Paused::no;
  abandoned_ = true;
  ERR_clear_error();
  stepping = this;
  (void)SSL_do_handshake(ssl_.get());
  stepping = nullptr;
  wake_one_that_waits_for_a_job();
}

HandshakeFailure Handshake::failure_of(int ssl_error, int system_error) {
  Diagnosis d{*connection_, token_problem_, verdict_, ssl_error, system_error, 0, {}};
  d.openssl_reason = ERR_GET_LIB(ERR_peek_error()) == ERR_LIB_SSL ? ERR_GET_REASON(ERR_peek_error()) : 0;
  d.openssl_text = tls::openssl_error(Code::tls, "", "").reason;
  HandshakeFailure failure = diagnose(d);
  failure.socket_usable = socket_untouched();
  return failure;
}

bool Handshake::socket_untouched() const {
  return !read_before_ && (!ssl_ || (BIO_number_read(SSL_get_rbio(ssl_.get())) == 0 && BIO_number_written(SSL_get_wbio(ssl_.get())) == 0));
}

}  // namespace tlspool::worker
