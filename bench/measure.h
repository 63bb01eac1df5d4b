// SPDX-License-Identifier: Apache-2.0
// What the measuring programs have in common.
#pragma once
#include <netinet/in.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <vector>

namespace bench {

/// Microseconds of CPU that this process has taken.
inline double cpu_now() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

/// The value below which so many hundredths are; 50 is the median.
inline double percentile(std::vector<double> values, std::size_t hundredths) {
  if (values.empty()) return 0;
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(values.size() * hundredths / 100);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}
inline double median(std::vector<double> values) { return percentile(std::move(values), 50); }

/// A port of this machine; 0: any.
inline sockaddr_in loopback(int port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(static_cast<std::uint16_t>(port));
  out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return out;
}

/// As many descriptors as the process may have.
inline void more_files() {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace bench
