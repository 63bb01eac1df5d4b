// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace tlspool::log {

enum class Level { debug, info, warning, error };
enum class Format { text, json };

/// One named value of a log line; numbers are written as text in both formats.
struct Field {
  std::string_view name;
  std::string value;
};

/// Sets how this process writes to standard error. `process` ("keeper", "worker-0") marks every line.
void start(Format format, Level least, std::string process);
[[nodiscard]] Format format();
[[nodiscard]] Level level();

/// One line: `event` is a stable dotted name ("session.started"), fields carry the rest. Control
/// characters in values are escaped. Never pass a secret.
void write(Level level, std::string_view event, std::initializer_list<Field> fields);

inline void debug(std::string_view e, std::initializer_list<Field> f = {}) { write(Level::debug, e, f); }
inline void info(std::string_view e, std::initializer_list<Field> f = {}) { write(Level::info, e, f); }
inline void warning(std::string_view e, std::initializer_list<Field> f = {}) { write(Level::warning, e, f); }
inline void error(std::string_view e, std::initializer_list<Field> f = {}) { write(Level::error, e, f); }

}  // namespace tlspool::log
