// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/contains.h"
#include "wire/idl_type.h"

namespace tlspool::wire {
namespace {

void in_front(std::string& path, std::string_view part) {
  if (path.empty() || path.front() == '[') {
    path.insert(0, part);
  } else {
    path.insert(0, std::string(part) + ".");
  }
}

bool record_fits(const std::vector<IdlField>& fields, const Value& value, std::string& path) {
  const Value::Object* object = value.members();
  if (object == nullptr) return false;
  std::uint64_t seen = 0;
  for (const auto& [name, member] : *object) {
    const auto field = std::find_if(fields.begin(), fields.end(), [&name = name](const IdlField& f) { return f.name == name; });
    if (field == fields.end() || !field->type.fits(member, path)) {
      in_front(path, name);
      return false;
    }
    seen |= std::uint64_t{1} << (field - fields.begin());
  }
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if ((seen >> i & 1) == 0 && !fields[i].type.maybe) {
      in_front(path, fields[i].name);
      return false;
    }
  }
  return true;
}

bool array_fits(const IdlType& element, const Value& value, std::string& path) {
  const Value::Array* list = value.elements();
  if (list == nullptr) return false;
  for (std::size_t i = 0; i < list->size(); ++i) {
    if (!element.fits((*list)[i], path)) {
      in_front(path, "[" + std::to_string(i) + "]");
      return false;
    }
  }
  return true;
}

bool map_fits(const IdlType& element, const Value& value, std::string& path) {
  const Value::Object* object = value.members();
  if (object == nullptr) return false;
  for (const auto& [name, member] : *object) {
    if (!element.fits(member, path)) {
      in_front(path, name);
      return false;
    }
  }
  return true;
}

}  // namespace

bool IdlType::fits(const Value& value, std::string& path) const {
  if (value.is_null()) return maybe;
  switch (kind) {
    case Kind::boolean: return value.boolean() != nullptr;
    case Kind::integer: return value.integer() != nullptr;
    case Kind::real: return value.real() != nullptr || value.integer() != nullptr;
    case Kind::text: return value.string() != nullptr;
    case Kind::object: return value.members() != nullptr;
    case Kind::words: {
      const std::string* word = value.string();
      return word != nullptr && contains(words, *word);
    }
    case Kind::record: return record_fits(fields, value, path);
    case Kind::array: return array_fits(*element, value, path);
    case Kind::map: return map_fits(*element, value, path);
    case Kind::named: return target->fits(value, path);
  }
  return false;
}

}  // namespace tlspool::wire
