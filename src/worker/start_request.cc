// SPDX-License-Identifier: Apache-2.0
#include "worker/start_request.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "tls/context.h"

namespace tlspool::worker {
namespace {

constexpr std::size_t longest_name = 1024;
constexpr std::int64_t longest_deadline_ms = 600000;

tl::unexpected<Error> wrong(std::string parameter, std::string reason) {
  return fail({Code::invalid, "StartTLS", std::move(parameter), std::move(reason), {}});
}

Result<std::string> name_parameter(const wire::Value& parameters, const std::string& name) {
  const wire::Value* value = parameters.find(name);
  if (value == nullptr) return std::string{};
  const std::string& text = *value->string();
  if (text.size() > longest_name) return wrong(name, "the name is too long");
  auto normal = normal_identity(text);
  if (!normal) return wrong(name, normal.error().text());
  return normal;
}

Result<std::size_t> index_parameter(const wire::Value& parameters, const std::string& name) {
  const std::int64_t n = parameters.number(name, -1);
  if (n < 0 || n > 1) return wrong(name, "it is no index of a descriptor that came with the message");
  return static_cast<std::size_t>(n);
}

bool may_be_client(const StartRequest& r) { return (r.roles & wire::role_client) != 0; }

std::uint8_t role_bits(const std::string& word) {
  if (word == "peer") return wire::role_client | wire::role_server;
  return word == "server" ? wire::role_server : wire::role_client;
}

std::uint8_t opposite(std::uint8_t roles) {
  return static_cast<std::uint8_t>(((roles & wire::role_client) != 0 ? wire::role_server : 0) |
                                   ((roles & wire::role_server) != 0 ? wire::role_client : 0));
}

// What both sides may be in TLS, and so what this side may become.
Status read_roles(const wire::Value& parameters, StartRequest& r) {
  const std::string remote_word = parameters.text("remoteRole");
  const std::uint8_t local = role_bits(parameters.text("role"));
  const std::uint8_t remote = remote_word.empty() ? opposite(local) : role_bits(remote_word);
  constexpr std::uint8_t both = wire::role_client | wire::role_server;
  r.roles = local & opposite(remote);
  r.peer_to_peer = local == both || remote == both;
  r.speaks_first = (remote & wire::role_server) != 0;
  if (r.roles == 0) return wrong("remoteRole", "both sides can't be the same");
  // A server has to prove itself by something.
  if (r.roles == both && parameters.find("localIdentity") == nullptr) r.roles = wire::role_client;
  if (parameters.find("helloDelayMs") != nullptr) {
    const std::int64_t delay = parameters.number("helloDelayMs", 0);
    if (delay < 0 || delay > longest_deadline_ms) return wrong("helloDelayMs", "it is not between 0 and 600000");
    if (!r.peer_to_peer) return wrong("helloDelayMs", "only a peer waits with its hello");
    r.hello_delay = std::chrono::milliseconds{delay};
  }
  return {};
}

Proof default_proof(const StartRequest& r) {
  return may_be_client(r) || r.peer_to_peer || !r.remote_identity.empty() ? Proof::required : Proof::none;
}

Status check_sense(const StartRequest& r) {
  if (r.proof == Proof::none && !r.remote_identity.empty()) {
    return wrong("remoteProof", "none contradicts remoteIdentity");
  }
  if ((may_be_client(r) || r.peer_to_peer) && r.proof == Proof::required && r.remote_identity.empty()) {
    return wrong("remoteIdentity", "who requires proof must say of whom");
  }
  if (!may_be_client(r) && !r.server_name.empty()) return wrong("sendServerName", "only clients send it");
  if (r.plaintext == r.network) return wrong("plaintextFileDescriptor", "it names the same descriptor as fileDescriptor");
  return {};
}

// `peer` becomes the address of the other end.
Status check_stream_socket(int fd, const char* which, sockaddr_storage& peer) {
  const auto bad = [&](const std::string& reason) {
    return fail({Code::invalid, which, "", reason, "pass a connected stream socket"});
  };
  int value = 0;
  socklen_t size = sizeof value;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &size) != 0) return bad("it is no socket");
  if (value != SOCK_STREAM) return bad("it is no stream socket");
  size = sizeof peer;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) {
    size = sizeof value;
    const bool listens = getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 && value != 0;
    return bad(listens ? "it is a listening socket" : "it is not connected");
  }
  if (peer.ss_family != AF_INET && peer.ss_family != AF_INET6 && peer.ss_family != AF_UNIX) {
    return bad("its address family is not IPv4, IPv6 or Unix");
  }
  return {};
}

}  // namespace

Result<StartRequest> parse_start(const wire::Value& parameters, std::chrono::milliseconds default_deadline) {
  StartRequest r;
  if (auto roles = read_roles(parameters, r); !roles) return fail(std::move(roles.error()));
  auto network = index_parameter(parameters, "fileDescriptor");
  if (!network) return fail(std::move(network.error()));
  r.network = *network;
  if (parameters.find("plaintextFileDescriptor") != nullptr) {
    auto plaintext = index_parameter(parameters, "plaintextFileDescriptor");
    if (!plaintext) return fail(std::move(plaintext.error()));
    r.plaintext = *plaintext;
  }
  auto local = name_parameter(parameters, "localIdentity");
  if (!local) return fail(std::move(local.error()));
  r.local_identity = std::move(*local);
  auto remote = name_parameter(parameters, "remoteIdentity");
  if (!remote) return fail(std::move(remote.error()));
  r.remote_identity = std::move(*remote);
  const std::string proof = parameters.text("remoteProof");
  r.proof = proof.empty() ? default_proof(r) : proof == "required" ? Proof::required : proof == "optional" ? Proof::optional : Proof::none;
  if (parameters.find("sendServerName") != nullptr) {
    auto name = normal_host(parameters.text("sendServerName"));
    if (!name || is_ip_address(*name)) return wrong("sendServerName", "it is no host name");
    r.server_name = std::move(*name);
  } else if (may_be_client(r) && !is_ip_address(r.remote_identity)) {
    r.server_name = r.remote_identity.substr(r.remote_identity.find('@') + 1);  // npos + 1 is 0
  }
  if (const wire::Value* alpn = parameters.find("alpn")) {
    std::vector<std::string> protocols;
    for (const wire::Value& p : *alpn->elements()) protocols.push_back(*p.string());
    auto wire_form = tls::alpn_wire(protocols);
    if (!wire_form) return wrong("alpn", wire_form.error().reason);
    r.alpn = std::move(*wire_form);
  }
  r.service = parameters.text("service");
  if (r.service.size() > longest_name) return wrong("service", "it is too long");
  r.tls13_only = parameters.text("minimumVersion") == "tls13";
  r.require_shared_key = parameters.flag("requireSharedKey");
  r.explain = parameters.flag("explain");
  r.fresh = r.explain || parameters.flag("fresh");
  if (r.fresh) r.resumption = false;
  const std::int64_t deadline = parameters.number("deadlineMs", default_deadline.count());
  if (deadline < 1 || deadline > longest_deadline_ms) return wrong("deadlineMs", "it is not between 1 and 600000");
  r.deadline = std::chrono::milliseconds{deadline};
  if (auto sense = check_sense(r); !sense) return fail(std::move(sense.error()));
  return r;
}

Status check_descriptors(const StartRequest& request, const std::vector<int>& descriptors) {
  const std::size_t expected = request.plaintext ? 2 : 1;
  if (descriptors.size() != expected || request.network >= expected || request.plaintext.value_or(0) >= expected) {
    return fail({Code::invalid, "StartTLS", "",
                 "the message names " + std::to_string(expected) + " descriptor(s) and carries " +
                     std::to_string(descriptors.size()),
                 {}});
  }
  sockaddr_storage network_peer{};
  sockaddr_storage plain_peer{};
  if (auto good = check_stream_socket(descriptors[request.network], "fileDescriptor", network_peer); !good) return good;
  if (!request.plaintext) return {};
  if (auto good = check_stream_socket(descriptors[*request.plaintext], "plaintextFileDescriptor", plain_peer); !good) {
    return good;
  }
  // One socket has one peer: only where those agree is it worth a look at the sockets themselves.
  if (std::memcmp(&network_peer, &plain_peer, sizeof plain_peer) != 0) return {};
  struct stat a{};
  struct stat b{};
  if (fstat(descriptors[0], &a) == 0 && fstat(descriptors[1], &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev) {
    return fail({Code::invalid, "plaintextFileDescriptor", "", "it is the same socket as fileDescriptor", {}});
  }
  return {};
}

}  // namespace tlspool::worker
