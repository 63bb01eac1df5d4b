/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libtlspool: TLS without keys in the program.
 *
 * A program gives the machine's TLS pool its connected socket and gets a plain one back, together with the
 * proved identity of its peer:
 *
 *     int plain = starttls_client(fd, "www.example.org");
 *     if (plain < 0) return 1;
 *     write(plain, "GET / HTTP/1.0\r\n\r\n", 18);
 *
 * Conventions, for every function unless its own comment says otherwise:
 *
 *  1. Success is 0, a count or a descriptor, never negative. Failure is -1 (or NULL) with errno set, and
 *     *error filled where error is not NULL. No function prints, exits, or raises a signal (SIGPIPE included).
 *     There is no fallback to plain text: a call that fails has protected nothing.
 *  2. Strings are UTF-8 and end in NUL. What a caller passes in is borrowed for the call, except where a
 *     handle says that it copies. What a getter returns belongs to its handle and lives as long as that. An
 *     optional string that is absent is NULL.
 *  3. Handles (tlspool_session, tlspool_start, tlspool_certificates) are opaque and are freed by their own
 *     function, which accepts NULL.
 *  4. Structs of the caller begin with `size`, the size that the caller was compiled with: the library reads
 *     and writes no further, so that later versions can add fields at the end. Initialize them by
 *     TLSPOOL_OPTIONS_INIT, TLSPOOL_ERROR_INIT and TLSPOOL_STATE_INIT. Enums only grow, too.
 *  5. Descriptors that the library returns or keeps are close-on-exec. When a start succeeds, the library
 *     closes the descriptors that were handed over (the pool owns the connection then). When it fails, it
 *     closes none, and tlspool_error.socket_usable says whether the protocol on the socket can go on.
 *  6. Every function may be called from any thread; one handle is for one thread at a time, but all getters
 *     and questions of a tlspool_session may run side by side. After fork() parent and child may both go on;
 *     a session's questions are answered to the process that started it alone.
 *  7. Times are milliseconds, sizes are bytes. Nothing waits forever.
 *  8. Protocols, suites, groups and alerts are named as IANA names them; other words are those of the
 *     interface file io.tlspool.Pool.varlink, which is also the source of the semantics.
 */
#ifndef TLSPOOL_TLSPOOL_H
#define TLSPOOL_TLSPOOL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TLSPOOL_EXPORT __attribute__((visibility("default")))
#else
#define TLSPOOL_EXPORT
#endif

/** The library's version, such as "0.1.0". */
TLSPOOL_EXPORT const char *tlspool_library_version(void);

/* ---- errors ---- */

/** Why a call failed. The first six and the last are those of HandshakeFailed. */
typedef enum tlspool_reason {
  TLSPOOL_REASON_NONE = 0,         /**< no failure                                                errno        */
  TLSPOOL_REASON_TIMEOUT,          /**< the deadline passed                                       ETIMEDOUT    */
  TLSPOOL_REASON_ALERT,            /**< the peer refused, see alert_received                      EPROTO       */
  TLSPOOL_REASON_CERTIFICATE,      /**< the peer's chain or name was refused, see check           EKEYREJECTED */
  TLSPOOL_REASON_POLICY,           /**< a rule of the pool refused                                EACCES       */
  TLSPOOL_REASON_TOKEN,            /**< the key could not sign                                    ENOKEY       */
  TLSPOOL_REASON_TRANSPORT,        /**< the connection broke, or the peer speaks no TLS           ECONNRESET   */
  TLSPOOL_REASON_IDENTITY,         /**< no such local identity, or not for this caller            EACCES       */
  TLSPOOL_REASON_DESCRIPTOR,       /**< the descriptor can't carry TLS                            EBADF        */
  TLSPOOL_REASON_LIMIT,            /**< a limit of the pool is reached, try again later           EBUSY        */
  TLSPOOL_REASON_SESSION_UNKNOWN,  /**< no session of this id that this program started           ENOENT       */
  TLSPOOL_REASON_SESSION_UNFIT,    /**< the session has ended, or can't do this                   EOPNOTSUPP   */
  TLSPOOL_REASON_NO_POOL,          /**< no pool answers, as connect(2) says; or ECONNRESET if it went away     */
  TLSPOOL_REASON_PARAMETER,        /**< an argument or option is wrong                            EINVAL       */
  TLSPOOL_REASON_PROTOCOL,         /**< the pool's answer was not understood                      EBADMSG      */
  TLSPOOL_REASON_SYSTEM,           /**< out of memory or descriptors                    as the system call says */
  TLSPOOL_REASON_SHARED_KEY        /**< no shared key could be used: none left, unknown, used, wrong ENOKEY     */
} tlspool_reason;

/** What went wrong. Texts are cut to fit, always end in NUL, and are "" where there is nothing to say. */
typedef struct tlspool_error {
  size_t size;             /**< sizeof(tlspool_error) of the caller */
  tlspool_reason reason;
  int number;              /**< the value of errno */
  int socket_usable;       /**< 1: nothing was read from or written to the socket; 0: something was, or may
                                have been: close it */
  char message[512];       /**< for people: what failed, on what, what to do */
  char check[32];          /**< which check refused: "chain", "name", "purpose", "validity", ... */
  char certificate[256];   /**< subject of the certificate at fault */
  char alert_sent[48];     /**< name of RFC 8446 section 6, such as "bad_certificate" */
  char alert_received[48];
} tlspool_error;

#define TLSPOOL_ERROR_INIT {sizeof(tlspool_error), TLSPOOL_REASON_NONE, 0, 0, {0}, {0}, {0}, {0}, {0}}

/* ---- starting TLS ---- */

/** What one side of the connection may be. A session's role is the first or the second. */
typedef enum tlspool_role {
  TLSPOOL_ROLE_DEFAULT = 0,  /**< in options->remote_role alone: what fits the role of this side */
  TLSPOOL_CLIENT = 1,
  TLSPOOL_SERVER = 2,
  TLSPOOL_PEER = 3  /**< either: a tie-breaker in the handshake decides (docs/p2p-tls.md) */
} tlspool_role;

/** Whether the peer must prove an identity. */
typedef enum tlspool_proof {
  TLSPOOL_PROOF_DEFAULT = 0,  /**< required where a remote identity is given, for clients, and where either side
                                   is a peer; else none */
  TLSPOOL_PROOF_REQUIRED,     /**< the peer must; a client or peer must then say of whom, by the remote identity */
  TLSPOOL_PROOF_OPTIONAL,     /**< the peer may; what it proves is checked all the same */
  TLSPOOL_PROOF_NONE          /**< the peer need not and is not asked */
} tlspool_proof;

/** A TLS version. */
typedef enum tlspool_version {
  TLSPOOL_VERSION_DEFAULT = 0,  /**< the pool's configuration decides */
  TLSPOOL_TLS12,                /**< TLS 1.2 */
  TLSPOOL_TLS13                 /**< TLS 1.3 */
} tlspool_version;

/** How to start TLS. All zero but `size` and plaintext_fd is the default. */
typedef struct tlspool_options {
  size_t size;                      /**< sizeof(tlspool_options) of the caller */
  const char *pool;                 /**< the pool's directory. NULL: $TLSPOOL_DIR, else the system's or the
                                         user's own pool (tlspool(1) says in which order) */
  const char *local_identity;       /**< who this side is: an identity of the pool. NULL: a server serves the
                                         name that the peer asks for, a client proves none */
  const char *remote_identity;      /**< who the peer must be: host name, IP address or user@domain */
  tlspool_proof remote_proof;
  const char *server_name;          /**< SNI to send. NULL: the remote identity where it is a host name */
  const char *const *alpn;          /**< protocols, most wanted first, then NULL. NULL: no ALPN */
  const char *service;              /**< a name for policy and logs, such as "imap" */
  tlspool_version minimum_version;
  int deadline_ms;                  /**< for the whole handshake, 1 to 600000; 0: 30000 */
  int plaintext_fd;                 /**< a connected stream socket that the pool shall move the plain bytes to
                                         and from, itself; -1: the pool makes a socket pair */
  int reserved;                     /**< not read: programs of the first version have no value here */
  int require_shared_key;           /**< 1: the connection must be protected by a key that both sides share; 0: as
                                         the pool's policy for the peer says */
  int reserved_too;                 /**< not read: programs of the second version have no value here */
  tlspool_role remote_role;         /**< what the other side may be; default: server for a client, client for a server,
                                         peer for a peer */
  int hello_delay_ms;               /**< peers alone: how long to wait for the other side's hello before sending our own,
                                         1 to 600000; 0: as the pool's configuration says; -1: not at all. A TLS client
                                         that knows nothing of peers must speak first */
} tlspool_options;

#define TLSPOOL_OPTIONS_INIT \
  {sizeof(tlspool_options), NULL, NULL, NULL, TLSPOOL_PROOF_DEFAULT, NULL, NULL, NULL, TLSPOOL_VERSION_DEFAULT, 0, -1, 0, 0, \
   0, TLSPOOL_ROLE_DEFAULT, 0}

/** What one handshake proved and agreed on; made by a start, freed by tlspool_session_free. */
typedef struct tlspool_session tlspool_session;

/**
 * Starts TLS as a client on `fd`, a connected TCP or Unix stream socket on which no TLS was spoken yet, and
 * waits until the handshake has succeeded or failed. `fd` may be blocking or not.
 *
 * remote_identity: whom the peer must prove to be; it wins over options->remote_identity. NULL without one
 *   there needs remote_proof optional or none.
 * options, session, error: may be NULL. *session is a new handle on success, NULL on failure.
 *
 * Returns the plaintext descriptor, a blocking stream socket; `fd` is closed then. With
 * options->plaintext_fd it returns 0 (no descriptor), and both `fd` and plaintext_fd are closed: the pool
 * moves the bytes. Read end of file on the plaintext descriptor as the end of the peer's data, and ask
 * tlspool_session_state whether it was an orderly one.
 */
TLSPOOL_EXPORT int tlspool_starttls_client(int fd, const char *remote_identity, const tlspool_options *options,
                                           tlspool_session **session, tlspool_error *error);

/**
 * The same as a server. local_identity: whose certificate to show; it wins over options->local_identity.
 * NULL: the identity that the peer asks for by SNI, else the pool's own name.
 */
TLSPOOL_EXPORT int tlspool_starttls_server(int fd, const char *local_identity, const tlspool_options *options,
                                           tlspool_session **session, tlspool_error *error);

/**
 * The same as a peer, for protocols in which neither side is the server: the handshake finds out which of the two is
 * client and which is server, and tlspool_session_role says it. Both sides call this; with options->remote_role the
 * other side may also be a program that is a TLS client or server and no more.
 *
 * local_identity: who this side is; it wins over options->local_identity. NULL without one there: this side proves
 *   nothing, and so can be client only.
 * remote_identity: whom the peer must prove to be, whatever it becomes; it wins over options->remote_identity. NULL
 *   without one there needs remote_proof optional or none.
 */
TLSPOOL_EXPORT int tlspool_starttls_peer(int fd, const char *local_identity, const char *remote_identity,
                                         const tlspool_options *options, tlspool_session **session,
                                         tlspool_error *error);

/** tlspool_starttls_client with the defaults; the reason of a failure is in errno alone. */
static inline int starttls_client(int fd, const char *remote_identity) {
  return tlspool_starttls_client(fd, remote_identity, NULL, NULL, NULL);
}

/** tlspool_starttls_server with the defaults. */
static inline int starttls_server(int fd, const char *local_identity) {
  return tlspool_starttls_server(fd, local_identity, NULL, NULL, NULL);
}

/** tlspool_starttls_peer with the defaults. */
static inline int starttls_peer(int fd, const char *local_identity, const char *remote_identity) {
  return tlspool_starttls_peer(fd, local_identity, remote_identity, NULL, NULL, NULL);
}

/* ---- starting TLS from an event loop ---- */

/** A start under way. */
typedef struct tlspool_start tlspool_start;

/** What tlspool_start_continue returns while the handshake goes on. */
#define TLSPOOL_AGAIN (-2)

/**
 * Begins what tlspool_starttls_client, _server and _peer do, without waiting. `options` is copied; `fd` and
 * options->plaintext_fd must stay open, and nobody may read or write them, until the start has ended.
 * Returns a handle, or NULL with errno and *error.
 */
TLSPOOL_EXPORT tlspool_start *tlspool_start_begin(int fd, tlspool_role role, const tlspool_options *options,
                                                  tlspool_error *error);
/** The descriptor to poll; it belongs to the handle and may change with every tlspool_start_continue. */
TLSPOOL_EXPORT int tlspool_start_fd(const tlspool_start *start);
/** What to poll it for: POLLIN or POLLOUT of <poll.h>. */
TLSPOOL_EXPORT short tlspool_start_events(const tlspool_start *start);
/** Milliseconds after which to call tlspool_start_continue even if nothing became ready; fits poll(2). */
TLSPOOL_EXPORT int tlspool_start_timeout(const tlspool_start *start);
/**
 * Goes on as far as it can without waiting. Returns TLSPOOL_AGAIN (poll again; errno is EAGAIN), or ends the
 * start and frees the handle: with the result of tlspool_starttls_client, or with -1.
 */
TLSPOOL_EXPORT int tlspool_start_continue(tlspool_start *start, tlspool_session **session, tlspool_error *error);
/** Gives up and frees the handle. The socket stays open, but handshake bytes may have passed: close it. */
TLSPOOL_EXPORT void tlspool_start_cancel(tlspool_start *start);

/* ---- what was proved and agreed on ---- */

/** Hex digits, 128 random bits among them. */
TLSPOOL_EXPORT const char *tlspool_session_id(const tlspool_session *session);
/** What this side was: TLSPOOL_CLIENT or TLSPOOL_SERVER. */
TLSPOOL_EXPORT tlspool_role tlspool_session_role(const tlspool_session *session);
/** The pool's identity that the peer was shown; NULL: none. */
TLSPOOL_EXPORT const char *tlspool_session_local_identity(const tlspool_session *session);
/** The name that the peer proved; NULL: it proved none. Authorize by this one. */
TLSPOOL_EXPORT const char *tlspool_session_remote_identity(const tlspool_session *session);
/** Every name in the peer's certificate (DNS, user@domain, IP address, URI), then NULL. Never NULL itself. */
TLSPOOL_EXPORT const char *const *tlspool_session_remote_names(const tlspool_session *session);
/** How the peer's identity was verified: "chain", "dane", "pin", "sharedKey", "policy" or "none". */
TLSPOOL_EXPORT const char *tlspool_session_verified_by(const tlspool_session *session);
TLSPOOL_EXPORT tlspool_version tlspool_session_version(const tlspool_session *session);
/** IANA name, such as "TLS_AES_128_GCM_SHA256". */
TLSPOOL_EXPORT const char *tlspool_session_cipher_suite(const tlspool_session *session);
/** Key exchange group, such as "x25519"; NULL where version or suite has none. */
TLSPOOL_EXPORT const char *tlspool_session_group(const tlspool_session *session);
/** The scheme in which the peer, else this side, signed; NULL on a resumed connection. */
TLSPOOL_EXPORT const char *tlspool_session_signature_algorithm(const tlspool_session *session);
/** The protocol that ALPN chose; NULL: none. */
TLSPOOL_EXPORT const char *tlspool_session_alpn(const tlspool_session *session);
/** 1: the handshake was an abbreviated one; the peer's proof is that of the first session. */
TLSPOOL_EXPORT int tlspool_session_resumed(const tlspool_session *session);
/** The shared key that protects the connection: the address of the peer's key store, or the name under which an
 *  administrator put the key in; NULL: none does. */
TLSPOOL_EXPORT const char *tlspool_session_key_store(const tlspool_session *session);
/** The shared key's number in its store; NULL: none protects the connection. */
TLSPOOL_EXPORT const char *tlspool_session_key_id(const tlspool_session *session);
/** 1: a Diffie-Hellman exchange was made beside the shared key, so who gets the key later can't read what was recorded;
 *  0: none was, or there is no shared key. */
TLSPOOL_EXPORT int tlspool_session_key_forward_secrecy(const tlspool_session *session);
/** How many keys remain for connections in this direction; -1: the key is a lasting one or fetched when it is
 *  needed, or there is none. */
TLSPOOL_EXPORT int64_t tlspool_session_keys_left(const tlspool_session *session);
/** Why the peer was not shown an identity that it asked for, for people; NULL: it was, there was none, or it did not ask. */
TLSPOOL_EXPORT const char *tlspool_session_not_shown(const tlspool_session *session);
/** What the administrator's rules and hooks call the peer; NULL: nothing else than it calls itself. */
TLSPOOL_EXPORT const char *tlspool_session_alias(const tlspool_session *session);
/** The groups to which rules and hooks count the peer, then NULL. Never NULL itself. */
TLSPOOL_EXPORT const char *const *tlspool_session_groups(const tlspool_session *session);
/** What else rules and hooks tell about the peer, by name; NULL: nothing of this name. */
TLSPOOL_EXPORT const char *tlspool_session_attribute(const tlspool_session *session, const char *name);
/** The names of all attributes, then NULL. Never NULL itself. */
TLSPOOL_EXPORT const char *const *tlspool_session_attribute_names(const tlspool_session *session);
/** Frees the handle. The connection goes on: it lives as long as its plaintext descriptor. */
TLSPOOL_EXPORT void tlspool_session_free(tlspool_session *session);

/* ---- questions to the pool about a session; each waits at most 10 seconds ---- */

/** How a session stands or how it ended. */
typedef enum tlspool_ending {
  TLSPOOL_OPEN = 0,      /**< both directions may still flow */
  TLSPOOL_CLOSE_NOTIFY,  /**< the peer ended it in order */
  TLSPOOL_TRUNCATED,     /**< the peer's stream ended without close_notify: data may be missing */
  TLSPOOL_RESET,         /**< TCP reset */
  TLSPOOL_LOCAL,         /**< this program closed its plain side first */
  TLSPOOL_FAILED         /**< a TLS alert, or a record that was not valid */
} tlspool_ending;

typedef struct tlspool_state {
  size_t size;              /**< sizeof(tlspool_state) of the caller */
  tlspool_ending ending;
  uint64_t bytes_sent;      /**< plaintext bytes towards the peer */
  uint64_t bytes_received;  /**< plaintext bytes from the peer */
  char detail[256];         /**< for people: the alert or the error; "" where there is nothing to say */
} tlspool_state;

#define TLSPOOL_STATE_INIT {sizeof(tlspool_state), TLSPOOL_OPEN, 0, 0, {0}}

/** Fills *state. The pool remembers ends for 10 minutes. */
TLSPOOL_EXPORT int tlspool_session_state(const tlspool_session *session, tlspool_state *state, tlspool_error *error);

/**
 * Keying material of RFC 5705 and RFC 8446 section 7.5: fills out[0..out_size), 1 to 1024 bytes. context:
 * NULL is none; a pointer with context_size 0 is an empty one, which in TLS 1.2 is something else.
 */
TLSPOOL_EXPORT int tlspool_export_keying_material(const tlspool_session *session, const char *label,
                                                  const void *context, size_t context_size, unsigned char *out,
                                                  size_t out_size, tlspool_error *error);

/** Channel binding tls-exporter of RFC 9266. */
TLSPOOL_EXPORT int tlspool_channel_binding(const tlspool_session *session, unsigned char out[32],
                                           tlspool_error *error);

/** The certificates of a peer. */
typedef struct tlspool_certificates tlspool_certificates;

/**
 * The peer's certificates as it sent them; the caller frees *certificates. Returns their number, 0 where it
 * sent none.
 */
TLSPOOL_EXPORT int tlspool_peer_certificates(const tlspool_session *session, tlspool_certificates **certificates,
                                             tlspool_error *error);
/** Certificate `index` (0: the peer's own) in DER and its size; NULL beyond the last one. */
TLSPOOL_EXPORT const unsigned char *tlspool_certificate_der(const tlspool_certificates *certificates, size_t index,
                                                            size_t *size);
TLSPOOL_EXPORT void tlspool_certificates_free(tlspool_certificates *certificates);

/** Whose traffic keys tlspool_update_keys changes. */
typedef enum tlspool_update {
  TLSPOOL_UPDATE_OWN = 0,  /**< those of what this side sends */
  TLSPOOL_UPDATE_BOTH      /**< the peer is asked for new ones, too */
} tlspool_update;

/** New traffic keys, RFC 8446 section 4.6.3; TLS 1.3 alone. */
TLSPOOL_EXPORT int tlspool_update_keys(const tlspool_session *session, tlspool_update whose, tlspool_error *error);

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif
