// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/fd.h"
#include "loop/loop.h"

namespace tlspool {

/// The service's end of one program's control connection: messages that end in NUL, descriptors alongside
/// (docs/protocol.md, "Descriptors"). Knows nothing of what the messages say. Never blocks, and takes no
/// next message while an answer waits for a program that does not read.
class VarlinkConnection {
 public:
  struct Limits {
    std::size_t message = 256 * 1024;  ///< bytes, without the NUL
    std::size_t descriptors = 16;      ///< with one message
  };
  /// One message without its NUL and the descriptors that came with it.
  using OnMessage = std::function<void(std::string text, std::vector<UniqueFd> descriptors)>;
  /// The program left, or broke a limit. Called once; the socket is closed by then.
  using OnClosed = std::function<void()>;

  /// Both callbacks may destroy the connection.
  VarlinkConnection(Loop& loop, UniqueFd socket, OnMessage on_message, OnClosed on_closed, Limits limits);
  VarlinkConnection(Loop& loop, UniqueFd socket, OnMessage on_message, OnClosed on_closed)
      : VarlinkConnection(loop, std::move(socket), std::move(on_message), std::move(on_closed), Limits()) {}
  ~VarlinkConnection();

  /// One message, its NUL included, in a sendmsg of its own. Nothing happens on a closed connection.
  void send(std::string text, std::vector<UniqueFd> descriptors = {});
  /// No further message until resume(): a call is under way. A program that leaves is still noticed.
  void pause();
  void resume();
  /// Gives the socket away, for another process to go on with. `unread` becomes what was read of a message
  /// that is not complete: nothing, between messages. Neither callback comes any more.
  [[nodiscard]] UniqueFd release(Bytes& unread);
  [[nodiscard]] bool open() const { return socket_.valid(); }
  /// Borrowed; for peer_credentials().
  [[nodiscard]] int socket() const { return socket_.get(); }
  /// No call is under way, and nothing was read of the next one, nor waits to be sent.
  [[nodiscard]] bool between_calls() const { return open() && !paused_ && partial_.empty() && received_.empty() && output_.empty(); }
  /// Messages that wait to be sent.
  [[nodiscard]] std::size_t unsent() const { return output_.size(); }

 private:
  struct Pending {
    std::string text;
    std::size_t sent = 0;
    std::vector<UniqueFd> descriptors;
  };
  // Outlives the connection while a callback runs that destroys it.
  struct State {
    OnMessage on_message;
    OnClosed on_closed;
    bool alive = true;
  };
  enum class Step { again, wait, gone };

  void ready(int events);
  Step read_one();
  [[nodiscard]] Step refuse(const std::string& problem) const;
  void look_while_paused();
  bool flush();
  void watch();
  void closed();

  UniqueFd socket_;
  Limits limits_;
  std::shared_ptr<State> state_;
  std::unique_ptr<Poll> poll_;
  bool paused_ = false;
  std::string partial_;
  std::vector<UniqueFd> received_;
  std::deque<Pending> output_;
};

}  // namespace tlspool
