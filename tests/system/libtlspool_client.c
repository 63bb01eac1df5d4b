/* SPDX-License-Identifier: Apache-2.0 */
/* usage: libtlspool_client POOL PORT NAME wait|loop
 * Connects to 127.0.0.1:PORT, starts TLS with the peer NAME, sends "ping\n", prints what was proved and what
 * came back. Exit 0; 1: the start failed, and the reason is printed. */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <tlspool/tlspool.h>
#include <unistd.h>

#include "libtlspool_loop.h"

static int connected(int port) {
  struct sockaddr_in to;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  memset(&to, 0, sizeof to);
  to.sin_family = AF_INET;
  to.sin_port = htons((unsigned short)port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0) exit(2);
  return fd;
}

int main(int argc, char **argv) {
  tlspool_options options = TLSPOOL_OPTIONS_INIT;
  tlspool_error error = TLSPOOL_ERROR_INIT;
  tlspool_state state = TLSPOOL_STATE_INIT;
  tlspool_session *session = NULL;
  tlspool_certificates *certificates = NULL;
  unsigned char binding[32];
  char text[256];
  ssize_t size;
  int fd, plain;

  if (argc != 5) return 2;
  options.pool = argv[1];
  options.remote_identity = argv[3];
  fd = connected(atoi(argv[2]));
  plain = strcmp(argv[4], "loop") == 0 ? start_in_loop(fd, TLSPOOL_CLIENT, &options, &session, &error)
                                       : tlspool_starttls_client(fd, NULL, &options, &session, &error);
  if (plain < 0) {
    printf("failed reason=%d errno=%d usable=%d check=%s message=%s\n", (int)error.reason, errno, error.socket_usable,
           error.check, error.message);
    return 1;
  }
  if (write(plain, "ping\n", 5) != 5) return 2;
  size = read(plain, text, sizeof text - 1);
  text[size < 0 ? 0 : size] = '\0';
  printf("remote=%s verified=%s version=%d text=%s\n", tlspool_session_remote_identity(session),
         tlspool_session_verified_by(session), (int)tlspool_session_version(session), text);
  if (tlspool_channel_binding(session, binding, &error) != 0 ||
      tlspool_peer_certificates(session, &certificates, &error) < 1 ||
      tlspool_update_keys(session, TLSPOOL_UPDATE_OWN, &error) != 0 ||
      tlspool_session_state(session, &state, &error) != 0) {
    printf("question failed: %s\n", error.message);
    return 2;
  }
  printf("state=%d sent=%d\n", (int)state.ending, (int)state.bytes_sent);
  tlspool_certificates_free(certificates);
  tlspool_session_free(session);
  close(plain);
  return 0;
}
