// SPDX-License-Identifier: Apache-2.0
// The messages between the processes of one pool. What crosses each boundary, and in which direction, is
// this file; docs/architecture.md draws it. Trusted ends, but every message is decoded strictly: a taken
// worker may write anything.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "wire/audit_setup.h"
#include "wire/codec.h"
#include "wire/disclosure.h"
#include "wire/judge.h"
#include "wire/judge_admin.h"
#include "wire/shared_keys.h"

namespace tlspool::wire {

/// Frame kinds of loop/channel.h. Each says who sends it to whom and what its body is.
enum class Kind : std::uint16_t {
  // supervisor -> any
  log_setup = 1,      ///< LogSetup + the memory in which the process counts (counters/page.h), first frame to every process
  // any -> supervisor
  sandbox_watch,      ///< no body + the descriptor on which the kernel tells of system calls that the sandbox refused
  // supervisor <-> keeper
  keeper_setup = 10,  ///< supervisor: KeeperSetup; may come again (reload)
  keeper_report,      ///< keeper: KeeperReport, after each setup and whenever a token changes state
  sign_channel,       ///< supervisor: SignChannel + the keeper's SEQPACKET end
  pin_entry,          ///< supervisor: PinEntry + a stream socket on which an administrator's program writes the PIN
  key_channel,        ///< supervisor: KeyChannel + a stream socket towards one worker, for shared keys
  key_admin,          ///< supervisor: no body + a stream socket on which an administrator's program speaks key_admin.h
  fetcher_channel,    ///< supervisor: no body + a stream socket towards the fetcher
  pin_ended,          ///< keeper: PinEntry, after the report; it was taken, or not
  pin_wanted,         ///< supervisor: PinEntry + a stream socket to the keeper of the pool that takes over, for a PIN that was typed
  // supervisor <-> worker
  worker_setup = 20,  ///< supervisor: WorkerSetup; may come again (reload)
  worker_ready,       ///< worker: no body; it has applied the setup and entered its sandbox
  listener,           ///< supervisor: no body + the programs' listening socket
  sign_end,           ///< supervisor: SignChannel + the worker's SEQPACKET end
  judge_end,          ///< supervisor: no body + the worker's stream end towards the judge
  executable_query,   ///< worker: ExecutableQuery
  executable_answer,  ///< supervisor: ExecutableAnswer, same number
  adopt,              ///< worker -> supervisor -> another worker: Adopt + the program's control connection
  sessions_query,     ///< supervisor: SessionsQuery, or no body: all
  sessions_answer,    ///< worker: SessionList, same number
  counters_query,     ///< supervisor: no body
  counters_answer,    ///< worker: Counters, same number
  drain,              ///< supervisor: no body; stop accepting, end every session, exit
  key_end,            ///< supervisor: no body + the worker's stream end towards the keeper, for shared keys
  fetcher_control,    ///< supervisor: no body + a control connection whose caller is the pool's own fetcher
  // supervisor <-> judge
  judge_setup = 40,   ///< supervisor: JudgeSetup; may come again (reload), after the JudgeTables that belong to it
  judge_ready,        ///< judge: JudgeReady
  judge_channel,      ///< supervisor: no body + a stream socket towards one worker
  judge_tables,       ///< supervisor: JudgeTables, a part of what the next judge_setup puts into force
  judge_own,          ///< supervisor: OwnCertificates, after a judge_setup; the judge fetches what is stapled to them
  judge_staple,       ///< judge -> supervisor -> every worker: Staple
  judge_admin,        ///< supervisor: JudgeAdmin
  judge_admin_answer, ///< judge: JudgeAdminAnswer, same number
  // worker <-> judge, bodies in wire/judge.h
  chain_query = 50,   ///< worker: ChainQuery
  chain_verdict,      ///< judge: ChainVerdict, same number
  // worker <-> keeper, bodies in wire/shared_keys.h
  key_request = 60,   ///< worker: KeyRequest
  key_answer,         ///< keeper: KeyAnswer, same number
  key_settle,         ///< worker: KeySettle; the handshake that a lease was for has come to its end
  key_settled,        ///< keeper: KeySettled, same number
  // supervisor <-> fetcher
  fetcher_setup = 70,     ///< supervisor: FetcherSetup; may come again (reload)
  fetcher_ready,          ///< fetcher: no body
  fetcher_end,            ///< supervisor: no body + the fetcher's stream end towards the keeper
  fetcher_control_end,    ///< supervisor: no body + a control connection to a worker
  // keeper <-> fetcher
  fetch_request = 80,     ///< keeper: FetchRequest
  fetch_answer,           ///< fetcher: FetchAnswer, same number
  // supervisor <-> judge, about hooks
  hook_end = 90,          ///< supervisor: HookEnd + the judge's stream end towards a process of a hook
  hook_failed,            ///< judge: HookFailed
  hook_control,           ///< supervisor -> worker: no body + a control connection whose caller is the judge, for hooks
  hook_control_end,       ///< supervisor -> judge: no body + the other end of it
  // supervisor <-> judge, bodies in wire/cache_setup.h
  share_blob = 95,        ///< supervisor: SharedBlob; to be put into memcached unless there is one by that name
  shared_blob,            ///< judge: SharedBlob, same number
  outcomes_query,         ///< supervisor: no body
  outcomes_answer,        ///< judge: OutcomeCounters, same number
  // supervisor <-> worker, bodies in wire/judge_admin.h
  end_sessions = 100,     ///< supervisor: EndSessions
  sessions_ended,         ///< worker: SessionsEnded, same number
  recheck_sessions,       ///< supervisor: no body; the judge is asked about every session again
  audit_end,              ///< supervisor: AuditSetup + the file or the journal's socket if it names one; may come again (reload)
  // supervisor <-> metrics, bodies in wire/metrics.h
  metrics_setup = 110,    ///< supervisor: MetricsSetup; may come again (reload)
  metrics_listener,       ///< supervisor: no body + the listening socket; may come again with another one
  metrics_process,        ///< supervisor: MetricsProcess + its counters, for reading, and its /proc/PID/stat
  metrics_ready,          ///< metrics: no body
  // supervisor <-> worker, keeper: another executable has taken the pool over
  retire = 120,           ///< supervisor: no body; a worker accepts nothing more and exits after its last session, a keeper leaves the ledger
  idle_program,           ///< worker: no body + a program's control connection that is between two calls
  quiet,                  ///< worker: no body, once; only sessions are left, so it needs the keeper no more
  finished,               ///< worker: no body, once; it has nothing left, and waits for drain: a program may be on its way to it
  elsewhere,              ///< supervisor -> worker: Elsewhere, when it changes
  visit,                  ///< worker -> supervisor, and supervisor -> retired worker: Visit + the program's control connection
  nowhere,                ///< supervisor -> worker: Visit + the connection; no other pool knows the session
  leave_files,            ///< supervisor -> judge: no body; it writes its files no more, until take_files
  files_left,             ///< judge: no body, same number; what it had to write is on the disk
  take_files,             ///< supervisor -> judge: no body; it reads its files anew, and answers judge_ready with the number
};

struct LogSetup {
  bool json = false;
  std::uint8_t level = 1;  ///< log::Level
  std::string process;
  bool watched = false;    ///< the process is to send sandbox_watch when it closes its sandbox
};
template <class Io> void fields(Io& io, LogSetup& m) { io(m.json, m.level, m.process, m.watched); }

enum class KeyType : std::uint8_t { rsa, p256, p384, ed25519 };
enum class TokenState : std::uint8_t {
  ready,         ///< logged in, keys can sign
  locked,        ///< waits for `tlspool pin`
  pin_rejected,  ///< the PIN it had was wrong; waits for `tlspool pin`, the old one is never tried again
  missing,       ///< module not loadable, or no such token in any slot
  failed,        ///< a call failed; reopened 30 s later at the earliest
};

/// TLS roles that an identity may play, as bits.
enum RoleBits : std::uint8_t { role_client = 1, role_server = 2 };
/// Of one bit, as interface files, log lines and people name it.
constexpr const char* role_word(std::uint8_t role) { return role == role_server ? "server" : "client"; }

struct TokenSetup {
  std::string name;            ///< what the configuration calls it
  std::string module;          ///< path of the PKCS#11 module
  std::string uri;             ///< RFC 7512, selects the token
  std::string pin_file;        ///< absolute path; empty: none
  std::string pin_credential;  ///< file name below $CREDENTIALS_DIRECTORY; empty: none
  std::uint32_t parallel = 4;  ///< PKCS#11 sessions that sign side by side, for each worker
  bool shared = true;          ///< other pools may use the token's one-time keys, too; false: it belongs to this one alone
  bool watched = false;        ///< it matters at once that it is gone, also while nobody signs
  std::uint8_t number = 0;     ///< counters::Token: what it is counted as
};
template <class Io> void fields(Io& io, TokenSetup& m) {
  io(m.name, m.module, m.uri, m.pin_file, m.pin_credential, m.parallel, m.shared, m.watched, m.number);
}

struct KeySetup {
  std::uint32_t key = 0;       ///< number by which workers name the key; unique within one setup
  std::string token;           ///< TokenSetup::name
  std::string uri;             ///< RFC 7512, selects the private key
  std::uint8_t roles = 0;      ///< RoleBits that some program may ask for; 0: nobody may use the identity, so nothing is signed
  std::string chain_uri;       ///< certificates in the token; empty: the chain came from a file
  Bytes leaf;                  ///< leaf certificate (DER) where the chain came from a file; its key must match
  std::string identity;        ///< for log lines
  bool tls12 = true;           ///< TLS 1.2 is allowed
};
template <class Io> void fields(Io& io, KeySetup& m) {
  io(m.key, m.token, m.uri, m.roles, m.chain_uri, m.leaf, m.identity, m.tls12);
}

struct KeeperSetup {
  std::vector<TokenSetup> tokens;
  std::vector<KeySetup> keys;
  std::string directory;  ///< the keeper's own directory: SoftHSM tokens, PIN files, rejected PINs, the ledger
  std::vector<PeerSetup> peers;
};
template <class Io> void fields(Io& io, KeeperSetup& m) { io(m.tokens, m.keys, m.directory, m.peers); }

struct TokenReport {
  std::string name;
  TokenState state = TokenState::missing;
  std::string label;    ///< CK_TOKEN_INFO label; empty where missing
  std::string model;
  std::string problem;  ///< Error::text() of what failed: names the PKCS#11 call; empty when ready
};
template <class Io> void fields(Io& io, TokenReport& m) { io(m.name, m.state, m.label, m.model, m.problem); }

struct KeyReport {
  std::uint32_t key = 0;
  bool usable = false;
  KeyType type = KeyType::p256;
  std::uint32_t bits = 0;
  bool pss = false;            ///< RSA: the token has CKM_RSA_PKCS_PSS
  std::vector<Bytes> chain;    ///< DER, leaf first, where KeySetup::chain_uri asked for it
  std::string problem;
};
template <class Io> void fields(Io& io, KeyReport& m) {
  io(m.key, m.usable, m.type, m.bits, m.pss, m.chain, m.problem);
}

struct KeeperReport {
  std::vector<TokenReport> tokens;
  std::vector<KeyReport> keys;
};
template <class Io> void fields(Io& io, KeeperReport& m) { io(m.tokens, m.keys); }

/// One SEQPACKET pair a worker and token: the keeper's threads for that token block on it.
struct SignChannel {
  std::uint32_t worker = 0;
  std::string token;
};
template <class Io> void fields(Io& io, SignChannel& m) { io(m.worker, m.token); }

struct KeyChannel {
  std::uint32_t worker = 0;
};
template <class Io> void fields(Io& io, KeyChannel& m) { io(m.worker); }

struct PinEntry {
  std::string token;
};
template <class Io> void fields(Io& io, PinEntry& m) { io(m.token); }

/// A packet on the sign channel, worker to keeper. `input` is the whole to-be-signed text, never a digest:
/// the keeper looks at its shape before it signs.
struct SignRequest {
  std::uint64_t number = 0;
  std::uint32_t key = 0;
  std::uint16_t scheme = 0;  ///< TLS SignatureScheme (RFC 8446 section 4.2.3)
  std::uint8_t role = 0;     ///< RoleBits: the role in which the identity signs
  bool tls13 = false;
  Bytes input;
};
template <class Io> void fields(Io& io, SignRequest& m) { io(m.number, m.key, m.scheme, m.role, m.tls13, m.input); }
/// Larger than any handshake transcript that the worker lets pass.
inline constexpr std::size_t max_sign_packet = 150 * 1024;

struct SignReply {
  std::uint64_t number = 0;
  Bytes signature;      ///< as TLS wants it (ECDSA: DER); empty: refused or failed
  std::string problem;  ///< Error::text(), names the PKCS#11 call
};
template <class Io> void fields(Io& io, SignReply& m) { io(m.number, m.signature, m.problem); }

struct CredentialSetup {
  std::uint32_t key = 0;
  KeyType type = KeyType::p256;
  bool usable = false;
  bool pss = false;
  std::string token;
  std::string problem;
  std::vector<Bytes> chain;  ///< DER, leaf first
};
template <class Io> void fields(Io& io, CredentialSetup& m) {
  io(m.key, m.type, m.usable, m.pss, m.token, m.problem, m.chain);
}

struct IdentitySetup {
  std::string name;  ///< normalised (base/text.h)
  std::uint8_t roles = role_client | role_server;  ///< RoleBits that the identity may play, whoever asks
  std::vector<CredentialSetup> credentials;
};
template <class Io> void fields(Io& io, IdentitySetup& m) { io(m.name, m.roles, m.credentials); }

/// Grants, never refuses: a caller may do what at least one rule allows. Within a rule every condition that
/// is given must hold.
struct AllowRule {
  std::vector<std::uint32_t> uids;
  std::vector<std::uint32_t> gids;       ///< primary or supplementary
  std::vector<std::string> executables;  ///< absolute paths
  std::vector<std::string> identities;   ///< names, or "*"; a client without an identity needs none
  std::uint8_t roles = role_client | role_server;
};
template <class Io> void fields(Io& io, AllowRule& m) { io(m.uids, m.gids, m.executables, m.identities, m.roles); }

struct Limits {
  std::uint32_t sessions = 20000;            ///< a worker
  std::uint32_t handshakes = 4096;           ///< a worker
  std::uint32_t handshakes_per_uid = 2048;   ///< a worker
  std::uint32_t control_connections = 8192;  ///< a worker
  std::uint32_t handshake_deadline_ms = 30000;
  std::uint32_t idle_deadline_ms = 0;        ///< of a session on which nothing moves; 0: none
};
template <class Io> void fields(Io& io, Limits& m) {
  io(m.sessions, m.handshakes, m.handshakes_per_uid, m.control_connections, m.handshake_deadline_ms, m.idle_deadline_ms);
}

/// Peer-to-peer TLS (docs/p2p-tls.md).
struct PeerToPeerSetup {
  std::uint16_t extension = 0xff70;  ///< number of the tie-breaker extension
  std::uint32_t hello_delay_ms = 0;  ///< how long to wait for the peer's hello where the request does not say
  bool certificate_usage = false;    ///< look at serverAuth and clientAuth although the roles are a matter of chance
};
template <class Io> void fields(Io& io, PeerToPeerSetup& m) { io(m.extension, m.hello_delay_ms, m.certificate_usage); }

struct WorkerSetup {
  std::uint32_t index = 0;
  std::uint32_t count = 1;
  Bytes policy;        ///< digest of everything below and of the trust settings; tickets are bound to it
  Bytes ticket_key;    ///< 80 bytes: 16 name, 32 HMAC, 32 AES; all workers share it
  std::vector<Bytes> old_ticket_keys;  ///< that tickets are read with, too, newest first
  std::vector<IdentitySetup> identities;
  std::vector<AllowRule> rules;
  std::string default_identity;  ///< for servers whose peer sends no SNI; may be empty
  bool tls12 = true;             ///< TLS 1.2 is allowed
  Limits limits;
  std::vector<PeerSetup> peers;
  std::vector<std::string> fetcher_identities;  ///< that the pool's own fetcher may use, as client
  std::vector<std::string> hook_identities;     ///< that the judge may use for hooks, as client
  PeerToPeerSetup peer_to_peer;
  std::vector<DisclosureSetup> disclosures;
  bool has_policies = false;     ///< the judge is asked about connections with shared keys, too
  bool has_rules = false;        ///< the judge is asked about every connection
  bool has_revoked = false;      ///< the judge is asked about connections with shared keys, too
  bool tell_executable = false;  ///< it wants to know which executable calls
};
template <class Io> void fields(Io& io, WorkerSetup& m) {
  io(m.index, m.count, m.policy, m.ticket_key, m.old_ticket_keys, m.identities, m.rules, m.default_identity, m.tls12, m.limits, m.peers,
     m.fetcher_identities, m.hook_identities, m.peer_to_peer, m.disclosures, m.has_policies, m.has_rules, m.has_revoked,
     m.tell_executable);
}

struct ExecutableQuery {
  std::int32_t pid = 0;
};
template <class Io> void fields(Io& io, ExecutableQuery& m) { io(m.pid); }
struct ExecutableAnswer {
  std::string path;  ///< empty: it could not be read, so no rule that names one holds
};
template <class Io> void fields(Io& io, ExecutableAnswer& m) { io(m.path); }

/// A control connection whose next call belongs to another worker.
struct Adopt {
  std::uint32_t worker = 0;
  Bytes input;  ///< what was read from it, from the start of that call
};
template <class Io> void fields(Io& io, Adopt& m) { io(m.worker, m.input); }

/// What other pools, from before upgrades, still have.
struct Elsewhere {
  std::uint32_t workers = 0;  ///< of all of them
};
template <class Io> void fields(Io& io, Elsewhere& m) { io(m.workers); }

/// A program's call that a worker of a pool from before an upgrade may be able to answer.
struct Visit {
  enum class Asks : std::uint8_t {
    session,  ///< about one, which names the number of its worker, in whichever pool that is
    list,     ///< for those of one worker; the workers of all older pools are counted through
  };
  Asks asks = Asks::session;
  std::uint32_t worker = 0;
  Bytes input;  ///< what was read from the connection: the call
};
template <class Io> void fields(Io& io, Visit& m) { io(m.asks, m.worker, m.input); }

struct SessionRow {
  std::string id;
  std::uint32_t worker = 0;
  std::string role;
  std::string local_identity;
  std::string remote_identity;
  std::string version;
  std::string suite;
  std::string service;
  std::uint32_t uid = 0;
  std::int32_t pid = 0;
  std::int64_t started = 0;  ///< seconds since 1970
  std::uint64_t sent = 0;    ///< plaintext bytes towards the peer
  std::uint64_t received = 0;
  bool draining = false;     ///< another pool has taken over, and this one ends with its sessions
};
template <class Io> void fields(Io& io, SessionRow& m) {
  io(m.id, m.worker, m.role, m.local_identity, m.remote_identity, m.version, m.suite, m.service, m.uid, m.pid,
     m.started, m.sent, m.received, m.draining);
}
struct SessionsQuery {
  std::uint32_t most = 0;  ///< rows of one worker; 0: all
};
template <class Io> void fields(Io& io, SessionsQuery& m) { io(m.most); }
struct SessionList {
  std::vector<SessionRow> sessions;
};
template <class Io> void fields(Io& io, SessionList& m) { io(m.sessions); }

struct Counters {
  std::uint64_t sessions = 0;    ///< open now
  std::uint64_t handshakes = 0;  ///< under way now
  std::uint64_t started = 0;     ///< handshakes completed since start
  std::uint64_t resumed = 0;
  std::uint64_t failed = 0;
};
template <class Io> void fields(Io& io, Counters& m) {
  io(m.sessions, m.handshakes, m.started, m.resumed, m.failed);
}

}  // namespace tlspool::wire
