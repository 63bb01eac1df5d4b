// SPDX-License-Identifier: Apache-2.0
#include "wire/log_setup.h"

#include "base/log.h"
#include "counters/page.h"
#include "wire/ipc.h"

namespace tlspool::wire {

namespace {
bool watched = false;  // as the supervisor said; set once, before the first thread
}  // namespace

bool sandbox_is_watched() { return watched; }

Status start_log(Frame frame) {
  const auto setup = decode<LogSetup>(frame.body);
  if (!setup) return fail(setup.error());
  const bool known = setup->level <= static_cast<std::uint8_t>(log::Level::error);
  log::start(setup->json ? log::Format::json : log::Format::text, known ? static_cast<log::Level>(setup->level) : log::Level::info,
             setup->process);
  watched = setup->watched;
  if (frame.descriptors.empty()) return {};
  return counters::count_in(std::move(frame.descriptors.front()));
}

}  // namespace tlspool::wire
