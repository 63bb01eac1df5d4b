// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <openssl/core.h>

namespace tlspool::tls {

/// An entry of a provider's table (provider-base(7)): the number of a function, and the function, whose type the number stands for.
template <class F>
constexpr OSSL_DISPATCH served(int id, F* function) {
  return {id, reinterpret_cast<void (*)()>(function)};
}

}  // namespace tlspool::tls
