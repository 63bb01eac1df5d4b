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

// A session in DER, which a ticket is made of, is longer than 128 bytes. A secret by itself, such as the master secret that is read out of a
// ticket, has 32 or 48, a zero behind it, and what malloc() rounds up to. Wiping all the others, too, would be felt.
bool may_hold_secrets(std::size_t size) { return size >= 128 || (size >= 32 && size <= 56); }

void wipe_secrets(void* memory) {
  const std::size_t size = malloc_usable_size(memory);
  if (may_hold_secrets(size)) wipe(memory, size);
}

void* allocate(std::size_t size, const char*, int) { return std::malloc(size); }

void release(void* memory, const char*, int) {
  if (memory == nullptr) return;
  wipe_secrets(memory);
  std::free(memory);
}

// By hand: realloc() leaves behind what it has moved.
void* reallocate(void* memory, std::size_t size, const char* file, int line) {
  if (memory == nullptr) return std::malloc(size);
  const std::size_t old = malloc_usable_size(memory);
  if (!may_hold_secrets(old)) return std::realloc(memory, size);
  void* const larger = std::malloc(size);
  if (larger == nullptr) return nullptr;
  std::memcpy(larger, memory, std::min(old, size));
  release(memory, file, line);
  return larger;
}

}  // namespace

__attribute__((no_sanitize("address"))) void wipe_what_openssl_frees() { (void)CRYPTO_set_mem_functions(allocate, reallocate, release); }

}  // namespace tlspool::tls
