// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>

#include "cli/admin.h"
#include "cli/output.h"
#include "cli/top.h"
#include "client/call.h"
#include "config/load.h"

namespace tlspool::cli {
namespace {

constexpr std::int64_t most_rows = 500;  // of one worker
constexpr std::size_t longest_comm = 64;

// What the process calls itself; not to be relied on, so it stands beside its number.
std::string program_of(std::int64_t pid) {
  auto name = config::read_file("/proc/" + std::to_string(pid) + "/comm", longest_comm);
  if (!name) return {};
  name->erase(std::find(name->begin(), name->end(), '\n'), name->end());
  return std::move(*name);
}

std::vector<std::int64_t> integers(const wire::Value& of, std::string_view member) {
  std::vector<std::int64_t> out;
  for (const wire::Value& v : elements(of, member)) out.push_back(v.integer() != nullptr ? *v.integer() : 0);
  return out;
}

TopNumber number_of(const wire::Value& metric) {
  TopNumber out;
  if (const wire::Value* labels = metric.find("labels"); labels != nullptr && labels->members() != nullptr) {
    for (const auto& [name, value] : *labels->members()) out.labels[name] = value.string() != nullptr ? *value.string() : "";
  }
  out.value = metric.number("value");
  out.buckets = integers(metric, "buckets");
  out.bounds = integers(metric, "bounds");
  return out;
}

void name_programs(std::vector<TopSession>& sessions) {
  std::map<std::int64_t, std::string> known;
  for (TopSession& session : sessions) {
    const auto [found, news] = known.try_emplace(session.pid);
    if (news) found->second = program_of(session.pid);
    session.program = found->second;
  }
}

}  // namespace

Result<TopLook> TopSource::look() {
  if (!sees_) {
    auto all = look_at_all();
    if (all || all.error().code != Code::denied) {
      if (all) sees_ = TopLook::Sees::all;
      return all;
    }
    sees_ = TopLook::Sees::own;
  }
  return *sees_ == TopLook::Sees::all ? look_at_all() : look_at_own();
}

Result<TopLook> TopSource::look_at_all() {
  TopLook out;
  out.pool = paths_.directory;
  auto statistics = call_admin(paths_, "Statistics");
  if (!statistics) return fail(std::move(statistics.error()));
  out.at_ms = statistics->parameters.number("at");
  for (const wire::Value& metric : elements(statistics->parameters, "metrics")) out.numbers.emplace(metric.text("name"), number_of(metric));
  const auto status = call_admin(paths_, "Status");
  if (!status) return fail(status.error());
  for (const wire::Value& p : elements(status->parameters, "processes")) {
    out.processes.push_back({p.text("name"), p.number("pid"), p.number("restarts")});
  }
  const auto sessions = call_admin(paths_, "Sessions", wire::Value::object().set("most", most_rows));
  if (!sessions) return fail(sessions.error());
  for (const wire::Value& row : elements(sessions->parameters, "sessions")) out.sessions.push_back({wire::session_row_of(row), {}});
  name_programs(out.sessions);
  out.open = std::max(out.sessions.size(), static_cast<std::size_t>(std::max<std::int64_t>(0, out.total("tlspool_sessions"))));
  return out;
}

Result<TopLook> TopSource::look_at_own() {
  TopLook out;
  out.sees = TopLook::Sees::own;
  out.pool = paths_.directory;
  std::int64_t workers = 1;
  for (std::int64_t i = 0; i < workers; ++i) {
    const auto answer = client::call(paths_.programs_socket(), "io.tlspool.Pool.ListSessions", wire::Value::object().set("worker", i));
    if (!answer) return fail(answer.error());
    if (!answer->error.empty()) return fail({Code::protocol, "ListSessions", paths_.programs_socket(), client::message_of(*answer), {}});
    // Old processes, behind those of now, count themselves alone.
    workers = std::max(workers, std::clamp<std::int64_t>(answer->parameters.number("workers", 1), 1, 256));
    for (const wire::Value& row : elements(answer->parameters, "sessions")) out.sessions.push_back({wire::session_row_of(row), {}});
  }
  using namespace std::chrono;
  out.at_ms = duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
  name_programs(out.sessions);
  out.open = out.sessions.size();
  return out;
}

}  // namespace tlspool::cli
