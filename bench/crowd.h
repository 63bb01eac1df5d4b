// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>

namespace bench {

/// Handshakes that are under way in the pool of $TLSPOOL_DIR, as its server `identity`, and stay so: their clients have sent a ClientHello
/// and say nothing more. They end with this.
class Crowd {
 public:
  Crowd();
  ~Crowd();
  /// Returns when the pool has answered each hello. False: see problem().
  bool gather(const std::string& identity, int count);
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  struct Ends;
  bool failed(const std::string& what);
  std::unique_ptr<Ends> ends_;
  std::string problem_;
};

}  // namespace bench
