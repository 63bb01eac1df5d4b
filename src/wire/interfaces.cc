// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <cstdlib>

#include "wire/idl.h"

namespace tlspool::wire {
namespace {

constexpr std::string_view pool_text =
#include "io.tlspool.Pool.varlink.inc"
    ;
constexpr std::string_view admin_text =
#include "io.tlspool.Admin.varlink.inc"
    ;
constexpr std::string_view service_text =
#include "org.varlink.service.varlink.inc"
    ;

/// A mistake in an interface file is one of the build; a unit test finds it before anybody starts this.
Interface compiled_in(std::string_view text) {
  auto parsed = Interface::parse(text);
  if (!parsed) {
    std::fprintf(stderr, "%s\n", parsed.error().text().c_str());
    std::abort();
  }
  return std::move(*parsed);
}

}  // namespace

const Interface& pool_interface() {
  static const Interface interface = compiled_in(pool_text);
  return interface;
}

const Interface& admin_interface() {
  static const Interface interface = compiled_in(admin_text);
  return interface;
}

const Interface& service_interface() {
  static const Interface interface = compiled_in(service_text);
  return interface;
}

}  // namespace tlspool::wire
