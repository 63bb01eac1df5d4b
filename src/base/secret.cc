// SPDX-License-Identifier: Apache-2.0
#include "base/secret.h"

#include <string.h>
#include <sys/mman.h>

#include <array>
#include <atomic>
#include <mutex>
#include <new>
#include <utility>

namespace tlspool {
namespace {

constexpr std::size_t page = 4096;
std::atomic<bool> all_locked{true};

std::size_t whole_pages(std::size_t size) { return (size + page - 1) / page * page; }

// Pages that hold nothing but secrets, so that locking and the dump mark never touch a neighbour.
void* map_pages(std::size_t size) {
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  // Best effort: RLIMIT_MEMLOCK may be small for an ordinary user; each process says so when it closes its sandbox.
  if (mlock(memory, size) != 0) all_locked = false;
  (void)madvise(memory, size, MADV_DONTDUMP);
  return memory;
}

// Room for secrets as long as keys are. A handshake with a shared key needs several, and four system calls for each
// would cost it more than reading the key. Pages stay mapped; what is free in them is zeros but for the link at its start.
class Slots {
 public:
  static constexpr std::size_t largest = 1024;

  static std::size_t size_for(std::size_t wanted) {
    std::size_t size = smallest;
    while (size < wanted) size *= 4;
    return size;
  }
  void* take(std::size_t size) {
    const std::lock_guard guard(lock_);
    Free*& first = free_of(size);
    if (first == nullptr) add_page(first, size);
    Free* out = first;
    first = out->next;
    out->next = nullptr;
    return out;
  }
  /// Wiped already.
  void give_back(void* slot, std::size_t size) {
    const std::lock_guard guard(lock_);
    Free*& first = free_of(size);
    first = new (slot) Free{first};
  }

 private:
  struct Free {
    Free* next;
  };
  static constexpr std::size_t smallest = 64;

  Free*& free_of(std::size_t size) { return free_[size == smallest ? 0 : size == largest ? 2 : 1]; }
  static void add_page(Free*& first, std::size_t size) {
    auto* memory = static_cast<std::uint8_t*>(map_pages(page));
    for (std::size_t at = page; at > 0; at -= size) first = new (memory + at - size) Free{first};
  }

  std::mutex lock_;
  std::array<Free*, 3> free_{};
};

// Never destroyed: secrets with static storage outlive any order of destruction.
Slots& slots() {
  static auto* out = new Slots;
  return *out;
}

}  // namespace

bool secrets_are_locked() { return all_locked; }

void wipe(void* data, std::size_t size) {
  if (size != 0) explicit_bzero(data, size);
}

Secret::Secret(std::size_t size) : size_(size) {
  if (size == 0) return;
  const bool small = size <= Slots::largest;
  room_ = small ? Slots::size_for(size) : whole_pages(size);
  data_ = static_cast<std::uint8_t*>(small ? slots().take(room_) : map_pages(room_));
}

Secret::Secret(ByteView bytes) : Secret(bytes.size()) {
  if (!bytes.empty()) memcpy(data_, bytes.data(), bytes.size());
}

Secret::Secret(Secret&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      room_(std::exchange(other.room_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    clear();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    room_ = std::exchange(other.room_, 0);
  }
  return *this;
}

Secret::~Secret() { clear(); }

void Secret::clear() {
  if (data_ == nullptr) return;
  wipe(data_, room_);
  if (room_ <= Slots::largest) {
    slots().give_back(data_, room_);
  } else {
    munmap(data_, room_);
  }
  data_ = nullptr;
  size_ = room_ = 0;
}

void Secret::shrink(std::size_t size) {
  if (size >= size_) return;
  wipe(data_ + size, size_ - size);
  size_ = size;
}

bool Secret::equals(const Secret& other) const {
  if (size_ != other.size_) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < size_; ++i) difference |= data_[i] ^ other.data_[i];
  return difference == 0;
}

}  // namespace tlspool
