// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <concepts>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/secret.h"

namespace tlspool::wire {

// A message between two processes of the pool is a struct with one function that lists its fields:
//
//   struct SignReply { std::uint32_t key; Bytes signature; };
//   template <class Io> void fields(Io& io, SignReply& m) { io(m.key, m.signature); }
//
// encode() and decode<>() both walk that list, so the two directions can't drift apart. Integers are
// little-endian and fixed in size, strings and lists carry a 32-bit count.

class Writer {
 public:
  template <class... T>
  void operator()(T&... values) {
    (put(values), ...);
  }
  Bytes take() { return std::move(out_); }

 private:
  template <class T>
    requires std::is_integral_v<T> || std::is_enum_v<T>
  void put(T value) {
    append({reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
  }
  void put_bytes(ByteView bytes) {
    put(static_cast<std::uint32_t>(bytes.size()));
    append(bytes);
  }
  void put(std::string& text) { put_bytes(view(text)); }
  void put(Bytes& bytes) { put_bytes(bytes); }
  template <class T>
  void put(std::vector<T>& list) {
    put(static_cast<std::uint32_t>(list.size()));
    for (T& item : list) put(item);
  }
  template <class T>
  void put(std::optional<T>& maybe) {
    put(maybe.has_value());
    if (maybe) put(*maybe);
  }
  template <class T>
    requires std::is_class_v<T>
  void put(T& message) {
    fields(*this, message);
  }
  /// Grows by hand: what a vector leaves behind isn't wiped, and a message may hold a key.
  void append(ByteView more) {
    if (more.size() > out_.capacity() - out_.size()) {
      Bytes larger;
      larger.reserve(std::max<std::size_t>({64, out_.size() + more.size(), 2 * out_.capacity()}));
      larger.assign(out_.begin(), out_.end());
      wipe(out_);
      out_ = std::move(larger);
    }
    out_.insert(out_.end(), more.begin(), more.end());
  }
  Bytes out_;
};

class Reader {
 public:
  explicit Reader(ByteView in) : in_(in) {}
  template <class... T>
  void operator()(T&... values) {
    (get(values), ...);
  }
  /// Everything was there and nothing is left over.
  [[nodiscard]] bool complete() const { return good_ && in_.empty(); }

 private:
  ByteView take(std::size_t size) {
    if (size > in_.size()) {
      good_ = false;
      in_ = {};
      return {};
    }
    const ByteView out = in_.first(size);
    in_ = in_.subspan(size);
    return out;
  }
  template <class T>
    requires std::is_integral_v<T> || std::is_enum_v<T>
  void get(T& value) {
    if (const ByteView raw = take(sizeof value); good_) {
      if constexpr (std::is_same_v<T, bool>) {
        value = raw[0] != 0;
      } else {
        std::memcpy(&value, raw.data(), sizeof value);
      }
    }
  }
  std::uint32_t count() {
    std::uint32_t n = 0;
    get(n);
    if (n > in_.size()) good_ = false;  // every item takes at least a byte
    return good_ ? n : 0;
  }
  void get(std::string& text) { text = std::string(text_of(take(count()))); }
  void get(Bytes& bytes) { bytes = copy_of(take(count())); }
  template <class T>
  void get(std::vector<T>& list) {
    list.clear();
    for (std::uint32_t n = count(); n > 0 && good_; --n) get(list.emplace_back());
  }
  template <class T>
  void get(std::optional<T>& maybe) {
    bool there = false;
    get(there);
    if (there) get(maybe.emplace());
  }
  template <class T>
    requires std::is_class_v<T>
  void get(T& message) {
    fields(*this, message);
  }
  ByteView in_;
  bool good_ = true;
};

template <class T>
[[nodiscard]] Bytes encode(const T& message) {
  Writer writer;
  fields(writer, const_cast<T&>(message));  // the field list is one for both directions; a Writer changes nothing
  return writer.take();
}

template <class T>
[[nodiscard]] Result<T> decode(ByteView bytes) {
  T message{};
  Reader reader(bytes);
  fields(reader, message);
  if (!reader.complete()) return fail({Code::protocol, "decode", "message between processes", "malformed", {}});
  return message;
}

}  // namespace tlspool::wire
