// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/types.h>

#include <functional>
#include <list>
#include <memory>

#include "loop/varlink_connection.h"
#include "supervisor/pool.h"
#include "wire/varlink.h"

namespace tlspool::supervisor {

/// The administrators' socket: io.tlspool.Admin. For the pool's owner and root alone.
class Admin {
 public:
  /// Reads the configuration again; `done` gets the error of a broken one, or success once every process
  /// has the new one.
  using ReloadFunction = std::function<void(std::function<void(Status)> done)>;

  /// Has a new executable take over; `done` gets its process number, or why it does not.
  using UpgradeFunction = std::function<void(std::function<void(const Result<pid_t>&)> done)>;

  /// Asks the pool from before an upgrade the same; `answer` gets the parameters of its reply, or a null pointer.
  using AskFunction = std::function<void(const std::string& method, wire::Value parameters, std::function<void(const wire::Value* answer)>)>;
  struct Functions {
    ReloadFunction reload;
    UpgradeFunction upgrade;
    AskFunction ask_before;
  };

  /// Borrows the listening socket.
  Admin(Loop& loop, int listener, Pool& pool, Functions functions);
  ~Admin();
  /// Another process answers administrators from now on. Who asks here all the same is dropped.
  void retire();
  /// That other process asks by this connection.
  void serve_successor(UniqueFd socket);

 private:
  enum class Who { refused, administrator, successor };
  struct Connection {
    std::unique_ptr<VarlinkConnection> channel;
    Who who = Who::refused;
  };
  using Handle = std::weak_ptr<Connection>;  // an answer may come after the program left
  struct Method {
    const char* name;
    void (Admin::*run)(const Handle&, const wire::Call&);
  };
  static const Method methods[];

  void accept_all();
  void add(UniqueFd socket, Who who);
  void message(const std::shared_ptr<Connection>& connection, const std::string& text);
  void status(const Handle& to, const wire::Call& call);
  void sessions(const Handle& to, const wire::Call& call);
  void statistics(const Handle& to, const wire::Call& call);
  void enter_pin(const Handle& to, const wire::Call& call);
  void open_keys(const Handle& to, const wire::Call& call);
  /// A PIN or keys go from the program to the keeper by a socket of their own: they are never in this process. The answer's `member` is
  /// the program's end.
  void lead_to_keeper(const Handle& to, const char* member, const std::function<void(UniqueFd)>& give);
  void reload(const Handle& to, const wire::Call& call);
  void upgrade(const Handle& to, const wire::Call& call);
  // admin_judge.cc
  void add_pin(const Handle& to, const wire::Call& call);
  void list_pins(const Handle& to, const wire::Call& call);
  void remove_pin(const Handle& to, const wire::Call& call);
  void revoke(const Handle& to, const wire::Call& call);
  void unrevoke(const Handle& to, const wire::Call& call);
  void list_revoked(const Handle& to, const wire::Call& call);
  void ask_judge(const Handle& to, const wire::JudgeAdmin& request, std::function<wire::Value(const wire::JudgeAdminAnswer&)> reply);
  void answer(const Handle& to, std::string text, std::vector<UniqueFd> descriptors = {});

  Loop& loop_;
  int listener_;
  Pool& pool_;
  Functions functions_;
  std::int64_t started_;
  std::list<std::shared_ptr<Connection>> connections_;
  Timer pause_;
  std::unique_ptr<Poll> poll_;
};

/// Pure: what Status, Sessions and Statistics answer. `before`: what the pool from before an upgrade has answered; may be null.
[[nodiscard]] wire::Value status_reply(Pool& pool, std::int64_t started, const std::vector<Bytes>& counters,
                                      const std::optional<wire::OutcomeCounters>& outcomes, const wire::Value* before);
/// `at`: milliseconds of a clock that only goes forward.
[[nodiscard]] wire::Value statistics_reply(Pool& pool, std::int64_t at);
[[nodiscard]] wire::Value sessions_reply(const std::vector<Bytes>& lists, const wire::Value* before);

}  // namespace tlspool::supervisor
