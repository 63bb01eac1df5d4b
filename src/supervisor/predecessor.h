// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "loop/varlink_connection.h"
#include "supervisor/successor.h"
#include "wire/ipc.h"
#include "wire/json.h"

namespace tlspool::supervisor {

/// The pool that this one has taken over from, or is about to, as long as it is there: its sessions are this pool's to show and to end.
class Predecessor {
 public:
  struct Events {
    std::function<void(std::uint32_t workers)> serve;
    std::function<void(const std::string& token, UniqueFd keeper)> pin;
    std::function<void(const std::string& note, UniqueFd memory)> tickets;
    std::function<void(UniqueFd program)> program;
    /// Nobody there knows the session of this call.
    std::function<void(wire::Visit call, UniqueFd program)> nowhere;
    std::function<void()> gone;
  };
  /// How long it may take to end sessions, or to read the configuration. Then it is killed, and its sessions end with it: it must not go
  /// on with what an administrator has ended.
  static constexpr std::chrono::seconds end_deadline{5};
  static constexpr std::chrono::seconds reload_deadline{20};
  /// For its answer to a question.
  static constexpr std::chrono::seconds ask_deadline{5};

  Predecessor(Loop& loop, UniqueFd socket, Events events);

  bool ready(const std::string& without) { return relay_.send(Relay::ready, without); }
  void failed(const std::string& why) { relay_.send(Relay::failed, why); }

  /// `done` comes when it has, or is no more. `end`: wire::EndSessions.
  using Ended = std::function<void(std::uint64_t sessions)>;
  void end_sessions(ByteView end, Ended done);
  void reload(std::function<void()> done);
  /// A program's call that one of its workers may be able to answer. False: it can't be asked, and `program` is as it was.
  bool visit(const wire::Visit& call, UniqueFd& program);
  /// A call of io.tlspool.Admin; `done` gets the parameters of its reply, or a null pointer.
  using Answer = std::function<void(const wire::Value* parameters)>;
  void ask(const std::string& method, wire::Value parameters, Answer done);

 private:
  struct Order {
    Ended done;
    std::unique_ptr<Timer> timer;
  };
  struct Question {
    Answer done;  // null: it is too late
    std::unique_ptr<Timer> timer;
  };
  void message(const std::string& word, const std::string& rest, std::vector<UniqueFd> descriptors);
  void order(std::string_view word, std::string rest, std::chrono::milliseconds deadline, Ended done);
  void finish(std::uint64_t number, std::uint64_t count);
  void silent();
  void administer();
  void answered(const std::string& text);
  void lose_questions();
  void closed();

  Loop& loop_;
  Events events_;
  UniqueFd process_;
  std::map<std::uint64_t, Order> orders_;
  std::uint64_t last_ = 0;
  std::deque<Question> questions_;
  std::unique_ptr<VarlinkConnection> admin_;
  Relay relay_;
};

/// Pure: what follows the words visit and nowhere.
[[nodiscard]] std::string visit_text(const wire::Visit& call);
[[nodiscard]] std::optional<wire::Visit> parse_visit(const std::string& text);

}  // namespace tlspool::supervisor
