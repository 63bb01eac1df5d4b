// SPDX-License-Identifier: Apache-2.0
#include "judge/http.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/handle.h"
#include "base/text.h"

namespace tlspool::judge {
namespace {

using Easy = std::unique_ptr<CURL, Freed<curl_easy_cleanup>>;
using Multi = std::unique_ptr<CURLM, Freed<curl_multi_cleanup>>;
using List = std::unique_ptr<curl_slist, Freed<curl_slist_free_all>>;

// Of all headers of one reply together, interim replies and redirects included.
constexpr std::size_t most_header_bytes = 64 * 1024;

void add(List& list, const char* line) {
  if (curl_slist* longer = curl_slist_append(list.get(), line)) {
    (void)list.release();  // the same list
    list.reset(longer);
  }
}

// One request. It does not move: libcurl has pointers into it.
struct Transfer {
  std::uint64_t id = 0;
  HttpRequest request;
  Http::OnReply on_reply;
  HttpReply reply;
  List headers;
  List connect_to;
  std::size_t header_bytes = 0;
  bool too_large = false;
  UniqueFd given;        // until it has taken the placeholder's place
  int placeholder = -1;  // libcurl's
  std::function<int()> before_request;
  char problem[CURL_ERROR_SIZE] = {};
  Easy easy;  // last: it goes first
};

std::size_t take_body(char* data, std::size_t, std::size_t size, void* raw) {
  auto* t = static_cast<Transfer*>(raw);
  if (size > t->request.most_bytes - t->reply.body.size()) {
    t->too_large = true;
    return CURL_WRITEFUNC_ERROR;
  }
  t->reply.body.insert(t->reply.body.end(), data, data + size);
  return size;
}

std::size_t take_header(char*, std::size_t, std::size_t size, void* raw) {
  auto* t = static_cast<Transfer*>(raw);
  t->header_bytes += size;
  if (t->header_bytes <= most_header_bytes) return size;
  t->too_large = true;
  return CURL_WRITEFUNC_ERROR;
}

// libcurl 7.88 calls connect() whatever it is told of the socket. So it gets a placeholder, which connects without a packet, and the
// given socket takes its place under the same number before the first byte is sent.
curl_socket_t open_socket(void* raw, curlsocktype, curl_sockaddr*) {
  auto* t = static_cast<Transfer*>(raw);
  t->given = t->request.socket();
  if (!t->given.valid()) return CURL_SOCKET_BAD;
  t->placeholder = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  return t->placeholder;
}

int before_request(void* raw, char*, char*, int, int) { return static_cast<Transfer*>(raw)->before_request(); }

void prepare(Transfer& t) {
  CURL* e = t.easy.get();
  const HttpRequest& r = t.request;
  curl_easy_setopt(e, CURLOPT_PRIVATE, &t);
  curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t.problem);
  curl_easy_setopt(e, CURLOPT_URL, r.url.c_str());
  curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(e, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  curl_easy_setopt(e, CURLOPT_PROXY, "");  // nor one that the environment names
  curl_easy_setopt(e, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, r.redirects > 0 ? 1L : 0L);
  curl_easy_setopt(e, CURLOPT_MAXREDIRS, static_cast<long>(r.redirects));
  curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
  // A request that ends while its name is looked up would wait for that, and with it everybody: the thread is left to end alone.
  curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<std::int64_t>(1, r.deadline.count())));
  curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(std::max<std::int64_t>(1, r.deadline.count())));
  curl_easy_setopt(e, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(std::max<std::size_t>(1, r.most_bytes)));
  curl_easy_setopt(e, CURLOPT_USERAGENT, "tlspool/" TLSPOOL_VERSION);
  curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(e, CURLOPT_WRITEDATA, &t);
  curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(e, CURLOPT_HEADERDATA, &t);
  if (!r.unix_socket.empty()) curl_easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH, r.unix_socket.c_str());
  if (r.socket) {
    add(t.connect_to, "::127.0.0.1:");  // so that no name is looked up
    curl_easy_setopt(e, CURLOPT_CONNECT_TO, t.connect_to.get());
    curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, &t);
    curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, before_request);
    curl_easy_setopt(e, CURLOPT_PREREQDATA, &t);
  }
  for (const std::string& header : r.headers) add(t.headers, header.c_str());
  if (r.body) {
    add(t.headers, "Expect:");  // the body is sent at once
    curl_easy_setopt(e, CURLOPT_POST, 1L);
    curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(r.body->size()));
    curl_easy_setopt(e, CURLOPT_POSTFIELDS, reinterpret_cast<const char*>(r.body->data()));
  }
  curl_easy_setopt(e, CURLOPT_HTTPHEADER, t.headers.get());
}

Code code_of(CURLcode result) {
  switch (static_cast<int>(result)) {
    case CURLE_OPERATION_TIMEDOUT: return Code::timeout;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_LOGIN_DENIED:
    case CURLE_URL_MALFORMAT: return Code::invalid;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR: return Code::certificate;
    case CURLE_SSL_CONNECT_ERROR: return Code::tls;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_WRITE_ERROR:
    case CURLE_FILESIZE_EXCEEDED:
    case CURLE_TOO_MANY_REDIRECTS:
    case CURLE_BAD_CONTENT_ENCODING: return Code::protocol;
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR: return Code::closed;
    default: return Code::io;
  }
}

Result<HttpReply> outcome(Transfer& t, CURLcode result) {
  if (result == CURLE_OK) {
    long status = 0;
    const char* type = nullptr;
    curl_easy_getinfo(t.easy.get(), CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(t.easy.get(), CURLINFO_CONTENT_TYPE, &type);
    t.reply.status = static_cast<int>(status);
    t.reply.content_type = type == nullptr ? "" : printable(type);
    return std::move(t.reply);
  }
  const char* operation = t.request.body ? "HTTP POST" : "HTTP GET";
  const std::string subject = printable(t.request.url);
  if (result == CURLE_FILESIZE_EXCEEDED || t.too_large) {
    const bool headers = t.header_bytes > most_header_bytes;
    return fail({Code::protocol, operation, subject, headers ? "the reply's headers are larger than 64 KiB"
                 : "the reply is larger than " + std::to_string(t.request.most_bytes) + " bytes", {}});
  }
  if (result == CURLE_OPERATION_TIMEDOUT) {
    return fail({Code::timeout, operation, subject, "no complete reply within " + std::to_string(t.request.deadline.count()) + " ms", {}});
  }
  if (t.request.socket && result == CURLE_COULDNT_CONNECT) return fail({Code::closed, operation, subject, "there is no connection", {}});
  return fail({code_of(result), operation, subject, printable(t.problem[0] != 0 ? t.problem : curl_easy_strerror(result)), {}});
}

}  // namespace

struct Http::State {
  explicit State(Loop& loop) : loop(loop), timer(loop) {}
  ~State() {
    for (auto& [id, t] : transfers) curl_multi_remove_handle(multi.get(), t->easy.get());
    transfers.clear();
    // Connections that are kept are closed now, and their polls end by the callback.
    multi.reset();
  }

  static int watch(CURL*, curl_socket_t fd, int what, void* raw, void*) {
    auto* s = static_cast<State*>(raw);
    if (what == CURL_POLL_REMOVE) {
      s->polls.erase(fd);
      return 0;
    }
    auto& poll = s->polls[fd];
    if (!poll) {
      poll = std::make_unique<Poll>(s->loop, fd, [s, fd](int events) {
        s->act(fd, ((events & Poll::readable) != 0 ? CURL_CSELECT_IN : 0) | ((events & Poll::writable) != 0 ? CURL_CSELECT_OUT : 0));
      });
    }
    poll->want(((what & CURL_POLL_IN) != 0 ? Poll::readable : 0) | ((what & CURL_POLL_OUT) != 0 ? Poll::writable : 0));
    return 0;
  }

  static int wake(CURLM*, long milliseconds, void* raw) {
    auto* s = static_cast<State*>(raw);
    if (milliseconds < 0) {
      s->timer.stop();
    } else {
      s->timer.start(std::chrono::milliseconds{milliseconds}, [s] { s->act(CURL_SOCKET_TIMEOUT, 0); });
    }
    return 0;
  }

  int put_in_place(Transfer& t) {
    if (!t.given.valid()) return CURL_PREREQFUNC_OK;  // a connection that is kept
    const auto watched = polls.find(t.placeholder);
    const int wanted = watched == polls.end() ? 0 : watched->second->wanted();
    if (watched != polls.end()) watched->second->want(Poll::none);
    const int flags = fcntl(t.given.get(), F_GETFL);
    const bool done = flags >= 0 && fcntl(t.given.get(), F_SETFL, flags | O_NONBLOCK) == 0 &&
                      dup3(t.given.get(), t.placeholder, O_CLOEXEC) >= 0;
    t.given.reset();
    if (watched != polls.end()) watched->second->want(wanted);
    return done ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
  }

  void act(curl_socket_t fd, int events) {
    int running = 0;
    curl_multi_socket_action(multi.get(), fd, events, &running);
    const std::shared_ptr<State> alive = self.lock();  // a callback may destroy the Http
    while (alive && !ended) {
      int left = 0;
      const CURLMsg* message = curl_multi_info_read(multi.get(), &left);
      if (message == nullptr) return;
      if (message->msg == CURLMSG_DONE) done(message->easy_handle, message->data.result);
    }
  }

  void done(CURL* easy, CURLcode result) {
    Transfer* raw = nullptr;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, reinterpret_cast<char**>(&raw));
    if (raw == nullptr) return;
    const std::unique_ptr<Transfer> t = take(raw->id);
    OnReply on_reply = std::move(t->on_reply);
    on_reply(outcome(*t, result));
  }

  std::unique_ptr<Transfer> take(std::uint64_t id) {
    const auto found = transfers.find(id);
    if (found == transfers.end()) return nullptr;
    std::unique_ptr<Transfer> t = std::move(found->second);
    transfers.erase(found);
    curl_multi_remove_handle(multi.get(), t->easy.get());
    return t;
  }

  Loop& loop;
  std::weak_ptr<State> self;
  bool ended = false;
  std::uint64_t last = 0;
  std::map<curl_socket_t, std::unique_ptr<Poll>> polls;
  Timer timer;
  Multi multi;
  std::map<std::uint64_t, std::unique_ptr<Transfer>> transfers;
};

Http::Http(Loop& loop, std::size_t connections) : state_(std::make_shared<State>(loop)) {
  // Once a process; libcurl counts. It reads OpenSSL's configuration.
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  (void)ready;
  state_->self = state_;
  state_->multi.reset(curl_multi_init());
  CURLM* m = state_->multi.get();
  curl_multi_setopt(m, CURLMOPT_SOCKETFUNCTION, State::watch);
  curl_multi_setopt(m, CURLMOPT_SOCKETDATA, state_.get());
  curl_multi_setopt(m, CURLMOPT_TIMERFUNCTION, State::wake);
  curl_multi_setopt(m, CURLMOPT_TIMERDATA, state_.get());
  curl_multi_setopt(m, CURLMOPT_MAX_TOTAL_CONNECTIONS, static_cast<long>(connections));
  curl_multi_setopt(m, CURLMOPT_MAXCONNECTS, static_cast<long>(connections));
}

Http::~Http() { state_->ended = true; }

Http::Cancel Http::send(HttpRequest request, OnReply on_reply) {
  auto t = std::make_unique<Transfer>();
  t->request = std::move(request);
  t->on_reply = std::move(on_reply);
  t->easy.reset(curl_easy_init());
  prepare(*t);
  CURL* easy = t->easy.get();
  const std::uint64_t id = t->id = ++state_->last;
  t->before_request = [state = state_.get(), raw = t.get()] { return state->put_in_place(*raw); };
  state_->transfers[id] = std::move(t);
  curl_multi_add_handle(state_->multi.get(), easy);  // starts by the timer, from the loop
  return [weak = std::weak_ptr(state_), id] {
    if (const auto state = weak.lock()) (void)state->take(id);
  };
}

}  // namespace tlspool::judge
