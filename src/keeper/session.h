// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "keeper/module.h"
#include "keeper/uri.h"

namespace tlspool::keeper {

/// A slot with the token in it.
struct Slot {
  CK_SLOT_ID id = 0;
  CK_TOKEN_INFO info{};
  [[nodiscard]] std::string label() const { return padded_text({info.label, sizeof info.label}); }
  [[nodiscard]] std::string model() const { return padded_text({info.model, sizeof info.model}); }
  [[nodiscard]] std::string serial() const { return padded_text({info.serialNumber, sizeof info.serialNumber}); }
};

/// What C_Login said, with the form of the PIN where the token is of a kind that wants one.
[[nodiscard]] Error login_error(const Slot& slot, CK_RV rv, const std::string& subject);

/// Every token that is there now.
[[nodiscard]] Result<std::vector<Slot>> list_tokens(const Module& module);
/// The one token that `uri` selects. Code::token_missing where none does, Code::config where several do.
[[nodiscard]] Result<Slot> find_token(const Module& module, const Uri& uri);

enum class SessionUse { read_only, read_write };

/// One PKCS#11 session, for one thread at a time.
class Session {
 public:
  Session() = default;
  /// `subject` stands in errors: "token=office".
  [[nodiscard]] static Result<Session> open(const Module& module, CK_SLOT_ID slot, SessionUse use, std::string subject);
  Session(Session&& other) noexcept { *this = std::move(other); }
  Session& operator=(Session&& other) noexcept {
    if (this != &other) {
      close();
      calls_ = std::exchange(other.calls_, nullptr);
      handle_ = other.handle_;
      subject_ = std::move(other.subject_);
    }
    return *this;
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() { close(); }

  [[nodiscard]] bool is_open() const { return calls_ != nullptr; }
  /// Forgets the handle without C_CloseSession: after a restart of the module the number may be somebody else's.
  void abandon() { calls_ = nullptr; }

  /// Every object that has these attributes.
  [[nodiscard]] Result<std::vector<CK_OBJECT_HANDLE>> find(std::span<const CK_ATTRIBUTE> wanted) const;
  [[nodiscard]] Result<Bytes> attribute(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) const;
  [[nodiscard]] Result<CK_ULONG> number(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) const;
  /// False where the token does not know the attribute.
  [[nodiscard]] bool flag(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) const;

  [[nodiscard]] CK_FUNCTION_LIST* calls() const { return calls_; }
  [[nodiscard]] CK_SESSION_HANDLE handle() const { return handle_; }
  [[nodiscard]] const std::string& subject() const { return subject_; }
  [[nodiscard]] Error error(const char* call, CK_RV rv) const { return call_error(call, rv, subject_); }

 private:
  void close();
  CK_FUNCTION_LIST* calls_ = nullptr;
  CK_SESSION_HANDLE handle_ = 0;
  std::string subject_;
};

/// An attribute whose value is a plain variable that outlives it.
template <class T>
[[nodiscard]] CK_ATTRIBUTE attribute_of(CK_ATTRIBUTE_TYPE type, const T& value) {
  return {type, const_cast<T*>(&value), sizeof value};
}
[[nodiscard]] inline CK_ATTRIBUTE attribute_bytes(CK_ATTRIBUTE_TYPE type, ByteView value) {
  return {type, const_cast<std::uint8_t*>(value.data()), value.size()};
}

}  // namespace tlspool::keeper
