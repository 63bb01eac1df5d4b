/* SPDX-License-Identifier: Apache-2.0 */
/* Every function of tlspool.h from strict C99. Called with `run`, each is called; `main` alone shows that the
 * shared library has them all. */
#include <stdio.h>
#include <string.h>
#include <tlspool/tlspool.h>

static int run(int fd) {
  tlspool_options options = TLSPOOL_OPTIONS_INIT;
  tlspool_error error = TLSPOOL_ERROR_INIT;
  tlspool_state state = TLSPOOL_STATE_INIT;
  tlspool_session *session = NULL;
  tlspool_certificates *certificates = NULL;
  tlspool_start *start;
  unsigned char out[32];
  size_t size;
  int plain;

  if (starttls_client(fd, "a.example") >= 0 || starttls_server(fd, NULL) >= 0) return 1;
  if (starttls_peer(fd, "b.example", "a.example") >= 0) return 1;
  options.remote_role = TLSPOOL_PEER;
  options.hello_delay_ms = -1;
  if (tlspool_starttls_peer(fd, NULL, "a.example", &options, &session, &error) >= 0) return 1;
  plain = tlspool_starttls_server(fd, NULL, &options, &session, &error);
  if (plain < 0) plain = tlspool_starttls_client(fd, "a.example", &options, &session, &error);
  start = tlspool_start_begin(fd, TLSPOOL_SERVER, &options, &error);
  if (start != NULL) {
    if (tlspool_start_fd(start) + tlspool_start_events(start) + tlspool_start_timeout(start) == 0) return 1;
    if (tlspool_start_continue(start, &session, &error) == TLSPOOL_AGAIN) tlspool_start_cancel(start);
  }
  if (session == NULL) return plain < 0 && error.reason == TLSPOOL_REASON_DESCRIPTOR && error.message[0] != '\0' ? 0 : 1;
  printf("%s %d %s %s %s %s %d %s %s %s %s %d\n", tlspool_session_id(session), (int)tlspool_session_role(session),
         tlspool_session_local_identity(session), tlspool_session_remote_identity(session),
         tlspool_session_remote_names(session)[0], tlspool_session_verified_by(session),
         (int)tlspool_session_version(session), tlspool_session_cipher_suite(session), tlspool_session_group(session),
         tlspool_session_signature_algorithm(session), tlspool_session_alpn(session), tlspool_session_resumed(session));
  printf("%s %s %d %ld\n", tlspool_session_key_store(session), tlspool_session_key_id(session),
         tlspool_session_key_forward_secrecy(session), (long)tlspool_session_keys_left(session));
  if (tlspool_session_state(session, &state, &error) == 0 && state.ending == TLSPOOL_OPEN) puts(state.detail);
  tlspool_export_keying_material(session, "EXPORTER-test", NULL, 0, out, sizeof out, &error);
  tlspool_channel_binding(session, out, &error);
  tlspool_update_keys(session, TLSPOOL_UPDATE_OWN, &error);
  if (tlspool_peer_certificates(session, &certificates, &error) > 0) tlspool_certificate_der(certificates, 0, &size);
  tlspool_certificates_free(certificates);
  tlspool_session_free(session);
  return 0;
}

int main(void) { return strlen(tlspool_library_version()) == 0 || run(-1) != 0; }
