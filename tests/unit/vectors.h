// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/text.h"
#include "wire/json.h"

namespace tlspool {

/// The cases of a file below tests/vectors; make_vectors.py there writes them.
inline wire::Value::Array cases_of(const std::string& name) {
  std::ostringstream text;
  text << std::ifstream(std::string(TLSPOOL_VECTORS "/") + name).rdbuf();
  auto value = wire::parse_json(text.str());
  EXPECT_TRUE(value) << name << (value ? "" : ": " + value.error().text());
  if (!value || value->elements() == nullptr || value->elements()->empty()) {
    ADD_FAILURE() << name << " has no cases";
    return {};
  }
  return *value->elements();
}

inline Bytes bytes_of(const wire::Value& entry, std::string_view name) { return unhex(entry.text(name)).value_or(Bytes{}); }

}  // namespace tlspool
