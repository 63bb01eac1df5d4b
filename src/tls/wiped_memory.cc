// SPDX-License-Identifier: Apache-2.0
#include "tls/wiped_memory.h"

#include <malloc.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/secret.h"

namespace tlspool::tls {
namespace {

constexpr std::size_t shortest = 128;  // a session in DER, which a ticket is made of, is longer

void wipe_long(void* memory) {
  const std::size_t size = malloc_usable_size(memory);
  if (size >= shortest) wipe(memory, size);
}

void* allocate(std::size_t size, const char*, int) { return std::malloc(size); }

void release(void* memory, const char*, int) {
  if (memory == nullptr) return;
  wipe_long(memory);
  std::free(memory);
}

// By hand: realloc() leaves behind what it has moved.
void* reallocate(void* memory, std::size_t size, const char* file, int line) {
  if (memory == nullptr) return std::malloc(size);
  const std::size_t old = malloc_usable_size(memory);
  if (old < shortest) return std::realloc(memory, size);
  void* const larger = std::malloc(size);
  if (larger == nullptr) return nullptr;
  std::memcpy(larger, memory, std::min(old, size));
  release(memory, file, line);
  return larger;
}

}  // namespace

__attribute__((no_sanitize("address"))) void wipe_what_openssl_frees() { (void)CRYPTO_set_mem_functions(allocate, reallocate, release); }

}  // namespace tlspool::tls
