// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/secret.h"
#include "kex/message.h"
#include "worker/audit.h"
#include "worker/handshake.h"

namespace tlspool::worker {

/// Who wants to exchange a key with whom.
struct ExchangeRequest {
  std::string local_identity;
  std::string remote_identity;  ///< empty, only for an answer: whoever proves an identity
  Bytes pin;
  bool first_contact = false;
  std::chrono::seconds lifetime{};
};

/// One key exchange: a TLS handshake whose flights travel as messages. It runs over a socket pair, whose other end stands for
/// the network.
class Exchange {
 public:
  enum class State { waiting, unconfirmed, finished, failed };
  /// A message was dealt with. No failure: message() is the next one to send, if step() has changed.
  using OnFlight = std::function<void(const HandshakeFailure* failure)>;

  Exchange(Services services, Audit& audit, std::string id, std::shared_ptr<const Policy> policy, authz::Caller caller, ExchangeRequest request);
  ~Exchange();

  /// As the one who begins: makes the first message.
  void start(OnFlight on_flight);
  /// As the one who answers `hello`; also where one's own first message crossed with it.
  void answer(const kex::Message& hello, OnFlight on_flight);
  /// The message after one's own last. Only where accepts() says so.
  void go_on(const kex::Message& message, OnFlight on_flight);

  /// Why `message` is none to go on with now; empty: it is.
  [[nodiscard]] std::string objection(const kex::Message& message) const;
  /// A first message is out and nothing has come back.
  [[nodiscard]] bool only_started() const { return step_ == kex::Step::client_hello && !busy(); }
  [[nodiscard]] bool busy() const { return on_flight_ != nullptr; }

  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] uid_t uid() const { return caller_.credentials.uid; }
  [[nodiscard]] const ExchangeRequest& request() const { return request_; }
  /// Of the exchange, and of the own hello that was given up for the other side's.
  [[nodiscard]] bool is(const kex::ExchangeId& wire_id) const { return wire_id == wire_id_ || wire_id == given_up_; }
  [[nodiscard]] bool began(const kex::ExchangeId& wire_id) const { return began_ && wire_id == own_hello_; }
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] std::int64_t expires() const { return expires_; }
  /// The last message that was made, sealed; empty: none.
  [[nodiscard]] const Bytes& message() const { return message_; }
  [[nodiscard]] bool has_new_message() const { return new_message_; }

  /// By what its other side may be revoked: whom it names, and who has proved to be that so far.
  [[nodiscard]] trust::PeerFacts peer() const;
  /// Ends it, whatever it waits for: nothing goes on with it, and its key is not given out any more.
  void end(std::string problem);

  /// Nobody wants it any more, or it took too long: says so to the audit, unless it has come to its end before.
  void give_up(ExchangeOutcome why) { tell(why, nullptr); }

  /// The user has compared the words.
  void confirm();
  /// The exchanged key, of RFC 8446 section 7.5. Code::tls in any state but finished.
  [[nodiscard]] Result<Secret> secret(std::size_t length);
  /// The `Exchange` of io.tlspool.Pool.
  [[nodiscard]] wire::Value facts();

 private:
  enum class Speaks { first, second };
  void begin(Speaks speaks, ByteView records);
  void collect();
  void flight_is_whole();
  void handshake_done(const HandshakeFailure* failure);
  void client_finishes();
  void server_finishes();
  [[nodiscard]] bool say_names();
  [[nodiscard]] std::string hear_names();
  [[nodiscard]] std::string unfit_session();
  void seal_message(kex::Step step);
  void finish();
  [[nodiscard]] bool write_in(ByteView records);
  void report(const HandshakeFailure* failure);
  void refuse(std::string problem);
  void tell(ExchangeOutcome outcome, const HandshakeFailure* failure);
  [[nodiscard]] Bytes names_in_order() const;
  [[nodiscard]] Result<Secret> exported(const char* label, std::size_t length);

  Services services_;
  Audit& audit_;
  bool told_ = false;  // the audit
  counters::Clock::time_point begun_ = counters::Clock::now();
  std::string id_;
  std::shared_ptr<const Policy> policy_;
  authz::Caller caller_;
  ExchangeRequest request_;
  std::int64_t created_;
  std::int64_t expires_;
  State state_ = State::waiting;
  std::string problem_;  // State::failed
  OnFlight on_flight_;

  UniqueFd outside_;
  std::unique_ptr<Poll> outside_poll_;
  Bytes flight_;  // as far as it has come out
  bool too_long_ = false;
  std::unique_ptr<Handshake> handshake_;
  // Once the handshake is done:
  UniqueFd inside_;
  std::unique_ptr<Connection> connection_;
  tls::Ssl ssl_;

  bool began_ = false;
  bool crossing_ = false;  // the other side's first message is being held against our own
  kex::ExchangeId own_hello_{};
  kex::ExchangeId wire_id_{};
  kex::ExchangeId given_up_{};
  std::optional<kex::Step> step_;  // of our last message
  Bytes message_;
  bool new_message_ = false;
};

}  // namespace tlspool::worker
