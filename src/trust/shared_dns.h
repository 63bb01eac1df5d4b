// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "trust/dns.h"

namespace tlspool::trust {

/// Asks another one only once at a time for the records of a name: all who wait share the question.
class SharedDns : public Dns {
 public:
  explicit SharedDns(std::unique_ptr<Dns> dns) : dns_(std::move(dns)) {}
  SharedDns(const SharedDns&) = delete;
  SharedDns& operator=(const SharedDns&) = delete;

  Question ask(const std::string& name, DnsType type, OnAnswer on_answer) override;
  void cancel(Question question) override;
  /// How many questions the other one is working on.
  [[nodiscard]] std::size_t outstanding() const { return topics_.size(); }

 private:
  using Topic = std::pair<std::string, DnsType>;
  struct Waiter {
    Topic topic;
    OnAnswer on_answer;
  };
  struct Outstanding {
    std::vector<Question> waiters;  // in the order in which they came; some may have gone
    std::size_t left = 0;
    DnsQuestion question;
  };

  void answered(const Topic& topic, const DnsAnswer& answer);

  std::unique_ptr<Dns> dns_;
  std::map<Question, Waiter> waiters_;
  std::map<Topic, Outstanding> topics_;
  Question last_ = 0;
  std::shared_ptr<bool> here_ = std::make_shared<bool>(true);  // a callback may destroy this
};

}  // namespace tlspool::trust
