// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "wire/json.h"

namespace tlspool::wire {

struct IdlField;

/// A type of the IDL. Structs have at most 64 fields, so that a check can tick them off in one word.
struct IdlType {
  enum class Kind { boolean, integer, real, text, object, words, record, array, map, named };
  Kind kind = Kind::record;
  bool maybe = false;
  std::vector<IdlField> fields;      ///< record
  std::vector<std::string> words;    ///< words: an enum
  std::unique_ptr<IdlType> element;  ///< array, map
  std::string name;                  ///< named
  const IdlType* target = nullptr;   ///< named, once resolved
  int line = 0;                      ///< named: where it is used

  /// Where the value does not fit, the path of the offending part goes in front of `path`.
  [[nodiscard]] bool fits(const Value& value, std::string& path) const;
};

struct IdlField {
  std::string name;
  IdlType type;
};

inline constexpr std::size_t max_idl_fields = 64;

}  // namespace tlspool::wire
