// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <ctime>

#include "base/text.h"

namespace tlspool::log {
namespace {

struct State {
  Format format = Format::text;
  Level least = Level::info;
  std::string process = "tlspool";
  std::shared_ptr<spdlog::logger> logger;
};

State& state() {
  static State s;
  return s;
}

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug: return spdlog::level::debug;
    case Level::info: return spdlog::level::info;
    case Level::warning: return spdlog::level::warn;
    case Level::error: return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : printable(text, 4096)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string json_members(const State& s, std::string_view event, std::span<const Field> fields) {
  std::string out = "\"process\":" + json_text(s.process) + ",\"event\":" + json_text(event);
  for (const Field& f : fields) {
    out += "," + json_text(f.name) + ":";
    out += f.as == As::literal ? f.value : json_text(f.value);
  }
  return out;
}

bool needs_quotes(std::string_view value) {
  return value.empty() || value.find_first_of(" \"=") != std::string_view::npos;
}

}  // namespace

void start(Format format, Level least, std::string process) {
  // What turns a moment into text looks for the zone once, also where it writes UTC: before a sandbox closes.
  tzset();
  State& s = state();
  s.format = format;
  s.least = least;
  s.process = std::move(process);
  s.logger = std::make_shared<spdlog::logger>("tlspool", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  s.logger->set_level(to_spdlog(least));
  s.logger->flush_on(spdlog::level::debug);
  if (format == Format::json) {
    // UTC: offsets would depend on a zone file that a sandboxed process can't open.
    s.logger->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})", spdlog::pattern_time_type::utc);
  } else {
    s.logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
  }
}

Format format() { return state().format; }
Level level() { return state().least; }

void write(Level level, std::string_view event, std::span<const Field> fields) {
  State& s = state();
  if (level < s.least) return;
  if (!s.logger) start(s.format, s.least, s.process);
  std::string line;
  if (s.format == Format::json) {
    line = json_members(s, event, fields);
  } else {
    line = s.process + " " + std::string(event);
    for (const Field& f : fields) {
      const std::string value = printable(f.value, 4096);
      line += " " + std::string(f.name) + "=" + (needs_quotes(value) ? json_text(value) : value);
    }
  }
  s.logger->log(to_spdlog(level), "{}", line);
}

std::string timestamp(std::chrono::system_clock::time_point at) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
  const std::time_t seconds = ms / 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                     ms % 1000);
}

std::string json_line(std::string_view event, std::span<const Field> fields) {
  return "{\"time\":\"" + timestamp(std::chrono::system_clock::now()) + "\"," + json_members(state(), event, fields) + "}";
}

}  // namespace tlspool::log
