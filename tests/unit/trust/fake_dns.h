// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "trust/dns.h"

namespace tlspool::test {

using trust::DnsAnswer;
using trust::DnsOutcome;
using trust::DnsType;

inline constexpr bool secure = true;
inline constexpr bool insecure = false;

/// Answers what it was told to, when answer_all() is called.
class FakeDns : public trust::Dns {
 public:
  Question ask(const std::string& name, DnsType type, OnAnswer on_answer) override {
    asked.emplace_back(name, type);
    waiting_[++last_] = {{name.ends_with('.') ? name.substr(0, name.size() - 1) : name, type}, std::move(on_answer)};
    return last_;
  }
  void cancel(Question question) override { cancelled += waiting_.erase(question); }

  /// Until nothing is asked any more. `backwards`: who asked last is answered first.
  void answer_all(bool backwards = false) {
    while (!waiting_.empty()) {
      const auto at = backwards ? std::prev(waiting_.end()) : waiting_.begin();
      const auto node = waiting_.extract(at);
      const auto found = answers.find(node.mapped().first);
      DnsAnswer answer{DnsOutcome::no_name, secure, {}, {}};
      answer.message.name = node.mapped().first.first;
      answer.message.ttl = 60;
      node.mapped().second(found == answers.end() ? answer : found->second);
    }
  }

  DnsAnswer& set(const std::string& name, DnsType type, bool is_secure, std::uint32_t ttl = 300) {
    DnsAnswer& a = answers[{name, type}];
    a.outcome = DnsOutcome::answer;
    a.secure = is_secure;
    a.message.name = name;
    a.message.ttl = ttl;
    return a;
  }
  void host(const std::string& name, bool is_secure = secure) { set(name, DnsType::a, is_secure).message.records = {Bytes(4)}; }
  void alias(const std::string& name, const std::string& target, bool is_secure = secure) {
    DnsAnswer& a = set(name, DnsType::a, is_secure, 200);
    a.message.aliases = {name};
    a.message.name = target;
    a.message.records = {Bytes(4)};
  }
  void tlsa(const std::string& owner, std::vector<Bytes> records, bool is_secure = secure) {
    set(owner, DnsType::tlsa, is_secure).message.records = std::move(records);
  }
  void nothing(const std::string& name, DnsType type, DnsOutcome outcome, bool is_secure = secure) {
    set(name, type, is_secure, 30).outcome = outcome;
    answers[{name, type}].reason = "so it is";
  }

  std::map<std::pair<std::string, DnsType>, DnsAnswer> answers;  ///< else: proved not to exist
  std::vector<std::pair<std::string, DnsType>> asked;
  std::size_t cancelled = 0;
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

 private:
  std::map<Question, std::pair<std::pair<std::string, DnsType>, OnAnswer>> waiting_;
  Question last_ = 0;
};

}  // namespace tlspool::test
