// SPDX-License-Identifier: Apache-2.0
#include "cli/top.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/output.h"

namespace tlspool::cli {
namespace {

using Clock = std::chrono::steady_clock;

volatile sig_atomic_t told_to_end = 0;

struct Size {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

/// The screen of a terminal while it is ours: keys come one by one and unseen, and what stood there before comes back.
class Screen {
 public:
  Screen() {
    struct sigaction action {};
    action.sa_handler = [](int) { told_to_end = 1; };
    for (const int number : {SIGTERM, SIGHUP, SIGINT}) sigaction(number, &action, nullptr);
    tcgetattr(STDIN_FILENO, &before_);
    termios now = before_;
    now.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    tcsetattr(STDIN_FILENO, TCSANOW, &now);
    print("\x1b[?1049h\x1b[?25l");
  }
  ~Screen() {
    print("\x1b[?25h\x1b[?1049l");
    std::fflush(stdout);
    tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  [[nodiscard]] static Size size() {
    winsize w{};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_col == 0 || w.ws_row == 0) return {};
    return {w.ws_col, w.ws_row};
  }
  static void show(const std::vector<std::string>& lines) {
    std::string out = "\x1b[H";
    for (std::size_t i = 0; i < lines.size(); ++i) out += (i == 0 ? "" : "\r\n") + lines[i] + "\x1b[K";
    print(out + "\x1b[J");
    std::fflush(stdout);
  }

 private:
  termios before_{};
};

/// The key that was pressed by then; 0: none.
char key_before(Clock::time_point until) {
  while (told_to_end == 0) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    if (left <= 0) return 0;
    pollfd input{STDIN_FILENO, POLLIN, 0};
    const int n = ::poll(&input, 1, static_cast<int>(left));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return 0;
    char key = 0;
    return read(STDIN_FILENO, &key, 1) == 1 ? key : 'q';  // who closed the terminal has left
  }
  return 'q';
}

TopSort after(TopSort sort) { return static_cast<TopSort>((static_cast<int>(sort) + 1) % (static_cast<int>(TopSort::peer) + 1)); }

Status watch(TopSource& source, std::chrono::milliseconds every) {
  auto first = source.look();
  if (!first) return fail(std::move(first.error()));
  const Screen screen;
  std::optional<TopLook> before;
  std::optional<TopLook> last = std::move(*first);
  std::string problem;
  TopSort sort = TopSort::rate;
  while (true) {
    const Size size = Screen::size();
    auto lines = top_lines(compare(before ? &*before : nullptr, *last, sort), size.columns, size.rows - 1, sort);
    lines.push_back((problem.empty() ? "q: quit   s: sort by something else" : printable(problem, size.columns)).substr(0, size.columns));
    Screen::show(lines);
    const auto next = Clock::now() + every;
    bool again = false;
    while (!again) {
      switch (key_before(next)) {
        case 'q':
        case 'Q':
        case '\x04': return {};
        case 's':
          sort = after(sort);
          again = true;
          break;
        case 0: {
          auto now = source.look();
          // A daemon that is being started again is waited for.
          problem = now ? std::string{} : now.error().text();
          if (now) {
            before = std::move(last);
            last = std::move(*now);
          }
          again = true;
          break;
        }
        default: break;
      }
    }
  }
}

Status write_down(TopSource& source, const TopOptions& options) {
  auto before = source.look();
  if (!before) return fail(std::move(before.error()));
  while (true) {
    const auto until = Clock::now() + options.every;
    for (auto left = until - Clock::now(); left.count() > 0; left = until - Clock::now()) {
      ::poll(nullptr, 0, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count()));
    }
    auto now = source.look();
    if (!now) return fail(std::move(now.error()));
    const TopView view = compare(&*before, *now, TopSort::rate);
    if (options.output == Output::json) {
      print_json(top_json(view));
    } else {
      for (const std::string& line : top_lines(view, 1000, 1000, TopSort::rate)) print(line + "\n");
    }
    std::fflush(stdout);
    if (options.times == TopOptions::Times::once || std::ferror(stdout) != 0) return {};
    before = std::move(now);
  }
}

}  // namespace

Status top(const TopOptions& options) {
  auto paths = config::find_pool(options.pool);
  if (!paths) return fail(paths.error());
  TopSource source(std::move(*paths));
  const bool screen = options.times == TopOptions::Times::again && options.output == Output::text && isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1;
  return screen ? watch(source, options.every) : write_down(source, options);
}

}  // namespace tlspool::cli
