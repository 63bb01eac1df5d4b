// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "supervisor/child.h"
#include "supervisor/metrics_socket.h"
#include "supervisor/pages.h"

namespace tlspool::supervisor {

/// The metrics process, which is there only while the configuration says where it listens. The pool does without it: it may be late,
/// and an address that is taken is tried again.
class MetricsService {
 public:
  static constexpr std::chrono::seconds between_tries{2};
  using Others = std::function<std::vector<Child*>()>;

  /// `others`: the processes that are to be shown. `ended`: the process has.
  MetricsService(Loop& loop, Pages& pages, Others others, std::function<void()> ended)
      : loop_(loop), pages_(pages), others_(std::move(others)), ended_(std::move(ended)), retry_(loop) {}
  ~MetricsService();

  /// May come again. `user`: whom the process becomes; none: the supervisor's own. `tokens`: names by number.
  void apply(const config::Metrics& where, const std::optional<RunAs>& user, std::vector<std::string> tokens);
  /// A process was started.
  void show(const Child& child);
  /// It has ended.
  void hide(const Child& child);
  /// Null until it was wanted for the first time.
  [[nodiscard]] Child* child() const { return child_.get(); }
  /// The pool ends.
  void stop();

 private:
  void make_child(const std::optional<RunAs>& user);
  void listen();
  void close_listener();
  void equip();
  void send(const std::string& name, const char* stat);

  Loop& loop_;
  Pages& pages_;
  Others others_;
  std::function<void()> ended_;
  config::Metrics where_;
  std::vector<std::string> tokens_;
  Listener listener_;
  Timer retry_;
  bool complained_ = false;
  std::unique_ptr<Child> child_;
};

}  // namespace tlspool::supervisor
