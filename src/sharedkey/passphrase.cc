// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdlib>
#include <set>
#include <utility>

#include "sharedkey/derive.h"

namespace tlspool::sharedkey {
namespace {

enum class Class { small, capital, digit, sign, other };

Class class_of(unsigned char c) {
  if (c >= 'a' && c <= 'z') return Class::small;
  if (c >= 'A' && c <= 'Z') return Class::capital;
  if (c >= '0' && c <= '9') return Class::digit;
  return c < 0x80 ? Class::sign : Class::other;
}

double members(Class c) {
  switch (c) {
    case Class::small:
    case Class::capital: return 26;
    case Class::digit: return 10;
    case Class::sign: return 33;
    case Class::other: return 64;  // continuation bytes of UTF-8 have 6 free bits
  }
  return 0;
}

}  // namespace

double passphrase_bits(std::string_view passphrase) {
  std::set<Class> classes;
  double alphabet = 0;
  for (const char c : passphrase) {
    const Class kind = class_of(static_cast<unsigned char>(c));
    if (classes.insert(kind).second) alphabet += members(kind);
  }
  double bits = 0;
  std::set<std::pair<char, char>> pairs;
  for (std::size_t i = 0; i < passphrase.size(); ++i) {
    // "aaaa", "1234" and what stood there before cost a guesser next to nothing.
    const bool predictable =
        i > 0 && (std::abs(passphrase[i] - passphrase[i - 1]) <= 1 || !pairs.insert({passphrase[i - 1], passphrase[i]}).second);
    bits += predictable ? 1 : std::log2(alphabet);
  }
  return bits;
}

}  // namespace tlspool::sharedkey
