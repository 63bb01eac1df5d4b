// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace tlspool::log {

enum class Level { debug, info, warning, error };
enum class Format { text, json };

/// How a value stands in JSON.
enum class As {
  text,
  literal,  ///< a number, true, false or null, as it is written
};

/// One named value of a log line.
struct Field {
  std::string_view name;
  std::string value;
  As as = As::text;
};

/// Sets how this process writes to standard error. `process` ("keeper", "worker-0") marks every line.
void start(Format format, Level least, std::string process);
[[nodiscard]] Format format();
[[nodiscard]] Level level();

/// One line: `event` is a stable dotted name ("session.started"), fields carry the rest. Control
/// characters in values are escaped. Never pass a secret.
void write(Level level, std::string_view event, std::span<const Field> fields);
inline void write(Level level, std::string_view event, std::initializer_list<Field> fields) {
  write(level, event, std::span<const Field>(fields.begin(), fields.size()));
}

/// The same as JSON, for another place than the log: {"time":...,"process":...,"event":...,...}, without a line end.
[[nodiscard]] std::string json_line(std::string_view event, std::span<const Field> fields);
/// "2026-03-01T12:00:00.000Z"
[[nodiscard]] std::string timestamp(std::chrono::system_clock::time_point at);

inline void debug(std::string_view e, std::initializer_list<Field> f = {}) { write(Level::debug, e, f); }
inline void info(std::string_view e, std::initializer_list<Field> f = {}) { write(Level::info, e, f); }
inline void warning(std::string_view e, std::initializer_list<Field> f = {}) { write(Level::warning, e, f); }
inline void error(std::string_view e, std::initializer_list<Field> f = {}) { write(Level::error, e, f); }

}  // namespace tlspool::log
