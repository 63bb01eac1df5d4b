// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "judge/state_file.h"
#include "loop/loop.h"
#include "trust/pins.h"

namespace tlspool::judge {

/// The machine's pins, in memory and in the file `pins` of the judge's directory. Where that can't be read, nobody knows what is
/// pinned: no pin holds, and nothing counts as seen for the first time.
class PinStore {
 public:
  /// So many may be remembered at first use; an administrator may add more.
  static constexpr std::size_t most_remembered = 500'000;

  PinStore(Loop& loop, const std::string& directory);
  ~PinStore();

  /// Why there are no pins; empty: there are, or none were ever made.
  [[nodiscard]] const std::string& problem() const { return problem_; }
  /// Reads the file if it could not be read before.
  void read_again();
  /// From now on another judge writes the file; what is remembered here stays in memory. Returns when what is known is on the disk.
  void leave();
  /// The end of that, or a file that the other one has left: reads it.
  void take();
  [[nodiscard]] const trust::Pins& pins() const { return pins_; }

  // Administrators; the change is on the disk when these return, or is undone.
  [[nodiscard]] Status add(wire::PinRow pin);
  [[nodiscard]] Result<std::size_t> remove(const std::string& identity, const Bytes& digest, const std::optional<std::string>& service);

  /// Nothing was pinned for the identity. It is on the disk a moment later.
  void remember(wire::PinRow pin);
  /// Another key than the pinned one was shown: logged, and remembered for `tlspool pin-peer list`.
  void changed(const std::string& identity, const std::string& service, const wire::PinRow& pinned, const Bytes& shown, std::int64_t now);

 private:
  void read();
  void write_soon();
  void write_now();
  [[nodiscard]] Status keep(trust::Pins changed);

  StateFile file_;
  trust::Pins pins_;
  std::string problem_;
  Loop& loop_;
  Timer timer_;
  bool planned_ = false;
  bool written_ = false;  ///< something was given to the disk, which may still be on its way
  bool left_ = false;
  std::chrono::milliseconds rest_{0};  ///< after a large file, the loop must have its time for verdicts
};

}  // namespace tlspool::judge
