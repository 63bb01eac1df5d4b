// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <fcntl.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "counters/page.h"
#include "loop/loop.h"
#include "worker/agents.h"
#include "worker/client_sessions.h"
#include "worker/connection.h"
#include "worker/diagnosis.h"
#include "worker/judge_link.h"
#include "tls/hello_reader.h"
#include "trust/revoked.h"
#include "worker/keeper_link.h"
#include "worker/key_link.h"
#include "worker/staples.h"

namespace tlspool::worker {

/// What a handshake needs of its worker.
struct Services {
  Loop& loop;
  KeeperLink& keeper;
  KeyLink& keys;
  JudgeLink& judge;
  ClientSessions& client_sessions;
  Staples& staples;
  Agents& agents;
  const trust::Revoked* revoked = nullptr;  ///< peers that were revoked since the worker began
};

/// One handshake from the first byte to its end. While the keeper signs or looks for a shared key, or the judge thinks,
/// OpenSSL's job is paused and the loop goes on (docs/architecture.md, "The pause"). A client's shared key is taken
/// before the first byte, and a key that Finished proves is consumed after the last; no job is there to be paused then.
class Handshake {
 public:
  /// Called once, after which the handshake may be destroyed. No failure: take_ssl(), take_network() and take_poll().
  using OnDone = std::function<void(const HandshakeFailure* failure)>;

  Handshake(Services services, std::unique_ptr<Connection> connection, UniqueFd network, OnDone on_done);
  ~Handshake();
  /// Calls back whenever everything that came was read, everything that was to be said is written, and the peer's turn has come.
  void on_wait(std::function<void()> on_wait) { on_wait_ = std::move(on_wait); }
  /// Takes the first step; may call on_done at once.
  void start();

  [[nodiscard]] Connection& connection() { return *connection_; }
  [[nodiscard]] const Connection& connection() const { return *connection_; }
  /// Null before it began.
  [[nodiscard]] const SSL* ssl() const { return ssl_.get(); }
  /// Since it was made.
  [[nodiscard]] counters::Clock::duration took() const { return counters::Clock::now() - made_; }
  [[nodiscard]] std::unique_ptr<Connection> take_connection() { return std::move(connection_); }
  [[nodiscard]] tls::Ssl take_ssl() { return std::move(ssl_); }
  [[nodiscard]] UniqueFd take_network() { return std::move(network_); }
  [[nodiscard]] std::unique_ptr<Poll> take_poll() { return std::move(poll_); }

  // For OpenSSL's callbacks, inside the paused job:
  [[nodiscard]] wire::ChainVerdict judge(std::vector<Bytes> chain);
  /// Client, asked for a certificate: whether the server, which has been judged by now, may see that of our identity. Where the request
  /// named none, an identity that is to be offered takes its place. False: Connection::not_shown says why, if there is one at all.
  [[nodiscard]] bool client_may_show();
  /// What was waited for will not come any more: the job is to end with a failure.
  [[nodiscard]] bool abandoned() const { return abandoned_; }
  /// Server, before its first message: the same for Connection::local_identity.
  [[nodiscard]] bool server_may_show();
  void remember(Proved proved) { from_ticket_ = std::move(proved); }
  /// Once a resumption stands: what was remembered is proved, and the next ticket remembers it again.
  void adopt_remembered();
  void token_problem(std::string problem) { token_problem_ = std::move(problem); }
  /// Peer-to-peer: a server that knows the extension answers with it; whoever saw a hello with a value insists. False says why in
  /// the Connection.
  [[nodiscard]] bool tie_stands();
  /// Puts an OCSP response beside the server's certificate that goes out; false: there is none.
  [[nodiscard]] bool staple();
  /// The keeper's answer; one with a problem where it can't be asked.
  [[nodiscard]] wire::KeyAnswer ask_key(const wire::KeyRequest& request);
  /// The binder of the connection's PSK was good: the keeper consumes the key. False: another one had it.
  [[nodiscard]] bool consume_key();
  [[nodiscard]] KeyLink& keys() { return services_.keys; }
  /// The SignFunction of the worker's keys: signs for the handshake that is being stepped.
  [[nodiscard]] static Result<Bytes> sign(std::uint32_t key, std::uint16_t scheme, ByteView input);

  /// How many jobs OpenSSL may have paused at once; beyond that handshakes wait their turn.
  static void reserve_jobs(std::size_t most);

 private:
  enum class Paused { no, keeper, judge, key, agent };

  // Peer-to-peer (handshake_peer.cc): the peer's first flight is read before OpenSSL sees it.
  void start_peer();
  void say_hello();
  [[nodiscard]] bool take_hello();
  void write_hello();
  void read_hello();
  void our_hello_is_sent();
  void read_from_network();
  void hello_came(const tls::HelloReader& hello);
  void tie_break(const tls::HelloReader& hello);
  void go_on_as_client(const Bytes& read_already);
  void become_server(const Bytes& read_already);
  void refuse_hello(int alert, std::string problem);
  [[nodiscard]] bool attach_network(const Bytes& read_already);

  void start_client();
  // Disclosure (handshake_disclosure.cc).
  struct Showing {
    const authz::Disclosure* rule = nullptr;
    bool ask = false;
  };
  [[nodiscard]] Showing look_up(const std::string& local, const std::string& remote);
  void offer_identity();
  void may_show_key(const wire::PeerSetup& peer, std::function<void()> then);
  [[nodiscard]] bool ask_agent(const std::string& local, const std::string& remote, const authz::Disclosure& rule, std::function<void()> then);
  void ask_inside_job(const std::string& local, const std::string& remote, const authz::Disclosure& rule);
  void not_shown(const std::string& local, const std::string& remote, const authz::Disclosure& rule, const std::string& why);
  void take_key(const wire::PeerSetup& peer);
  void key_came(const wire::PeerSetup& peer, wire::KeyAnswer answer);
  void begin(const Bytes& read_already = {});
  [[nodiscard]] Result<SSL_CTX*> context() const;
  Status prepare(const Bytes& read_already);
  Status prepare_client();
  void network_ready();
  void step();
  void wait_for_peer();
  void resume();
  static void wake_one_that_waits_for_a_job();
  void wait(Paused on);
  void expired();
  void succeed();
  void key_proved();
  // After the handshake (handshake_judge.cc): what no certificate has asked the judge about yet.
  void finish();
  [[nodiscard]] std::optional<wire::ChainQuery> last_question() const;
  void last_verdict(wire::ChainVerdict verdict);
  void let_in();
  void refuse_key(std::string problem);
  void give_up(HandshakeFailure failure);
  void settle_paused_job();
  [[nodiscard]] HandshakeFailure failure_of(int ssl_error, int system_error);
  [[nodiscard]] bool socket_untouched() const;

  Services services_;
  std::unique_ptr<Connection> connection_;
  UniqueFd network_;
  OnDone on_done_;
  std::function<void()> on_wait_;
  counters::Clock::time_point made_ = counters::Clock::now();
  tls::Ssl ssl_;
  std::unique_ptr<Poll> poll_;
  std::unique_ptr<Timer> timer_;
  std::unique_ptr<tls::HelloReader> hello_;  // peer-to-peer, until the peer's first flight is known
  std::unique_ptr<Timer> hello_timer_;       // peer-to-peer: our own hello waits
  bool from_memory_ = false;                 // OpenSSL reads what hello_ had read, then the socket
  bool read_before_ = false;                 // something was read that OpenSSL did not count
  int flags_ = O_NONBLOCK;  // of the network socket, restored when it goes back to the program
  Paused paused_ = Paused::no;
  bool abandoned_ = false;
  bool waits_for_job_ = false;
  bool waits_for_key_ = false;    // outside of a job
  bool waits_for_judge_ = false;  // outside of a job
  bool waits_for_agent_ = false;  // outside of a job
  std::string question_;          // that the agent is asked; empty: none
  std::unique_ptr<Timer> question_timer_;
  std::uint64_t started_ = 0;     // Loop::now()
  std::uint64_t asked_ = 0;  // number at the keeper, the judge or for a key
  wire::SignReply signature_;
  wire::ChainVerdict verdict_;
  std::string token_problem_;
  std::optional<Proved> from_ticket_;
};

}  // namespace tlspool::worker
