// SPDX-License-Identifier: Apache-2.0
#include "trust/shared_dns.h"

#include "base/text.h"

namespace tlspool::trust {

Dns::Question SharedDns::ask(const std::string& name, DnsType type, OnAnswer on_answer) {
  Topic topic{lower(name), type};
  if (topic.first.ends_with('.')) topic.first.pop_back();
  const Question number = ++last_;
  waiters_.emplace(number, Waiter{topic, std::move(on_answer)});
  const auto [at, is_new] = topics_.try_emplace(topic);
  at->second.waiters.push_back(number);
  ++at->second.left;
  if (is_new) {
    at->second.question = DnsQuestion(*dns_, topic.first, type, [this, topic](const DnsAnswer& answer) { answered(topic, answer); });
  }
  return number;
}

void SharedDns::cancel(Question question) {
  const auto waiter = waiters_.extract(question);
  if (waiter.empty()) return;
  const auto at = topics_.find(waiter.mapped().topic);
  // It may have waited for an answer that is being told, while somebody has asked again.
  if (at == topics_.end() || question < at->second.waiters.front()) return;
  if (--at->second.left == 0) topics_.erase(at);
}

void SharedDns::answered(const Topic& topic, const DnsAnswer& answer) {
  const std::weak_ptr<bool> here = here_;
  // Who asks again from within a callback begins another question.
  const std::vector<Question> numbers = std::move(topics_.extract(topic).mapped().waiters);
  for (const Question number : numbers) {
    const auto waiter = waiters_.extract(number);
    if (!waiter.empty()) waiter.mapped().on_answer(answer);
    if (here.expired()) return;
  }
}

}  // namespace tlspool::trust
