// SPDX-License-Identifier: Apache-2.0
#include "supervisor/pages.h"

#include "base/log.h"

namespace tlspool::supervisor {

Pages::Pages() {
  const counters::Page* page = of(own);
  if (page == nullptr) return;
  auto memory = page->for_writer();
  if (memory) (void)counters::count_in(std::move(*memory));
}

const counters::Page* Pages::of(const std::string& name) {
  const auto found = pages_.find(name);
  if (found != pages_.end()) return &found->second;
  auto page = counters::Page::make();
  if (!page) {
    log::error("counters.failed", {{"process", name}, {"reason", page.error().text()}});
    return nullptr;
  }
  return &pages_.emplace(name, std::move(*page)).first->second;
}

std::vector<const counters::Slot*> Pages::all() const {
  std::vector<const counters::Slot*> out;
  for (const auto& [name, page] : pages_) out.push_back(page.slots());
  return out;
}

}  // namespace tlspool::supervisor
