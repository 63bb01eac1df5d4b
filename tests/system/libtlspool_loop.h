/* SPDX-License-Identifier: Apache-2.0 */
/* A start as a program with an event loop does it. */
#include <poll.h>
#include <stddef.h>
#include <tlspool/tlspool.h>

static int start_in_loop(int fd, tlspool_role role, const tlspool_options *options, tlspool_session **session, tlspool_error *error) {
  tlspool_start *start = tlspool_start_begin(fd, role, options, error);
  int result;
  if (start == NULL) return -1;
  while ((result = tlspool_start_continue(start, session, error)) == TLSPOOL_AGAIN) {
    struct pollfd wait;
    wait.fd = tlspool_start_fd(start);
    wait.events = tlspool_start_events(start);
    poll(&wait, 1, tlspool_start_timeout(start));
  }
  return result;
}
