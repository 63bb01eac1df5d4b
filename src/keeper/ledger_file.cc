// SPDX-License-Identifier: Apache-2.0
#include "keeper/ledger_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "base/durable.h"
#include "base/log.h"

namespace tlspool::keeper {
namespace {

using sharedkey::Ledger;
using sharedkey::Tombstone;

constexpr std::chrono::seconds between_tries{1};

std::string subject_of(const std::string& path) { return "keeper/" + path; }

Error damaged(const std::string& path, std::string reason) {
  return {Code::protocol, "read the ledger of used keys", subject_of(path), std::move(reason),
          "no one-time key is given out: restore the file from a backup that is not older than the last key that was "
          "used; or remove it together with every one-time key on both sites, and start anew with new keys"};
}

}  // namespace

LedgerFile::LedgerFile(std::string path) : path_(std::move(path)) {}

Status LedgerFile::ready() {
  const std::lock_guard guard(io_);
  return open_locked();
}

Status LedgerFile::open_locked() {
  if (file_.valid() && problem_) return {};
  const auto now = std::chrono::steady_clock::now();
  const bool busy = !problem_ && problem_.error().code == Code::busy;  // asked anew each time: the other keeper may be about to leave
  if (tried_ && (lasting_ || (!busy && now - last_try_ < between_tries))) return problem_;
  tried_ = true;
  last_try_ = now;
  problem_ = create();
  if (problem_) problem_ = take_up();
  if (!problem_) {
    file_.reset();
    log::error("ledger.unusable", {{"problem", problem_.error().text()}});
    return problem_;
  }
  const std::lock_guard memory(memory_);
  usable_ = true;
  return {};
}

Status LedgerFile::create() {
  file_.reset(open(path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file_.valid()) return fail(system_error("open the ledger of used keys", subject_of(path_), errno));
  // When a new executable takes a pool over, the old keeper leaves the file in the same moment.
  int locked = flock(file_.get(), LOCK_EX | LOCK_NB);
  for (int tries = 0; locked != 0 && errno == EWOULDBLOCK && tries < 10; ++tries) {
    const timespec pause{0, 20'000'000};
    nanosleep(&pause, nullptr);
    locked = flock(file_.get(), LOCK_EX | LOCK_NB);
  }
  if (locked != 0) {
    if (errno != EWOULDBLOCK) return fail(system_error("lock the ledger of used keys", subject_of(path_), errno));
    return fail({Code::busy, "lock the ledger of used keys", subject_of(path_), "another keeper uses this directory",
                 "stop the other pool: two pools must not share one directory"});
  }
  return {};
}

Status LedgerFile::take_up() {
  auto content = read_whole(path_);
  if (!content) return fail(std::move(content.error()));
  const ByteView magic = Ledger::magic();
  // A crash while the file was made leaves a beginning of its first bytes; nothing can have been claimed then.
  const bool unborn = content->size() < magic.size() && std::equal(content->begin(), content->end(), magic.begin());
  if (unborn) {
    if (ftruncate(file_.get(), 0) != 0) return fail(system_error("ftruncate", subject_of(path_), errno));
    good_ = 0;
    if (auto done = append(copy_of(magic)); !done) return done;
    log::info("ledger.created", {{"file", subject_of(path_)}});
    return sync_directory_of(path_);
  }
  Ledger fresh;
  auto read = fresh.read(*content);
  if (!read) {
    lasting_ = true;
    return fail(damaged(path_, read.error().reason));
  }
  if (read->good < content->size()) {
    log::warning("ledger.torn", {{"file", subject_of(path_)}, {"bytes", std::to_string(content->size() - read->good)}});
    if (ftruncate(file_.get(), static_cast<off_t>(read->good)) != 0 || fdatasync(file_.get()) != 0) {
      return fail(system_error("cut the torn end off", subject_of(path_), errno));
    }
  }
  good_ = read->good;
  const std::lock_guard memory(memory_);
  ledger_ = std::move(fresh);
  return {};
}

Status LedgerFile::append(const Bytes& records) {
  std::size_t at = 0;
  int trouble = 0;
  while (at < records.size() && trouble == 0) {
    const ssize_t n = write(file_.get(), records.data() + at, records.size() - at);
    if (n > 0) at += static_cast<std::size_t>(n);
    if (n < 0 && errno != EINTR) trouble = errno;
  }
  if (trouble != 0) {
    Error e = system_error("write the ledger of used keys", subject_of(path_), trouble);
    e.advice = "no one-time key is given out until there is room on the disk";
    // Half a record in the middle would make the file a damaged one.
    if (ftruncate(file_.get(), static_cast<off_t>(good_)) != 0) lasting_ = true;
    if (lasting_) problem_ = fail(e);
    return fail(std::move(e));
  }
  if (fdatasync(file_.get()) != 0) {
    // What the kernel has of the file now is anybody's guess, also after a later sync that succeeds.
    Error e = system_error("sync the ledger of used keys", subject_of(path_), errno);
    e.advice = "no one-time key is given out; check the disk, then restart the pool";
    lasting_ = true;
    problem_ = fail(e);
    return fail(std::move(e));
  }
  good_ += records.size();
  return {};
}

void LedgerFile::leave() {
  const std::lock_guard guard(io_);
  tried_ = true;
  lasting_ = true;
  problem_ = fail({Code::busy, "use the ledger of used keys", subject_of(path_), "another keeper has taken it over", "try again"});
  {
    const std::lock_guard memory(memory_);
    usable_ = false;
  }
  file_.reset();
}

bool LedgerFile::claimed(const Tombstone& tombstone) const {
  const std::lock_guard guard(memory_);
  return !usable_ || ledger_.claimed(tombstone);
}

Result<std::vector<bool>> LedgerFile::claim(const std::vector<Tombstone>& tombstones) {
  const std::lock_guard guard(io_);
  if (auto done = open_locked(); !done) return fail(std::move(done.error()));
  std::vector<bool> ours;
  std::set<Tombstone> fresh;
  Bytes records;
  for (const Tombstone& t : tombstones) {
    ours.push_back(!claimed(t) && fresh.insert(t).second);
    if (!ours.back()) continue;
    const Bytes record = Ledger::record_of(t);
    records.insert(records.end(), record.begin(), record.end());
  }
  if (records.empty()) return ours;
  if (auto done = append(records); !done) {
    const std::lock_guard memory(memory_);
    if (lasting_) usable_ = false;
    return fail(std::move(done.error()));
  }
  const std::lock_guard memory(memory_);
  for (const Tombstone& t : fresh) ledger_.claim(t);
  return ours;
}

void LedgerFile::note_claimed(const std::string& store) {
  const std::lock_guard guard(memory_);
  ++claimed_of_[store];
}

std::size_t LedgerFile::claimed_since_start(const std::string& store) const {
  const std::lock_guard guard(memory_);
  const auto at = claimed_of_.find(store);
  return at == claimed_of_.end() ? 0 : at->second;
}

std::size_t LedgerFile::size() const {
  const std::lock_guard guard(memory_);
  return ledger_.size();
}

}  // namespace tlspool::keeper
