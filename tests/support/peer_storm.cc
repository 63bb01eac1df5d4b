// SPDX-License-Identifier: Apache-2.0
// Connections between two pools whose programs are peers of each other, many at a time, with somebody in the middle who cuts
// what they send into segments of any size and delays them. Each must end with one client, one server, and bytes both ways.
//
//   peer_storm SOCKET-A SOCKET-B RUNS SEED VERSION [FIRST]
//
// a.example is in the pool A, b.example in B. A run follows from the seed and its number alone, but for what the machine does;
// `peer_storm A B 1 SEED VERSION FIRST` repeats one. Writes a summary as JSON; 1: a run failed, which is described.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <random>
#include <string>

#include "base/bytes.h"
#include "base/fd.h"
#include "loop/loop.h"
#include "wire/json.h"

using namespace tlspool;
using std::chrono::milliseconds;

namespace {

constexpr int at_once = 128;
using Random = std::mt19937;

std::size_t chance(Random& random, std::size_t from, std::size_t to) { return std::uniform_int_distribution<std::size_t>(from, to)(random); }

[[noreturn]] void broken(const std::string& what) {
  std::fprintf(stderr, "peer_storm: %s: %s\n", what.c_str(), std::strerror(errno));
  std::_Exit(2);
}

/// A call at a time on one control socket.
class Control {
 public:
  using OnAnswer = std::function<void(wire::Value answer, UniqueFd plain)>;

  Control(Loop& loop, const std::string& path) : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) broken(path);
    fcntl(socket_.get(), F_SETFL, O_NONBLOCK);
    poll_ = std::make_unique<Poll>(loop, socket_.get(), [this](int) { readable(); });
    poll_->want(Poll::readable);
  }

  void call(const wire::Value& message, UniqueFd descriptor, OnAnswer on_answer) {
    on_answer_ = std::move(on_answer);
    const std::string text = to_json(message) + '\0';
    iovec part{const_cast<char*>(text.data()), text.size()};
    alignas(cmsghdr) char room[CMSG_SPACE(sizeof(int))]{};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = room;
    header.msg_controllen = sizeof room;
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    const int fd = descriptor.get();
    std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    if (sendmsg(socket_.get(), &header, MSG_NOSIGNAL) != static_cast<ssize_t>(text.size())) broken("send a call");
  }

 private:
  void readable() {
    char data[65536];
    iovec part{data, sizeof data};
    alignas(cmsghdr) char room[CMSG_SPACE(sizeof(int))]{};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = room;
    header.msg_controllen = sizeof room;
    const ssize_t n = recvmsg(socket_.get(), &header, MSG_CMSG_CLOEXEC);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) broken("the pool closed a control connection");
    if (const cmsghdr* rights = CMSG_FIRSTHDR(&header); rights != nullptr && rights->cmsg_type == SCM_RIGHTS) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(rights), sizeof fd);
      descriptor_.reset(fd);
    }
    input_.append(data, static_cast<std::size_t>(n));
    if (input_.back() != '\0') return;
    input_.pop_back();
    auto answer = wire::parse_json(input_);
    input_.clear();
    if (!answer) broken("an answer that does not parse");
    std::exchange(on_answer_, nullptr)(std::move(*answer), std::move(descriptor_));
  }

  UniqueFd socket_;
  std::unique_ptr<Poll> poll_;
  std::string input_;
  UniqueFd descriptor_;
  OnAnswer on_answer_;
};

/// Moves bytes from one TCP socket to another, in segments and with delays of its own.
class Way {
 public:
  Way(Loop& loop, int from, int to, Random& random) : loop_(loop), from_(from), to_(to), random_(random()), timer_(loop) {
    constexpr std::size_t longest[] = {1, 7, 60, 600, 65536};
    const std::size_t kind = chance(random_, 0, 99);
    longest_ = longest[kind < 2 ? 0 : kind < 12 ? 1 : kind < 40 ? 2 : kind < 70 ? 3 : 4];
    constexpr std::size_t delays[] = {0, 1, 4, 10, 20};
    delay_ = delays[chance(random_, 0, 4)];
  }

  void readable() {
    std::uint8_t data[16384];
    ssize_t n = 0;
    while ((n = recv(from_, data, sizeof data, MSG_DONTWAIT)) > 0) cut({data, static_cast<std::size_t>(n)});
    ended_ = n == 0 || (errno != EAGAIN && errno != EINTR);
    send_due();
  }
  [[nodiscard]] bool ended() const { return ended_; }
  /// Whether a ClientHello came first.
  [[nodiscard]] bool hello() const { return first_.size() > 5 && first_[0] == 22 && first_[5] == 1; }
  [[nodiscard]] std::string text() const { return std::to_string(longest_) + " bytes, " + std::to_string(delay_) + " ms"; }

 private:
  struct Segment {
    Bytes bytes;
    std::uint64_t due;
  };

  // Small segments for what decides: the hello, and a little behind it.
  void cut(ByteView bytes) {
    constexpr std::size_t in_pieces = 700;
    for (std::size_t i = 0; i < bytes.size() && first_.size() < 6; ++i) first_.push_back(bytes[i]);
    std::uint64_t due = segments_.empty() ? loop_.now() : segments_.back().due;
    due = std::max(due, loop_.now());
    if (seen_ == 0) due += delay_;  // time for the other side's hello to set out
    while (!bytes.empty()) {
      const std::size_t most = seen_ < in_pieces ? longest_ : 65536;
      const std::size_t n = std::min(bytes.size(), chance(random_, 1, most));
      // A delay now and then, or one-byte segments would take for ever.
      if (delay_ > 0 && (most > 100 || chance(random_, 0, 30) == 0)) due += chance(random_, 0, delay_);
      segments_.push_back({copy_of(bytes.first(n)), due});
      bytes = bytes.subspan(n);
      seen_ += n;
    }
  }

  void send_due() {
    while (!segments_.empty()) {
      const Segment& next = segments_.front();
      if (next.due > loop_.now()) {
        timer_.start(milliseconds{next.due - loop_.now()}, [this] { send_due(); });
        return;
      }
      // What is not taken at once: nothing of this is larger than what a socket's buffer holds.
      if (send(to_, next.bytes.data(), next.bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EAGAIN) broken("the network is full");
      segments_.pop_front();
    }
  }

  Loop& loop_;
  int from_;
  int to_;
  Random random_;
  Timer timer_;
  std::deque<Segment> segments_;
  std::size_t longest_;
  std::size_t delay_;
  std::size_t seen_ = 0;
  Bytes first_;
  bool ended_ = false;
};

class TcpPairs {
 public:
  TcpPairs() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address_;
    auto* address = reinterpret_cast<sockaddr*>(&address_);
    if (bind(listener_.get(), address, size) != 0 || listen(listener_.get(), 16) != 0 || getsockname(listener_.get(), address, &size) != 0) broken("listen");
  }

  std::pair<UniqueFd, UniqueFd> make() {
    UniqueFd near{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (connect(near.get(), reinterpret_cast<const sockaddr*>(&address_), sizeof address_) != 0) broken("connect");
    UniqueFd far{accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (!far.valid()) broken("accept");
    const int on = 1;
    setsockopt(far.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return {std::move(near), std::move(far)};
  }

 private:
  UniqueFd listener_;
  sockaddr_in address_{};
};

struct Storm {
  Loop loop;
  TcpPairs pairs;
  std::string sockets[2];
  std::string version;
  std::uint32_t seed = 0;
  int next = 0;
  int end = 0;
  int done = 0;
  int first_is_client = 0;
  int met = 0;  // both sent a hello
  int listened = 0;
  int resumed = 0;
};

class Run {
 public:
  Run(Storm& storm, Control& a, Control& b, int number, std::function<void()> on_done)
      : storm_(storm), number_(number), on_done_(std::move(on_done)), random_(storm.seed + static_cast<std::uint32_t>(number) * 2654435761U) {
    sides_[0].control = &a;
    sides_[1].control = &b;
    for (int i : {0, 1}) {
      auto [near, far] = storm.pairs.make();
      sides_[i].network = std::move(near);
      sides_[i].far = std::move(far);
    }
    for (int i : {0, 1}) {
      Side& side = sides_[i];
      side.way = std::make_unique<Way>(storm.loop, side.far.get(), sides_[1 - i].far.get(), random_);
      side.relay = std::make_unique<Poll>(storm.loop, side.far.get(), [&side](int) {
        side.way->readable();
        if (side.way->ended()) side.relay->want(Poll::none);
      });
      side.relay->want(Poll::readable);
    }
    // Both at once, one later, or one that listens only.
    if (chance(random_, 0, 9) == 0) listens_ = static_cast<int>(chance(random_, 0, 1));
    fresh_ = chance(random_, 0, 2) == 0;
    const int later = static_cast<int>(chance(random_, 0, 1));
    start(1 - later);
    constexpr std::size_t delays[] = {0, 0, 0, 0, 1, 3, 40};
    late_by_ = delays[chance(random_, 0, 6)];
    if (late_by_ == 0) {
      start(later);
      return;
    }
    timer_ = std::make_unique<Timer>(storm.loop);
    timer_->start(milliseconds{late_by_}, [this, later] { start(later); });
  }

 private:
  struct Side {
    Control* control = nullptr;
    UniqueFd network;
    UniqueFd far;
    UniqueFd plain;
    std::unique_ptr<Way> way;
    std::unique_ptr<Poll> relay;
    std::unique_ptr<Poll> reader;
    std::string sent;
    std::string received;
    wire::Value answer;
  };

  void start(int i) {
    static const std::string names[] = {"a.example", "b.example"};
    wire::Value parameters = wire::Value::object();
    parameters.set("fileDescriptor", 0).set("role", "peer").set("localIdentity", names[i]).set("remoteIdentity", names[1 - i]);
    if (fresh_) parameters.set("service", "run " + std::to_string(number_));
    if (i == listens_) parameters.set("helloDelayMs", 600000);
    wire::Value call = wire::Value::object();
    call.set("method", "io.tlspool.Pool.StartTLS").set("parameters", std::move(parameters));
    sides_[i].control->call(call, std::move(sides_[i].network), [this, i](wire::Value answer, UniqueFd plain) {
      sides_[i].answer = std::move(answer);
      sides_[i].plain = std::move(plain);
      if (!sides_[0].answer.is_null() && !sides_[1].answer.is_null()) started();
    });
  }

  [[nodiscard]] wire::Value session(int i) const {
    const wire::Value* parameters = sides_[i].answer.find("parameters");
    const wire::Value* session = parameters == nullptr ? nullptr : parameters->find("session");
    return session == nullptr ? wire::Value{} : *session;
  }

  void started() {
    const std::string roles[] = {session(0).text("role"), session(1).text("role")};
    const bool opposite = (roles[0] == "client" && roles[1] == "server") || (roles[0] == "server" && roles[1] == "client");
    if (!opposite || !sides_[0].plain.valid() || !sides_[1].plain.valid()) return failed("no client and server came of it");
    if (listens_ >= 0 && roles[listens_] != "server") return failed("who only listens is no server");
    for (int i : {0, 1}) {
      if (session(i).text("version") != storm_.version) return failed("another version");
      if (session(i).text("remoteIdentity") != (i == 0 ? "b.example" : "a.example")) return failed("another identity");
    }
    storm_.first_is_client += roles[0] == "client" ? 1 : 0;
    storm_.met += sides_[0].way->hello() && sides_[1].way->hello() ? 1 : 0;
    storm_.listened += listens_ >= 0 ? 1 : 0;
    storm_.resumed += session(0).flag("resumed") ? 1 : 0;
    for (int i : {0, 1}) {
      Side& side = sides_[i];
      side.sent.resize(chance(random_, 1, 3000));
      for (char& c : side.sent) c = static_cast<char>(random_());
      const int fd = side.plain.get();
      fcntl(fd, F_SETFL, O_NONBLOCK);
      side.reader = std::make_unique<Poll>(storm_.loop, fd, [this, i](int) { read(i); });
      side.reader->want(Poll::readable);
      if (send(fd, side.sent.data(), side.sent.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(side.sent.size())) return failed("it takes no bytes");
    }
  }

  void read(int i) {
    Side& side = sides_[i];
    char data[4096];
    const ssize_t n = recv(side.plain.get(), data, sizeof data, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return failed("the connection ended");
    side.received.append(data, static_cast<std::size_t>(n));
    if (!sides_[1 - i].sent.starts_with(side.received)) return failed("other bytes came");
    if (sides_[0].received == sides_[1].sent && sides_[1].received == sides_[0].sent) on_done_();
  }

  void failed(const std::string& what) const {
    std::fprintf(stderr, "run %d, seed %u: %s\nlate by %zu ms, %d listens; a to b: %s; b to a: %s\na: %s\nb: %s\n", number_, storm_.seed, what.c_str(),
                 late_by_, listens_, sides_[0].way->text().c_str(), sides_[1].way->text().c_str(), to_json(sides_[0].answer).c_str(),
                 to_json(sides_[1].answer).c_str());
    std::_Exit(1);
  }

  Storm& storm_;
  int number_;
  std::function<void()> on_done_;
  Random random_;
  Side sides_[2];
  std::unique_ptr<Timer> timer_;
  std::size_t late_by_ = 0;
  int listens_ = -1;
  bool fresh_ = false;  // no ticket of another run is good for it
};

/// One run after the other.
class Slot {
 public:
  explicit Slot(Storm& storm) : storm_(storm), a_(storm.loop, storm.sockets[0]), b_(storm.loop, storm.sockets[1]), again_(storm.loop) { go(); }

 private:
  void go() {
    run_.reset();
    if (storm_.next == storm_.end) {
      if (storm_.done == storm_.end) storm_.loop.stop();
      return;
    }
    run_ = std::make_unique<Run>(storm_, a_, b_, storm_.next++, [this] {
      ++storm_.done;
      again_.start(milliseconds{0}, [this] { go(); });  // not from within what ends
    });
  }

  Storm& storm_;
  Control a_;
  Control b_;
  Timer again_;
  std::unique_ptr<Run> run_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) return 2;
  Storm storm;
  storm.sockets[0] = argv[1];
  storm.sockets[1] = argv[2];
  const int runs = std::atoi(argv[3]);
  storm.seed = static_cast<std::uint32_t>(std::strtoul(argv[4], nullptr, 10));
  storm.version = argv[5];
  storm.next = storm.done = argc > 6 ? std::atoi(argv[6]) : 0;
  storm.end = storm.next + runs;
  std::vector<std::unique_ptr<Slot>> slots;
  for (int i = 0; i < std::min(at_once, runs); ++i) slots.push_back(std::make_unique<Slot>(storm));
  storm.loop.run();
  slots.clear();
  std::printf(R"({"runs":%d,"firstIsClient":%d,"met":%d,"listened":%d,"resumed":%d})" "\n", runs, storm.first_is_client, storm.met, storm.listened, storm.resumed);
  return 0;
}
