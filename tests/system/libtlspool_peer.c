/* SPDX-License-Identifier: Apache-2.0 */
/* usage: libtlspool_peer POOL LOCAL REMOTE wait|loop|short FD
 * Starts TLS as a peer on the descriptor FD, which a test has connected; sends LOCAL and a line end, and prints what
 * was proved and the line that came back. Exit 0; 1: the start failed, and the reason is printed. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlspool/tlspool.h>
#include <unistd.h>

#include "libtlspool_loop.h"

static int read_line(int fd, char *line, size_t room) {
  size_t size = 0;
  while (size + 1 < room && read(fd, line + size, 1) == 1) {
    if (line[size] == '\n') {
      line[size] = '\0';
      return 1;
    }
    ++size;
  }
  return 0;
}

int main(int argc, char **argv) {
  tlspool_options options = TLSPOOL_OPTIONS_INIT;
  tlspool_error error = TLSPOOL_ERROR_INIT;
  tlspool_session *session = NULL;
  char line[256];
  int fd, plain;

  if (argc != 6) return 2;
  fd = atoi(argv[5]);
  options.pool = argv[1];
  if (strcmp(argv[4], "loop") == 0) {
    options.local_identity = argv[2];
    options.remote_identity = argv[3];
    plain = start_in_loop(fd, TLSPOOL_PEER, &options, &session, &error);
  } else if (strcmp(argv[4], "short") == 0) {
    setenv("TLSPOOL_DIR", argv[1], 1);
    plain = starttls_peer(fd, argv[2], argv[3]);
  } else {
    plain = tlspool_starttls_peer(fd, argv[2], argv[3], &options, &session, &error);
  }
  if (plain < 0) {
    printf("failed reason=%d errno=%d message=%s\n", (int)error.reason, errno, error.message);
    return 1;
  }
  if (session != NULL) {
    printf("role=%d local=%s remote=%s\n", (int)tlspool_session_role(session), tlspool_session_local_identity(session),
           tlspool_session_remote_identity(session));
  }
  snprintf(line, sizeof line, "%s\n", argv[2]);
  if (write(plain, line, strlen(line)) != (ssize_t)strlen(line) || !read_line(plain, line, sizeof line)) return 3;
  printf("said=%s\n", line);
  tlspool_session_free(session);
  close(plain);
  return 0;
}
