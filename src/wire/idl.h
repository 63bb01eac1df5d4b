// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "wire/json.h"

namespace tlspool::wire {

/// A varlink interface, parsed from its text (varlink.org, "Interface Definition").
class Interface {
 public:
  /// Error: Code::protocol, subject "line N", for text that is not the IDL, for a type that is not defined
  /// and for a name defined twice.
  [[nodiscard]] static Result<Interface> parse(std::string_view text);
  Interface(Interface&&) noexcept;
  Interface& operator=(Interface&&) noexcept;
  ~Interface();

  [[nodiscard]] const std::string& name() const;
  [[nodiscard]] const std::string& text() const;
  [[nodiscard]] std::vector<std::string> methods() const;  ///< short names, in order
  [[nodiscard]] std::vector<std::string> errors() const;
  [[nodiscard]] bool has_method(std::string_view method) const;

  /// Checks parameters against the method's input: members of the right type, nothing unknown, nothing
  /// missing but `?` members, enum words that exist. Error: Code::invalid with the dotted path of the first
  /// wrong parameter as subject ("role", "session.id", "alpn[1]").
  [[nodiscard]] Status check_call(std::string_view method, const Value& parameters) const;
  [[nodiscard]] Status check_reply(std::string_view method, const Value& parameters) const;

  struct Impl;  ///< for idl.cc alone

 private:
  Interface();
  std::unique_ptr<Impl> impl_;
};

/// The project's interface files, as compiled in and parsed at first use: io.tlspool.Pool, io.tlspool.Admin
/// and org.varlink.service.
[[nodiscard]] const Interface& pool_interface();
[[nodiscard]] const Interface& admin_interface();
[[nodiscard]] const Interface& service_interface();

}  // namespace tlspool::wire
