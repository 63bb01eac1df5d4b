// SPDX-License-Identifier: Apache-2.0
// What the PSK peers psk_*.c share: command line, key, socket, conversation, report. C and C++.
//   psk-STACK client PORT IDENTITY SUITE       psk-STACK server IDENTITY SUITE [HINT]
// SUITE is in the stack's own spelling. The first line of standard input is the key in hex.
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct peer {
  bool server;
  const char* identity;
  const char* suite;
  const char* hint;       // that a server sends, or NULL
  char hint_seen[256];    // that came to a client; empty: none
  unsigned char key[64];
  size_t key_size;
  int port;  // that a client connects to
  int fd;
};

// Callbacks of the stacks get no pointer of ours that all three could carry; one process has one connection.
static struct peer peer;

static inline void peer_fail(const char* what, const char* why) {
  fprintf(stderr, "failed: %s: %s\n", what, why);
  char unread[1024];  // left in the socket it would make the close a reset, and the other end would lose our alert
  if (peer.fd > 0 && shutdown(peer.fd, SHUT_WR) == 0) {
    while (read(peer.fd, unread, sizeof unread) > 0) continue;
  }
  exit(1);
}

// A line of standard input without its end; false at the end of input. Reads single bytes, so nothing is buffered.
static inline bool peer_line(char* out, size_t room) {
  size_t size = 0;
  char c;
  while (read(0, &c, 1) == 1) {
    if (c == '\n') {
      out[size] = 0;
      return true;
    }
    if (size + 1 == room) peer_fail("standard input", "a line is too long");
    out[size++] = c;
  }
  return false;
}

static inline void peer_read_key(void) {
  char line[2 * sizeof peer.key + 1];
  if (!peer_line(line, sizeof line)) peer_fail("key", "no line on standard input");
  unsigned byte = 0;
  for (const char* at = line; *at != 0; at += 2) {
    if (at[1] == 0 || sscanf(at, "%2x", &byte) != 1) peer_fail("key", "not hex");
    peer.key[peer.key_size++] = (unsigned char)byte;
  }
  explicit_bzero(line, sizeof line);
}

// Makes the TCP connection; after the stack has taken its settings, so those fail without a network.
static inline void peer_connect(void) {
  struct sockaddr_in address;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons((unsigned short)peer.port);
  struct sockaddr* generic = (struct sockaddr*)&address;
  socklen_t size = sizeof address;
  const int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (made < 0) peer_fail("socket", "none");
  if (!peer.server) {
    if (connect(made, generic, size) != 0) peer_fail("connect", "refused");
    peer.fd = made;
    return;
  }
  if (bind(made, generic, size) != 0 || listen(made, 1) != 0 || getsockname(made, generic, &size) != 0) peer_fail("listen", "refused");
  printf("listening %d\n", ntohs(address.sin_port));
  peer.fd = accept(made, NULL, NULL);
  if (peer.fd < 0) peer_fail("accept", "nobody");
  close(made);
}

// Reads the command line and the key.
static inline void peer_start(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  alarm(120);  // nothing is left behind by a test that breaks off
  setvbuf(stdout, NULL, _IOLBF, 0);
  const bool client = argc == 5 && strcmp(argv[1], "client") == 0;
  peer.server = (argc == 4 || argc == 5) && strcmp(argv[1], "server") == 0;
  if (!client && !peer.server) {
    fprintf(stderr, "usage: %s client PORT IDENTITY SUITE | server IDENTITY SUITE [HINT]\n", argv[0]);
    exit(2);
  }
  peer.identity = argv[client ? 3 : 2];
  peer.suite = argv[client ? 4 : 3];
  peer.hint = peer.server && argc == 5 ? argv[4] : NULL;
  peer.port = client ? atoi(argv[2]) : 0;
  peer_read_key();
}

static inline void peer_saw_hint(const char* hint) {
  snprintf(peer.hint_seen, sizeof peer.hint_seen, "%s", hint != NULL ? hint : "");
}

// The key for a stack's buffer; 0, which all stacks take as a refusal, where it does not fit.
static inline unsigned peer_give_key(unsigned char* out, size_t room) {
  if (peer.key_size > room) return 0;
  memcpy(out, peer.key, peer.key_size);
  return (unsigned)peer.key_size;
}

// For clients' callbacks: the identity too. BoringSSL's header allows `longest` bytes and a zero byte after them, but its
// code has room for `longest` with the zero byte.
static inline unsigned peer_give_identity(char* identity, size_t longest, unsigned char* key, size_t room) {
  if (strlen(peer.identity) >= longest) {
    fprintf(stderr, "the stack has room for an identity of %zu bytes and a zero byte\n", longest - 1);
    return 0;
  }
  memcpy(identity, peer.identity, strlen(peer.identity) + 1);
  return peer_give_key(key, room);
}

// For servers' callbacks: the key of the one identity that is known.
static inline unsigned peer_key_of(const char* identity, unsigned char* key, size_t room) {
  if (strcmp(identity, peer.identity) != 0) {
    fprintf(stderr, "unknown identity: %s\n", identity);
    return 0;
  }
  return peer_give_key(key, room);
}

// One line of JSON. The identity is the command line's: another one would have been refused.
static inline void peer_agreed(const char* version, const char* suite) {
  printf("{\"version\": \"%s\", \"suite\": \"%s\", \"identity\": \"%s\", \"hint\": \"%s\"}\n", version, suite, peer.identity, peer.hint_seen);
}

// Both return the number of bytes; 0 at close_notify; below 0 for failures.
typedef int (*peer_read)(void* session, char* out, int room);
typedef int (*peer_write)(void* session, const char* data, int size);

static inline void peer_send(void* session, peer_write put, const char* data, int size) {
  if (put(session, data, size) != size) peer_fail("write", "not all was taken");
}

// A client sends each line of its standard input and prints the line that comes back; a server echoes until close_notify.
static inline void peer_talk(void* session, peer_read get, peer_write put) {
  char data[4096];
  if (peer.server) {
    int size = 0;
    while ((size = get(session, data, sizeof data)) > 0) peer_send(session, put, data, size);
    if (size < 0) peer_fail("read", "no close_notify");
    return;
  }
  while (peer_line(data, sizeof data - 1)) {
    strcat(data, "\n");
    peer_send(session, put, data, (int)strlen(data));
    char last = 0;
    while (last != '\n') {
      const int size = get(session, data, sizeof data);
      if (size <= 0) peer_fail("read", "the answer ended early");
      fwrite(data, 1, (size_t)size, stdout);
      last = data[size - 1];
    }
  }
}
