// SPDX-License-Identifier: Apache-2.0
#include "transport/wire_bio.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

namespace tlspool::transport {
namespace {

// Gives the memory back, too: most sessions are idle.
void forget(Bytes& bytes, std::size_t& at) {
  bytes = {};
  at = 0;
}

}  // namespace

struct WireBio::Calls {
  static WireBio* self(BIO* bio) { return static_cast<WireBio*>(BIO_get_data(bio)); }

  static int nobody_has_entered() {
    errno = 0;
    ERR_raise_data(ERR_LIB_BIO, BIO_R_UNINITIALIZED, "no session reads or writes now");
    return -1;
  }

  static int read(BIO* bio, char* into, int size) {
    BIO_clear_retry_flags(bio);
    if (self(bio) == nullptr) return nobody_has_entered();
    const int n = self(bio)->read(into, size);
    if (n < 0 && errno == EAGAIN) BIO_set_retry_read(bio);
    return n;
  }

  static int write(BIO* bio, const char* from, int size) {
    BIO_clear_retry_flags(bio);
    if (self(bio) == nullptr) return nobody_has_entered();
    const int n = self(bio)->write(from, size);
    if (n < 0 && errno == EAGAIN) BIO_set_retry_write(bio);
    return n;
  }

  static long control(BIO* bio, int command, long, void*) {
    switch (command) {
      case BIO_CTRL_FLUSH: return 1;  // the owner flushes at the end of each step
      case BIO_CTRL_EOF: return self(bio) != nullptr && self(bio)->ended_ ? 1 : 0;
      default: return 0;
    }
  }

  static BIO_METHOD* method() {
    static BIO_METHOD* const made = [] {
      BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "network");
      if (m == nullptr) return m;
      BIO_meth_set_read(m, &read);
      BIO_meth_set_write(m, &write);
      BIO_meth_set_ctrl(m, &control);
      return m;
    }();
    return made;
  }
};

Records::Records() : bio(BIO_new(WireBio::method())) {
  if (!bio) throw std::bad_alloc();
  BIO_set_init(bio.get(), 1);
}

BIO_METHOD* WireBio::method() { return Calls::method(); }

WireBio::WireBio(SSL* ssl, int socket, Records& records) : socket_(socket), records_(records) {
  BIO* bio = records.bio.get();
  BIO_up_ref(bio);
  SSL_set_bio(ssl, bio, bio);  // takes one reference for both, and frees what was there
  SSL_set_read_ahead(ssl, 0);
}

WireBio::~WireBio() {
  if (BIO_get_data(records_.bio.get()) == this) BIO_set_data(records_.bio.get(), nullptr);
  records_.in_at = records_.in_end = 0;
  records_.out_end = 0;
}

int WireBio::read(char* into, int size) {
  const auto wanted = static_cast<std::size_t>(size);
  if (unread_at_ < unread_.size()) {
    const std::size_t n = std::min(wanted, unread_.size() - unread_at_);
    std::memcpy(into, unread_.data() + unread_at_, n);
    unread_at_ += n;
    in_record_ += n;
    if (unread_at_ == unread_.size()) forget(unread_, unread_at_);
    return static_cast<int>(n);
  }
  if (records_.in_at == records_.in_end) {
    if (const int came = receive(); came <= 0) return came;
  }
  const std::size_t n = std::min(wanted, records_.in_end - records_.in_at);
  std::memcpy(into, records_.in.data() + records_.in_at, n);
  records_.in_at += n;
  in_record_ += n;
  return static_cast<int>(n);
}

int WireBio::receive() {
  if (!may_receive_) {
    errno = EAGAIN;
    return -1;
  }
  may_receive_ = false;
  const std::size_t room = records_.in.size() - std::min(in_record_, records_.in.size() / 2);
  ssize_t n = 0;
  do {
    n = recv(socket_, records_.in.data(), room, MSG_DONTWAIT);
  } while (n < 0 && errno == EINTR);
  records_.in_at = 0;
  records_.in_end = static_cast<std::size_t>(std::max<ssize_t>(n, 0));
  ended_ = n == 0;
  filled_ = records_.in_end == room;
  return static_cast<int>(n);
}

void WireBio::leave() {
  put_by();
  BIO_set_data(records_.bio.get(), nullptr);
}

// The next step of another session needs the buffer.
void WireBio::put_by() {
  if (records_.in_at == records_.in_end) return;
  Bytes left{unread_.begin() + static_cast<std::ptrdiff_t>(unread_at_), unread_.end()};
  left.insert(left.end(), records_.in.data() + records_.in_at, records_.in.data() + records_.in_end);
  unread_ = std::move(left);
  unread_at_ = 0;
  records_.in_at = records_.in_end = 0;
}

// Nothing was written before them, so there is room.
void WireBio::release_first() {
  const Bytes first = std::exchange(first_, {});
  std::copy(first.begin(), first.end(), records_.out.data() + records_.out_end);
  records_.out_end += first.size();
}

int WireBio::write(const char* from, int size) {
  if (holds_first()) release_first();
  const auto count = static_cast<std::size_t>(size);
  if (!blocked() && count > records_.out.size() - records_.out_end && !flush()) return -1;
  if (blocked() || count > records_.out.size()) {
    errno = EAGAIN;
    return -1;
  }
  std::memcpy(records_.out.data() + records_.out_end, from, count);
  records_.out_end += count;
  return size;
}

bool WireBio::flush(Follows follows) {
  const bool old = blocked();
  const std::uint8_t* from = old ? rest_.data() + rest_at_ : records_.out.data();
  const std::size_t count = old ? rest_.size() - rest_at_ : records_.out_end;
  if (count == 0) return true;
  records_.out_end = 0;
  ssize_t n = 0;
  do {
    n = send(socket_, from, count, MSG_NOSIGNAL | MSG_DONTWAIT | (follows == Follows::end ? MSG_MORE : 0));
  } while (n < 0 && errno == EINTR);
  if (n < 0 && errno != EAGAIN) {
    forget(rest_, rest_at_);
    return false;
  }
  const auto taken = static_cast<std::size_t>(std::max<ssize_t>(n, 0));
  if (taken == count) {
    forget(rest_, rest_at_);
  } else if (old) {
    rest_at_ += taken;
  } else {
    rest_ = copy_of({from + taken, count - taken});
  }
  return true;
}

}  // namespace tlspool::transport
