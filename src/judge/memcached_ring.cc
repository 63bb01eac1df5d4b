// SPDX-License-Identifier: Apache-2.0
// The only file that includes libmemcached.
#include "judge/memcached_ring.h"

#include <libmemcached/memcached.h>

#include <algorithm>
#include <cstdlib>

#include "authz/cache_entry.h"
#include "base/contains.h"

namespace tlspool::judge {
namespace {

/// A server that announces an endless value must not get us memory for it.
constexpr std::size_t most_memory_at_once = 1 << 20;

void* allocate(const memcached_st*, const std::size_t size, void*) { return size > most_memory_at_once ? nullptr : std::malloc(size); }
void release(const memcached_st*, void* memory, void*) { std::free(memory); }
void* reallocate(const memcached_st*, void* memory, const std::size_t size, void*) {
  return size > most_memory_at_once ? nullptr : std::realloc(memory, size);
}
void* allocate_zeroed(const memcached_st*, std::size_t count, const std::size_t size, void*) {
  return size != 0 && count > most_memory_at_once / size ? nullptr : std::calloc(count, size);
}

void add_server(memcached_st* to, const std::string& server) {
  constexpr std::string_view unix_prefix = "unix:";
  if (server.starts_with(unix_prefix)) {
    memcached_server_add_unix_socket(to, server.c_str() + unix_prefix.size());
    return;
  }
  const auto colon = server.rfind(':');
  std::string host = server.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  memcached_server_add(to, host.c_str(), static_cast<in_port_t>(std::atoi(server.c_str() + colon + 1)));
}

MemcachedRing::State state_of(memcached_return_t rc) {
  using State = MemcachedRing::State;
  if (rc == MEMCACHED_SUCCESS || rc == MEMCACHED_STORED) return State::done;
  constexpr memcached_return_t none[] = {MEMCACHED_NOTFOUND, MEMCACHED_NOTSTORED, MEMCACHED_DATA_EXISTS, MEMCACHED_E2BIG,
                                         MEMCACHED_SERVER_MEMORY_ALLOCATION_FAILURE};
  return contains(none, rc) ? State::not_there : State::failed;
}

}  // namespace

std::uint32_t ServerHealth::usable(Clock::time_point now) {
  const std::lock_guard guard(lock_);
  std::uint32_t out = 0;
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    if (servers_[i].pause.count() == 0 || servers_[i].out_until <= now) out |= std::uint32_t{1} << i;
  }
  return out;
}

std::chrono::seconds ServerHealth::failed(std::size_t server, Clock::time_point now) {
  const std::lock_guard guard(lock_);
  Server& s = servers_[server];
  ++failures_;
  if (s.pause.count() != 0 && s.out_until > now) return std::chrono::seconds{0};
  s.pause = s.pause.count() == 0 ? least_pause : std::min(2 * s.pause, most_pause);
  s.out_until = now + s.pause;
  return s.pause;
}

bool ServerHealth::worked(std::size_t server) {
  const std::lock_guard guard(lock_);
  return std::exchange(servers_[server].pause, std::chrono::seconds{0}).count() != 0;
}

std::uint64_t ServerHealth::failures() {
  const std::lock_guard guard(lock_);
  return failures_;
}

MemcachedRing::MemcachedRing(std::vector<std::string> servers, ServerHealth& health) : servers_(std::move(servers)), health_(health) {}

MemcachedRing::~MemcachedRing() { use(0); }

// Everything is made anew: a connection whose answers went astray is not used again, and it is we who say which servers are in.
void MemcachedRing::use(std::uint32_t servers) {
  if (memcached_ != nullptr) memcached_free(memcached_);
  memcached_ = nullptr;
  order_.clear();
  used_ = servers;
  if (servers == 0) return;
  memcached_ = memcached_create(nullptr);
  if (memcached_ == nullptr) return;
  memcached_set_memory_allocators(memcached_, allocate, release, reallocate, allocate_zeroed, nullptr);
  const auto milliseconds = static_cast<std::uint64_t>(patience.count());
  for (const auto& [flag, value] : {std::pair{MEMCACHED_BEHAVIOR_KETAMA, std::uint64_t{1}},
                                    {MEMCACHED_BEHAVIOR_NO_BLOCK, 1},
                                    {MEMCACHED_BEHAVIOR_TCP_NODELAY, 1},
                                    {MEMCACHED_BEHAVIOR_CONNECT_TIMEOUT, milliseconds},
                                    {MEMCACHED_BEHAVIOR_POLL_TIMEOUT, milliseconds},
                                    {MEMCACHED_BEHAVIOR_SND_TIMEOUT, 1000 * milliseconds},
                                    {MEMCACHED_BEHAVIOR_RCV_TIMEOUT, 1000 * milliseconds},
                                    {MEMCACHED_BEHAVIOR_RETRY_TIMEOUT, 1},
                                    {MEMCACHED_BEHAVIOR_AUTO_EJECT_HOSTS, 0}}) {
    memcached_behavior_set(memcached_, flag, value);
  }
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    if ((servers >> i & 1) == 0) continue;
    add_server(memcached_, servers_[i]);
    order_.push_back(i);
  }
}

template <class Call>
MemcachedRing::Reply MemcachedRing::call(const std::string& name, Call what) {
  const std::uint32_t usable = health_.usable(ServerHealth::Clock::now());
  if (usable != used_) use(usable);
  if (memcached_ == nullptr) return {State::no_server, {}, 0, {}};
  const std::uint32_t place = memcached_generate_hash(memcached_, name.data(), name.size());
  Reply reply;
  reply.server = place < order_.size() ? order_[place] : order_.front();
  memcached_return_t rc = what(reply);
  // Of a server that says what is not of the protocol libmemcached reports that it has no such entry.
  const memcached_instance_st* instance = memcached_server_instance_by_position(memcached_, place);
  if (rc == MEMCACHED_NOTFOUND && instance != nullptr && memcached_failed(memcached_server_error_return(instance))) {
    rc = memcached_server_error_return(instance);
  }
  reply.state = state_of(rc);
  if (reply.state != State::failed) return reply;
  reply.reason = memcached_strerror(memcached_, rc);  // its longer message has addresses of memory, and what the server said
  use(0);
  return reply;
}

MemcachedRing::Reply MemcachedRing::get(const std::string& name) {
  return call(name, [&](Reply& reply) {
    std::size_t size = 0;
    std::uint32_t flags = 0;
    memcached_return_t rc = MEMCACHED_FAILURE;
    char* value = memcached_get(memcached_, name.data(), name.size(), &size, &flags, &rc);
    // An empty value has no memory of its own.
    if (value != nullptr && size <= authz::most_sealed_entry) reply.value.assign(value, value + size);
    release(nullptr, value, nullptr);
    return rc;
  });
}

MemcachedRing::Reply MemcachedRing::set(const std::string& name, const Bytes& value, std::uint32_t seconds) {
  return call(name, [&](Reply&) {
    return memcached_set(memcached_, name.data(), name.size(), reinterpret_cast<const char*>(value.data()), value.size(), seconds, 0);
  });
}

MemcachedRing::Reply MemcachedRing::add(const std::string& name, const Bytes& value, std::uint32_t seconds) {
  return call(name, [&](Reply&) {
    return memcached_add(memcached_, name.data(), name.size(), reinterpret_cast<const char*>(value.data()), value.size(), seconds, 0);
  });
}

}  // namespace tlspool::judge
