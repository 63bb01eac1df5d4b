// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>

namespace bench {

/// Handshakes that are under way in the pool of $TLSPOOL_DIR, as its server `identity`, and stay so: each client has sent a ClientHello, and
/// then sends one byte a second of a record that it won't end. They end with this.
class Crowd {
 public:
  Crowd();
  ~Crowd();
  /// Returns when the pool has answered each hello. False: see problem().
  bool gather(const std::string& identity, int count);
  /// False: the pool gave some up; see problem().
  [[nodiscard]] bool complete();
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  struct Ends;
  bool failed(const std::string& what);
  std::unique_ptr<Ends> ends_;
  std::string problem_;
};

}  // namespace bench
