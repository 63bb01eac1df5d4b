// SPDX-License-Identifier: Apache-2.0
// The lists of revoked certificates that the judge has: from files, and fetched from where they are published.
#pragma once
#include <ctime>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "judge/background.h"
#include "judge/http.h"
#include "trust/crl.h"
#include "wire/revocation_setup.h"

namespace tlspool::judge {

/// A list in memory.
class KeptList {
 public:
  enum class Standing {
    good,     ///< the issuer has signed it
    refused,  ///< it has not
    waits,    ///< that is being found out
  };
  explicit KeptList(trust::Crl crl) : crl_(std::move(crl)) {}
  /// Not while it waits: another thread has it then.
  [[nodiscard]] const trust::Crl& crl() const { return crl_; }
  [[nodiscard]] bool busy() const { return !waiting_.empty(); }
  [[nodiscard]] const std::shared_ptr<X509>& issuer() const { return issuer_; }

 private:
  friend class Lists;
  trust::Crl crl_;
  std::shared_ptr<X509> issuer_;                ///< who signed it, once that is known
  std::map<Bytes, std::string> refused_;        ///< by the key of an issuer: why not
  std::vector<std::function<void()>> waiting_;
  std::string keep_at_;                         ///< where it outlives the process once it is verified; empty: nowhere
};
using ListPtr = std::shared_ptr<KeptList>;

class Lists {
 public:
  Lists(Loop& loop, std::string state);
  /// Takes effect at once; lists that are in memory stay there.
  void set(const wire::RevocationSetup& setup);

  using Found = Result<std::vector<ListPtr>>;
  /// What is published at `url`: `on_found` is called once, maybe at once. One that is in date serves while a newer one is fetched;
  /// all who wait for a URL share one request.
  void want(const std::string& url, std::function<void(const Found&)> on_found);
  /// The same of the file at `path`, which is read again when it has changed.
  void want_file(const std::string& path, std::function<void(const Found&)> on_found);

  /// Whether `issuer` has signed it. `refusal` says why not. Where it must wait, `on_known` is called once, later.
  [[nodiscard]] KeptList::Standing standing(const ListPtr& list, X509* issuer, std::string& refusal, std::function<void()> on_known);

 private:
  struct Source {
    std::vector<ListPtr> lists;
    std::string problem;             ///< of the last attempt
    std::int64_t tried = 0;
    bool under_way = false;
    bool disk_tried = false;
    std::int64_t used = 0;
    std::string stamp;               ///< of a file: changes with it
    std::vector<std::function<void(const Found&)>> waiting;
  };
  struct Reading;
  [[nodiscard]] static bool serves(const Source& source);
  [[nodiscard]] static Found found(const Source& source);
  void wait();
  void renew(const std::string& url, Source& source);
  void fetch(const std::string& url);
  void read(const std::shared_ptr<Reading>& reading);
  void settle(Source& source, const std::shared_ptr<Reading>& reading);
  void answer(Source& source);
  void make_room();
  [[nodiscard]] std::string place_of(const std::string& url) const;

  std::string state_;
  std::size_t list_bytes_ = 0;
  std::chrono::milliseconds deadline_{0};
  std::map<std::string, Source> urls_;   ///< settled ones go when there are too many
  std::map<std::string, Source> files_;
  Timer timer_;
  Http http_;
  Background background_;
};

}  // namespace tlspool::judge
