// SPDX-License-Identifier: Apache-2.0
// The verdict over whatever a worker, and through it a peer, may send. An even first byte: the rest is a
// ChainQuery as it comes. An odd one: edits (2 bytes where, 1 byte what) of a chain that would be accepted.
#include "../tests/unit/trust/pki.h"
#include "trust/chain.h"

namespace {

using namespace tlspool;

struct World {
  test::Party root = test::issue(test::ca_spec("Root"));
  test::Party middle = test::issue(test::ca_spec("Between"), &root);
  test::Party leaf = [this] {
    test::Spec s;
    s.san = "DNS:*.web.example,email:joe@web.example,IP:127.0.0.1,URI:spiffe://web/a";
    return test::issue(s, &middle);
  }();
  trust::Anchors anchors;
  World() {
    if (!anchors.add_pem(root.pem(), "root")) std::abort();
  }
};

std::optional<wire::ChainQuery> query_of(const World& world, ByteView input) {
  if (input.empty()) return std::nullopt;
  const bool edits = (input[0] & 1) != 0;
  input = input.subspan(1);
  if (!edits) {
    auto query = wire::decode<wire::ChainQuery>(input);
    return query ? std::optional(std::move(*query)) : std::nullopt;
  }
  wire::ChainQuery query{true, "a.web.example", {world.leaf.der(), world.middle.der()}, ""};
  for (; input.size() >= 3; input = input.subspan(3)) {
    const std::size_t at = input[0] | static_cast<std::size_t>(input[1]) << 8;
    Bytes& der = query.chain[at & 1];
    der[(at >> 1) % der.size()] = input[2];
  }
  return query;
}

void must(bool held) {
  if (!held) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const World world;
  const auto query = query_of(world, {data, size});
  if (!query) return 0;
  const wire::ChainVerdict v = trust::judge_chain(world.anchors, *query, std::time(nullptr));
  must(v.accepted == v.check.empty() && v.accepted == v.reason.empty());
  must(v.accepted == !v.identity.empty() && v.accepted == (v.x509_error == 0));
  return 0;
}
