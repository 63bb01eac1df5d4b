// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "loop/varlink_connection.h"
#include "wire/varlink.h"
#include "worker/exchange.h"
#include "worker/handshake.h"
#include "worker/worker.h"

namespace tlspool::worker {

class Forwarder;

/// One program's control connection. Calls are answered in order, one at a time.
class Control {
 public:
  /// `on_gone`: the program left; may destroy the control.
  Control(Worker& worker, UniqueFd socket, PeerCredentials credentials, Program program, std::function<void()> on_gone);
  ~Control();
  /// A message as if it had just been read: for a connection that another worker handed over.
  void message(std::string text, std::vector<UniqueFd> descriptors);
  [[nodiscard]] uid_t uid() const { return credentials_.uid; }
  [[nodiscard]] Program program() const { return program_; }
  /// The same for a call that a pool before or after this one was asked first.
  void asked(Asked how, std::string text);
  /// Another pool has taken over, so long ago. Gives the program's connection away where it is between two calls; else invalid, and the
  /// control ends by itself when it can, if only asked again.
  [[nodiscard]] UniqueFd retire(std::chrono::milliseconds since);

 private:
  struct Method {
    const char* name;
    void (Control::*handle)(const wire::Call& call, std::vector<UniqueFd>& descriptors);
  };
  static const std::vector<Method>& methods();

  void start_tls(const wire::Call& call, std::vector<UniqueFd>& descriptors);
  void list_identities(const wire::Call& call, std::vector<UniqueFd>& descriptors);
  void list_sessions(const wire::Call& call, std::vector<UniqueFd>& descriptors);
  void get_session(const wire::Call& call, std::vector<UniqueFd>& descriptors);
  void export_keying_material(const wire::Call& call, std::vector<UniqueFd>& descriptors);
  void channel_binding(const wire::Call& call, std::vector<UniqueFd>& descriptors);
  void peer_certificates(const wire::Call& call, std::vector<UniqueFd>& descriptors);
  void update_keys(const wire::Call& call, std::vector<UniqueFd>& descriptors);
  void explain_certificates(const wire::Call& call, std::vector<UniqueFd>& descriptors);

  void start_exchange(const wire::Call& call, std::vector<UniqueFd>& descriptors);
  void continue_exchange(const wire::Call& call, std::vector<UniqueFd>& descriptors);
  void confirm_exchange(const wire::Call& call, std::vector<UniqueFd>& descriptors);
  void exchange_secret(const wire::Call& call, std::vector<UniqueFd>& descriptors);
  void show_exchange(const wire::Call& call, std::vector<UniqueFd>& descriptors);
  void list_exchanges(const wire::Call& call, std::vector<UniqueFd>& descriptors);
  void cancel_exchange(const wire::Call& call, std::vector<UniqueFd>& descriptors);

  void watch_disclosures(const wire::Call& call, std::vector<UniqueFd>& descriptors);
  void answer_disclosure(const wire::Call& call, std::vector<UniqueFd>& descriptors);
  void gone();

  void forward(const wire::Call& call, std::vector<UniqueFd>& descriptors);
  void pass(const wire::Call& call, std::vector<UniqueFd>& descriptors);
  void forward_message(const std::string& text, std::vector<UniqueFd> descriptors);

  void dispatch(const wire::Call& call, std::vector<UniqueFd>& descriptors);
  [[nodiscard]] bool may(const Policy& policy, const StartRequest& request, const authz::Caller& who) const;
  void begin(StartRequest request, std::vector<UniqueFd> descriptors, bool oneway);
  /// Goes on with `then` when caller() knows the program's executable, if any rule asks for that.
  void learn_executable(std::function<void()> then);
  void send_identities();
  void ask_judge(const wire::ChainQuery& query);
  void refuse_identity(const std::string& identity, const char* role);
  void done(const HandshakeFailure* failure);
  void established();
  [[nodiscard]] static int worker_for(const wire::Call& call);
  bool hand_over(int owner, const std::string& text);
  bool send_elsewhere(const wire::Call& call, int owner, const std::string& text);
  void call_ended();
  [[nodiscard]] bool may_exchange(const ExchangeRequest& request);
  [[nodiscard]] Exchange* new_exchange(ExchangeRequest request);
  [[nodiscard]] Exchange* exchange_of(const wire::Call& call);
  [[nodiscard]] Exchange::OnFlight on_flight(Exchange* exchange, bool oneway);
  void answer_exchange(Exchange& exchange);
  [[nodiscard]] bool answer_hello(const ExchangeRequest& request, const kex::Message& hello);
  Session* session_of(const wire::Call& call);
  void answer(std::string text, std::vector<UniqueFd> descriptors = {});
  [[nodiscard]] authz::Caller caller() const { return {credentials_, executable_}; }

  Worker& worker_;
  PeerCredentials credentials_;
  Program program_;
  std::string executable_;
  std::function<void()> on_gone_;
  std::unique_ptr<VarlinkConnection> connection_;
  Asked asked_ = Asked::at_first;
  bool oneway_ = false;
  bool told_to_leave_ = false;
  bool watching_ = false;  // it is its user's agent
  std::unique_ptr<Forwarder> forwarder_;  // the connection is for nothing else then
  std::string pass_text_;                 // what was a good call of Pass
  // The handshake under way and what it needs when it is done.
  std::unique_ptr<Handshake> handshake_;
  UniqueFd plain_;          // the program's own plain socket, or our end of the pair
  UniqueFd program_end_;    // the other end of the pair
  std::uint64_t executable_query_ = 0;
  std::uint64_t judge_query_ = 0;  // of explain_certificates()
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);  // for an exchange that outlives the call
};

}  // namespace tlspool::worker
