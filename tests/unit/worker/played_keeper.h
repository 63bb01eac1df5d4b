// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/socket.h"
#include "loop/channel.h"
#include "wire/ipc.h"
#include "worker/key_link.h"

namespace tlspool::worker {

/// The keeper's end of a key channel, played by a test.
class PlayedKeeper {
 public:
  PlayedKeeper(Loop& loop, KeyLink& link) {
    auto pair = socket_pair(SOCK_STREAM, true);
    channel_ = std::make_unique<Channel>(loop, std::move(pair->first), [this](Frame f) { frame(std::move(f)); }, [] {});
    link.connect(std::move(pair->second));
  }

  /// Ends the channel, as a keeper that dies.
  void die() { channel_.reset(); }
  void say(std::uint64_t number, const wire::KeyAnswer& answer) {
    channel_->send(wire::Kind::key_answer, number, wire::encode(answer));
  }

  std::function<wire::KeyAnswer(const wire::KeyRequest&)> answer;  ///< none: silent
  bool good = true;                                                ///< what key_settle is answered with
  std::string why_not = "C_DestroyObject: store=hsm key=5678: another pool used it";
  std::vector<wire::KeyRequest> requests;
  std::vector<std::uint64_t> numbers;
  std::vector<wire::KeySettle> settled;

 private:
  void frame(Frame f) {
    if (f.kind == wire::Kind::key_request) {
      requests.push_back(*wire::decode<wire::KeyRequest>(f.body));
      numbers.push_back(f.number);
      if (answer) say(f.number, answer(requests.back()));
      return;
    }
    settled.push_back(*wire::decode<wire::KeySettle>(f.body));
    const bool verified = settled.back().verified;
    channel_->send(wire::Kind::key_settled, f.number,
                   wire::encode(wire::KeySettled{!verified || good, verified && !good ? why_not : ""}));
  }

  std::unique_ptr<Channel> channel_;
};

}  // namespace tlspool::worker
