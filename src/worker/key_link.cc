// SPDX-License-Identifier: Apache-2.0
#include "worker/key_link.h"

#include <utility>

#include "base/log.h"
#include "base/secret.h"

namespace tlspool::worker {
namespace {

constexpr const char* gone = "shared key: the keeper went away; try again in a moment";

wire::KeyAnswer no_key(std::string message) {
  wire::KeyAnswer answer;
  answer.problem = wire::KeyProblem::failed;
  answer.message = std::move(message);
  return answer;
}

}  // namespace

void KeyLink::connect(UniqueFd socket) {
  lost();
  channel_ = std::make_unique<Channel>(
      loop_, std::move(socket), [this](Frame frame) { answered(std::move(frame)); },
      [this] {
        log::warning("keeper.gone", {{"channel", "shared keys"}});
        lost();
      });
}

std::uint64_t KeyLink::ask(const wire::KeyRequest& request, OnAnswer on_answer) {
  if (!open()) return 0;
  const std::uint64_t number = ++last_number_;
  asking_[number] = std::move(on_answer);
  channel_->send(wire::Kind::key_request, number, wire::encode(request));
  return number;
}

std::uint64_t KeyLink::settle(std::uint64_t lease, OnSettled on_settled) {
  if (!open()) return 0;
  const std::uint64_t number = ++last_number_;
  settling_[number] = std::move(on_settled);
  channel_->send(wire::Kind::key_settle, number, wire::encode(wire::KeySettle{lease, true}));
  return number;
}

void KeyLink::give_back(std::uint64_t lease) {
  if (open()) channel_->send(wire::Kind::key_settle, ++last_number_, wire::encode(wire::KeySettle{lease, false}));
}

void KeyLink::forget(std::uint64_t number) {
  settling_.erase(number);
  if (const auto found = asking_.find(number); found != asking_.end()) found->second = nullptr;
}

void KeyLink::answered(Frame frame) {
  if (frame.kind == wire::Kind::key_settled) return settled(frame);
  const auto found = asking_.find(frame.number);
  if (frame.kind != wire::Kind::key_answer || found == asking_.end()) return wipe(frame.body);
  const OnAnswer on_answer = std::move(found->second);
  asking_.erase(found);
  auto answer = wire::decode<wire::KeyAnswer>(frame.body);
  wipe(frame.body);
  if (on_answer) return on_answer(answer ? std::move(*answer) : no_key("shared key: the keeper's answer could not be read"));
  if (!answer) return;
  if (answer->lease != 0) give_back(answer->lease);
  wipe(answer->secret);
}

void KeyLink::settled(const Frame& frame) {
  const auto found = settling_.find(frame.number);
  if (found == settling_.end()) return;
  const OnSettled on_settled = std::move(found->second);
  settling_.erase(found);
  auto answer = wire::decode<wire::KeySettled>(frame.body);
  on_settled(answer ? std::move(*answer) : wire::KeySettled{false, "shared key: the keeper's answer could not be read"});
}

void KeyLink::lost() {
  ++life_;
  const auto asking = std::exchange(asking_, {});
  const auto settling = std::exchange(settling_, {});
  for (const auto& [number, on_answer] : asking) {
    if (on_answer) on_answer(no_key(gone));
  }
  for (const auto& [number, on_settled] : settling) on_settled({false, gone});
}

KeyLease& KeyLease::operator=(KeyLease&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  link_ = std::exchange(other.link_, nullptr);
  lease_ = other.lease_;
  life_ = other.life_;
  return *this;
}

std::uint64_t KeyLease::settle(KeyLink::OnSettled on_settled) {
  KeyLink* link = std::exchange(link_, nullptr);
  return link != nullptr && link->life() == life_ ? link->settle(lease_, std::move(on_settled)) : 0;
}

void KeyLease::give_back() {
  if (KeyLink* link = std::exchange(link_, nullptr); link != nullptr && link->life() == life_) link->give_back(lease_);
}

}  // namespace tlspool::worker
