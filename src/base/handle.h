// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

namespace tlspool {

/// Deleter that calls a C library's free function: `using Ssl = std::unique_ptr<SSL, Freed<SSL_free>>;`
template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};

}  // namespace tlspool
