// SPDX-License-Identifier: Apache-2.0
#include "judge/lists.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "base/log.h"
#include "base/text.h"
#include "judge/moment.h"
#include "judge/shared_certificate.h"
#include "judge/small_files.h"
#include "tls/openssl.h"

namespace tlspool::judge {
namespace {

constexpr std::size_t connections = 8;
constexpr std::uint32_t most_redirects = 2;
constexpr std::int64_t pause_after_failure = 30;   // seconds
constexpr std::int64_t pause_between_renewals = 60;
constexpr std::int64_t idle = 24 * 60 * 60;        // what nobody asks for is not renewed
constexpr std::size_t most_sources = 1024;
constexpr std::chrono::seconds tick{60};

// Three quarters of its time are over.
bool ages(const trust::Crl& crl, std::int64_t at) {
  return at >= crl.this_update() + (crl.next_update() - crl.this_update()) / 4 * 3;
}

Error with_status(const std::string& url, int status) {
  return {Code::protocol, "HTTP GET", printable(url), "the server answers with status " + std::to_string(status), {}};
}

}  // namespace

// A list on its way into memory. The background has it while it is read.
struct Lists::Reading {
  std::string source;  ///< URL or path
  bool is_file = false;
  bool from_disk = false;
  std::string path;    ///< to read from; empty: `text` is there
  std::string keep_at; ///< where it is written to, once its issuer is known to have signed it
  std::shared_ptr<X509> issuer;  ///< who signed the one before
  std::size_t most_bytes = 0;
  Bytes text;
  Result<std::vector<trust::Crl>> lists{std::vector<trust::Crl>{}};
};

Lists::Lists(Loop& loop, std::string state) : state_(std::move(state)), timer_(loop), http_(loop, connections), background_(loop) {
  wait();
}

void Lists::wait() {
  timer_.start(tick, [this] {
    for (auto& [url, source] : urls_) {
      if (!source.lists.empty() && source.used > now() - idle) renew(url, source);
    }
    wait();
  });
}

void Lists::set(const wire::RevocationSetup& setup) {
  list_bytes_ = setup.list_bytes;
  deadline_ = std::chrono::milliseconds{setup.deadline_ms};
}

std::string Lists::place_of(const std::string& url) const {
  return state_.empty() ? "" : state_ + "/lists/" + hex(tls::sha256(view(url))) + ".crl";
}

bool Lists::serves(const Source& source) {
  return std::ranges::any_of(source.lists, [](const ListPtr& list) {
    const bool forged = list->issuer_ == nullptr && !list->refused_.empty();
    return !forged && list->crl_.out_of_date(now()).empty();
  });
}

Lists::Found Lists::found(const Source& source) {
  if (!source.lists.empty()) return source.lists;
  return fail({Code::not_found, "", "", source.problem, {}});
}

void Lists::want(const std::string& url, std::function<void(const Found&)> on_found) {
  if (!urls_.contains(url)) make_room();
  Source& source = urls_[url];
  source.used = now();
  if (serves(source)) {
    renew(url, source);
    return on_found(found(source));
  }
  if (!source.under_way && now() < source.tried + pause_after_failure) return on_found(found(source));
  source.waiting.push_back(std::move(on_found));
  if (source.under_way) return;
  source.under_way = true;
  if (std::exchange(source.disk_tried, true) || state_.empty()) return fetch(url);
  auto reading = std::make_shared<Reading>();
  reading->source = url;
  reading->from_disk = true;
  reading->path = place_of(url);
  read(reading);
}

// While there is one that serves, nobody waits for the next.
void Lists::renew(const std::string& url, Source& source) {
  const bool due = std::ranges::any_of(source.lists, [](const ListPtr& list) { return ages(list->crl_, now()); });
  if (!due || source.under_way || now() < source.tried + pause_between_renewals) return;
  source.under_way = true;
  fetch(url);
}

void Lists::fetch(const std::string& url) {
  HttpRequest request;
  request.url = url;
  request.most_bytes = list_bytes_;
  request.deadline = deadline_;
  request.redirects = most_redirects;
  (void)http_.send(std::move(request), [this, url](Result<HttpReply> reply) {
    auto reading = std::make_shared<Reading>();
    reading->source = url;
    if (reply && reply->status == 200) {
      reading->text = std::move(reply->body);
      reading->keep_at = place_of(url);
      for (const ListPtr& list : urls_[url].lists) reading->issuer = list->issuer_;
      return read(reading);
    }
    reading->lists = fail(reply ? with_status(url, reply->status) : std::move(reply.error()));
    settle(urls_[url], reading);
  });
}

void Lists::want_file(const std::string& path, std::function<void(const Found&)> on_found) {
  Source& source = files_[path];
  struct stat info{};
  const bool there = stat(path.c_str(), &info) == 0;
  const std::string stamp =
      there ? fmt::format("{}.{} {} {}", info.st_mtim.tv_sec, info.st_mtim.tv_nsec, info.st_ino, info.st_size) : std::string();
  if (!there && !source.under_way) {
    source.lists.clear();
    source.problem = path + ": " + system_error("", "", errno).reason;
    source.stamp.clear();
  } else if (stamp != source.stamp && !source.under_way) {
    source.under_way = true;
    source.stamp = stamp;
    auto reading = std::make_shared<Reading>();
    reading->source = reading->path = path;
    reading->is_file = true;
    read(reading);
  }
  if (!source.under_way || serves(source)) return on_found(found(source));
  source.waiting.push_back(std::move(on_found));
}

void Lists::read(const std::shared_ptr<Reading>& reading) {
  reading->most_bytes = list_bytes_;
  const auto work = [reading] {
    if (!reading->path.empty()) {
      auto text = read_small_file(reading->path, reading->most_bytes);
      if (!text) {
        if (text.error().code == Code::invalid) text.error().advice = "raise list_bytes in [revocation] if it is meant to be";
        reading->lists = fail(std::move(text.error()));
        return;
      }
      reading->text = std::move(*text);
    }
    reading->lists = trust::Crl::read(reading->text, reading->most_bytes, printable(reading->source));
    reading->text = {};
    if (!reading->lists || !reading->issuer) return;
    for (trust::Crl& list : *reading->lists) {
      const Bytes der = list.der();
      if (auto good = list.verify(reading->issuer.get()); !good) {
        reading->lists = fail(std::move(good.error()));
        return;
      }
      if (!reading->keep_at.empty()) write_small_file(reading->keep_at, der);
    }
  };
  background_.run(work, [this, reading] {
    auto& sources = reading->is_file ? files_ : urls_;
    if (const auto source = sources.find(reading->source); source != sources.end()) settle(source->second, reading);
  });
}

void Lists::settle(Source& source, const std::shared_ptr<Reading>& reading) {
  if (reading->from_disk) {
    // What was kept serves only if it is still in date; else it is fetched, and nobody needs to know.
    const bool good = reading->lists && std::ranges::all_of(*reading->lists, [](const trust::Crl& l) { return l.out_of_date(now()).empty(); });
    if (!good) return fetch(reading->source);
  } else {
    source.tried = now();
  }
  source.under_way = false;
  source.problem.clear();
  if (!reading->lists) {
    source.problem = reading->lists.error().text();
    log::warning("revocation.no_list", {{"from", printable(reading->source)}, {"problem", source.problem}});
    if (reading->is_file) source.lists.clear();
    return answer(source);
  }
  // Whoever stands between us and the server may send one from yesterday.
  const bool older = !reading->is_file && !source.lists.empty() && source.lists.front()->issuer_ != nullptr &&
                     reading->lists->front().this_update() < source.lists.front()->crl_.this_update();
  if (older) {
    source.problem = printable(reading->source) + ": it is older than the list that is here";
    log::warning("revocation.no_list", {{"from", printable(reading->source)}, {"problem", source.problem}});
    return answer(source);
  }
  source.lists.clear();
  for (trust::Crl& crl : *reading->lists) {
    log::info("revocation.list", {{"from", printable(reading->source)}, {"revoked", std::to_string(crl.count())}});
    auto list = std::make_shared<KeptList>(std::move(crl));
    list->issuer_ = reading->issuer;
    if (!reading->is_file) list->keep_at_ = place_of(reading->source);
    source.lists.push_back(std::move(list));
  }
  answer(source);
}

void Lists::answer(Source& source) {
  const Found what = found(source);
  auto waiting = std::exchange(source.waiting, {});
  for (const auto& on_found : waiting) on_found(what);
}

KeptList::Standing Lists::standing(const ListPtr& list, X509* issuer, std::string& refusal, std::function<void()> on_known) {
  if (!list->busy() && list->crl_.verified_by(issuer)) return KeptList::Standing::good;
  const Bytes key = tls::spki_digest(issuer);
  if (const auto known = list->refused_.find(key); known != list->refused_.end()) {
    refusal = known->second;
    return KeptList::Standing::refused;
  }
  const bool first = !list->busy();
  list->waiting_.push_back(std::move(on_known));
  if (!first) return KeptList::Standing::waits;
  const auto problem = std::make_shared<std::string>();
  const auto signer = shared(issuer);
  const auto work = [list, signer, problem] {
    const Bytes der = list->crl_.der();
    const auto good = list->crl_.verify(signer.get());
    if (!good) *problem = good.error().text();
    if (good && !der.empty() && !list->keep_at_.empty()) write_small_file(list->keep_at_, der);
  };
  background_.run(work, [list, signer, problem, key] {
    if (problem->empty()) {
      list->issuer_ = signer;
    } else {
      log::warning("revocation.list_refused", {{"problem", *problem}});
      list->refused_[key] = *problem;
    }
    auto waiting = std::exchange(list->waiting_, {});
    for (const auto& known : waiting) known();
  });
  return KeptList::Standing::waits;
}

void Lists::make_room() {
  while (true) {
    std::size_t size = 0;
    auto oldest = urls_.end();
    for (auto i = urls_.begin(); i != urls_.end(); ++i) {
      for (const ListPtr& list : i->second.lists) size += list->busy() ? 0 : list->crl_.size();
      if (!i->second.under_way && (oldest == urls_.end() || i->second.used < oldest->second.used)) oldest = i;
    }
    if ((urls_.size() < most_sources && size <= 8 * list_bytes_) || oldest == urls_.end()) return;
    urls_.erase(oldest);
  }
}

}  // namespace tlspool::judge
