// SPDX-License-Identifier: Apache-2.0
// Somebody executes code in a process of the pool. What he tries, and what came of it.
#pragma once
#include <string>
#include <vector>

namespace intruder {

/// Which process it is, and what it knows of the world outside from before its sandbox closed.
struct Place {
  std::string process;    ///< "worker-0", "judge", "keeper", "fetcher", "metrics"
  std::string directory;  ///< the pool's
  int parent = 0;
};

/// One log line: "intruder.tried". `outcome` is "succeeded", or why not.
void report(const std::string& what, const std::string& outcome);

/// System calls that no process of this kind may make.
void try_calls(const Place& place);
/// Files, memory and processes of others.
void try_files(const Place& place);
/// Signatures that the keeper must not make, and one for each key that it may.
void try_signatures(const Place& place);
/// More than any channel is made for. These never return.
void flood_signatures();
void flood_keys();
void flood_questions();
void flood_frames();
void flood_calls();
/// A frame that no worker in its right mind sends to the supervisor.
void send_nonsense();

/// How often what the file names stands in this process's memory ("intruder.searched"). To be prepared before the sandbox
/// closes; the file may be written later.
void prepare_search(const char* file);
void search();
/// How many bytes of the heap are in use ("intruder.measured"). What glibc's threads keep at hand counts: leave them nothing, by
/// GLIBC_TUNABLES=glibc.malloc.tcache_count=0.
void measure();

/// Descriptor 3, as in every process that the supervisor starts.
inline constexpr int channel_of_supervisor = 3;

/// Descriptors of this process that are sockets of this type, connected; not that to the supervisor.
[[nodiscard]] std::vector<int> sockets(int type);

}  // namespace intruder
