// SPDX-License-Identifier: Apache-2.0
#include "counters/page.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <utility>

namespace tlspool::counters {
namespace {

constexpr std::size_t bytes = slot_count * sizeof(Slot);

std::array<Slot, slot_count> nobodys;

Result<void*> map(int fd, int protection) {
  struct stat info{};
  // A page that shrinks under its reader would end it by SIGBUS.
  const bool sealed = (fcntl(fd, F_GET_SEALS) & F_SEAL_SHRINK) != 0;
  if (fstat(fd, &info) != 0 || !sealed || static_cast<std::size_t>(info.st_size) < bytes) {
    return fail({Code::invalid, "map", "counters", "the memory is no page of counters", {}});
  }
  void* at = mmap(nullptr, bytes, protection, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) return fail(system_error("mmap", "counters", errno));
  return at;
}

}  // namespace

constinit Slot* slots = nobodys.data();

Result<Page> Page::make() {
  UniqueFd memory{memfd_create("tlspool-counters", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  if (!memory.valid()) return fail(system_error("memfd_create", "counters", errno));
  if (ftruncate(memory.get(), static_cast<off_t>(bytes)) != 0) return fail(system_error("ftruncate", "counters", errno));
  if (fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) return fail(system_error("seal", "counters", errno));
  auto at = map(memory.get(), PROT_READ);
  if (!at) return fail(std::move(at.error()));
  return Page{std::move(memory), static_cast<const Slot*>(*at)};
}

Page::Page(Page&& other) noexcept : memory_(std::move(other.memory_)), slots_(std::exchange(other.slots_, nullptr)) {}

Page::~Page() {
  if (slots_ != nullptr) munmap(const_cast<Slot*>(slots_), bytes);
}

Result<UniqueFd> Page::for_writer() const {
  UniqueFd out{fcntl(memory_.get(), F_DUPFD_CLOEXEC, 0)};
  if (!out.valid()) return fail(system_error("dup", "counters", errno));
  return out;
}

Result<UniqueFd> Page::for_reader() const {
  // Opened anew: a copy of the descriptor could write as this one can.
  UniqueFd out{open(("/proc/self/fd/" + std::to_string(memory_.get())).c_str(), O_RDONLY | O_CLOEXEC)};
  if (!out.valid()) return fail(system_error("open", "counters", errno));
  return out;
}

Status count_in(UniqueFd memory) {
  auto at = map(memory.get(), PROT_READ | PROT_WRITE);
  if (!at) return fail(std::move(at.error()));
  slots = static_cast<Slot*>(*at);
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (table[i].type != Type::gauge) continue;
    for (std::size_t s = first_slots[i]; s < first_slots[i + 1]; ++s) slots[s].store(0, std::memory_order_relaxed);
  }
  return {};
}

Result<const Slot*> map_for_reading(UniqueFd memory) {
  auto at = map(memory.get(), PROT_READ);
  if (!at) return fail(std::move(at.error()));
  return static_cast<const Slot*>(*at);
}

}  // namespace tlspool::counters
