// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "loop/channel.h"
#include "wire/ipc.h"

namespace tlspool::worker {

/// The worker's way to the keeper for shared keys. Where the channel is lost, all that wait get an answer that says so,
/// and every lease has ended: the keeper lets go of a worker's leases with its channel.
class KeyLink {
 public:
  using OnAnswer = std::function<void(wire::KeyAnswer)>;
  using OnSettled = std::function<void(wire::KeySettled)>;

  explicit KeyLink(Loop& loop) : loop_(loop) {}
  void connect(UniqueFd socket);
  /// A number for forget(); 0 where no keeper can be asked: `on_answer` is then never called.
  [[nodiscard]] std::uint64_t ask(const wire::KeyRequest& request, OnAnswer on_answer);
  /// The asker is gone. What is still leased to it is given back.
  void forget(std::uint64_t number);
  /// Leases of another life are void: a keeper that was started anew counts its leases anew.
  [[nodiscard]] std::uint64_t life() const { return life_; }

 private:
  friend class KeyLease;
  [[nodiscard]] std::uint64_t settle(std::uint64_t lease, OnSettled on_settled);
  void give_back(std::uint64_t lease);
  void answered(Frame frame);
  void settled(const Frame& frame);
  void lost();
  [[nodiscard]] bool open() const { return channel_ && channel_->open(); }

  Loop& loop_;
  std::unique_ptr<Channel> channel_;
  std::unordered_map<std::uint64_t, OnAnswer> asking_;  // without a function: forgotten
  std::unordered_map<std::uint64_t, OnSettled> settling_;
  std::uint64_t last_number_ = 0;
  std::uint64_t life_ = 0;
};

/// A key that the keeper holds for one handshake: given back on destruction unless it was settled.
class KeyLease {
 public:
  KeyLease() = default;
  KeyLease(KeyLink& link, std::uint64_t lease) : link_(lease == 0 ? nullptr : &link), lease_(lease), life_(link.life()) {}
  KeyLease(KeyLease&& other) noexcept { *this = std::move(other); }
  KeyLease& operator=(KeyLease&& other) noexcept;
  KeyLease(const KeyLease&) = delete;
  KeyLease& operator=(const KeyLease&) = delete;
  ~KeyLease() { give_back(); }

  [[nodiscard]] bool held() const { return link_ != nullptr; }
  /// The peer has proved that it has the key: the keeper shall consume it. A number for KeyLink::forget(); 0 where the
  /// lease is void: `on_settled` is then never called.
  [[nodiscard]] std::uint64_t settle(KeyLink::OnSettled on_settled);

 private:
  void give_back();

  KeyLink* link_ = nullptr;
  std::uint64_t lease_ = 0;
  std::uint64_t life_ = 0;
};

}  // namespace tlspool::worker
