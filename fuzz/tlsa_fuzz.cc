// SPDX-License-Identifier: Apache-2.0
// TLSA records as a zone may have them, against a chain that holds: fields of two bytes of length each are RDATA. One
// after whose usage byte the top bit is set is instead the record of a good chain's certificate, changed by its bytes.
#include "../tests/unit/trust/pki.h"
#include "trust/dane.h"

namespace {

using namespace tlspool;

struct World {
  test::Party root = test::issue(test::ca_spec("Root"));
  test::Party leaf = [this] {
    test::Spec s;
    s.san = "DNS:web.example";
    return test::issue(s, &root);
  }();
  trust::Anchors anchors;
  World() {
    if (!anchors.add_pem(root.pem(), "root")) std::abort();
  }
};

void must(bool held) {
  if (!held) std::abort();
}

Bytes record_of(const World& world, ByteView field) {
  if (field.size() < 4 || (field[0] & 0x80) == 0) return copy_of(field);
  const auto made = trust::make_tlsa(((field[0] & 4) != 0 ? world.root : world.leaf).certificate.get(), trust::TlsaUsage(field[0] & 3),
                                     trust::TlsaSelector(field[1] & 1), trust::TlsaMatching(field[2] % 3));
  must(made.has_value());
  Bytes out = trust::rdata_of(*made);
  for (field = field.subspan(3); field.size() >= 3; field = field.subspan(3)) {
    out[(field[0] | static_cast<std::size_t>(field[1]) << 8) % out.size()] = field[2];
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const World world;
  trust::DaneQuery query;
  query.chain = {world.leaf.der(), world.root.der()};
  query.anchors = &world.anchors;
  query.names = {"web.example"};
  ByteView input(data, size);
  while (input.size() >= 2) {
    const std::size_t length = std::min<std::size_t>(input[0] | static_cast<std::size_t>(input[1]) << 8, input.size() - 2);
    query.records.push_back(record_of(world, input.subspan(2, length)));
    input = input.subspan(2 + length);
  }
  for (const Bytes& rdata : query.records) {
    if (const auto record = trust::parse_tlsa(rdata)) must(trust::rdata_of(*record) == rdata);
  }
  const trust::DaneVerdict v = trust::judge_dane(query, std::time(nullptr));
  must(v.matched == v.reason.empty());
  must(!v.matched || v.record < query.records.size());
  return 0;
}
