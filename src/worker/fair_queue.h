// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/types.h>

#include <algorithm>
#include <deque>
#include <utility>

namespace tlspool::worker {

/// Those who wait, each for a user: users take turns, and those of one user keep their order. So a user for whom thousands wait keeps
/// another one waiting for one turn only.
template <class T>
class FairQueue {
 public:
  [[nodiscard]] bool empty() const { return users_.empty(); }

  void push(uid_t uid, T one) {
    const auto found = std::find_if(users_.begin(), users_.end(), [uid](const auto& user) { return user.first == uid; });
    if (found != users_.end()) {
      found->second.push_back(std::move(one));
    } else {
      users_.emplace_back(uid, std::deque<T>{}).second.push_back(std::move(one));
    }
  }

  /// The next one; there must be one.
  [[nodiscard]] const T& front() const { return users_.front().second.front(); }
  T pop() {
    auto user = std::move(users_.front());
    users_.pop_front();
    T out = std::move(user.second.front());
    user.second.pop_front();
    if (!user.second.empty()) users_.push_back(std::move(user));
    return out;
  }

  void remove(const T& one) {
    remove_if([&](const T& other) { return other == one; });
  }
  template <class Match>
  void remove_if(Match match) {
    for (auto& user : users_) std::erase_if(user.second, match);
    std::erase_if(users_, [](const auto& user) { return user.second.empty(); });
  }

 private:
  std::deque<std::pair<uid_t, std::deque<T>>> users_;
};

}  // namespace tlspool::worker
