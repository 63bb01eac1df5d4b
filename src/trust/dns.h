// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "trust/dns_message.h"

namespace tlspool::trust {

enum class DnsOutcome : std::uint8_t {
  answer,   ///< records are there
  no_data,  ///< the name is there, such records are not
  no_name,  ///< NXDOMAIN
  bogus,    ///< validation failed: nothing may be concluded
  timeout,  ///< the deadline passed
  failed,   ///< servers fail or can't be reached, or their answers are senseless
};

struct DnsAnswer {
  DnsOutcome outcome = DnsOutcome::failed;
  /// For answer, no_data and no_name: validated with DNSSEC from the root's key to here, every alias included. Else the
  /// zone, or that of an alias, is proved to be unsigned.
  bool secure = false;
  DnsMessage message;  ///< for answer, no_data and no_name
  std::string reason;  ///< for the others, for people
};

/// Who answers questions about names, with DNSSEC.
class Dns {
 public:
  using OnAnswer = std::function<void(const DnsAnswer&)>;
  using Question = std::uint64_t;  ///< never 0

  virtual ~Dns() = default;
  /// `on_answer` is called once, from the loop and not before ask() has returned. It may ask, cancel, and destroy this.
  virtual Question ask(const std::string& name, DnsType type, OnAnswer on_answer) = 0;
  /// Its callback won't be called any more. A question that is answered may be cancelled, too.
  virtual void cancel(Question question) = 0;
};

/// A question that ends when this does. The Dns must live longer.
class DnsQuestion {
 public:
  DnsQuestion() = default;
  DnsQuestion(Dns& dns, const std::string& name, DnsType type, Dns::OnAnswer on_answer)
      : dns_(&dns), number_(dns.ask(name, type, std::move(on_answer))) {}
  DnsQuestion(DnsQuestion&& other) noexcept : dns_(std::exchange(other.dns_, nullptr)), number_(other.number_) {}
  DnsQuestion& operator=(DnsQuestion&& other) noexcept {
    std::swap(dns_, other.dns_);
    std::swap(number_, other.number_);
    return *this;
  }
  ~DnsQuestion() {
    if (dns_ != nullptr) dns_->cancel(number_);
  }

 private:
  Dns* dns_ = nullptr;
  Dns::Question number_ = 0;
};

}  // namespace tlspool::trust
