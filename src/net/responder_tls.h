/*
 * responder_tls.h - the TLS side of TLS-ALPN-01: bytes in, bytes out.
 */
#ifndef CM_NET_RESPONDER_TLS_H
#define CM_NET_RESPONDER_TLS_H

#include "base/buf.h"
#include "base/der.h"
#include "net/responder.h"

typedef struct CmResponderTls CmResponderTls;	/* of a listener: library context and key */
typedef struct CmHandshake CmHandshake; /* of a connection */

extern CmResponderTls *cm_responder_tls_create(CmResponderLookup lookup, void *arg, CmStatus *st);
extern void cm_responder_tls_free(CmResponderTls *tls);	/* after its handshakes; NULL is fine */

extern CmHandshake *cm_handshake_create(CmResponderTls *tls);	/* NULL: out of memory */
extern void cm_handshake_free(CmHandshake *handshake);
/*
 * Takes what the client sent, appends what is to be sent. *done: there is
 * nothing more to come, be it that the client has seen the certificate, or
 * that it was sent an alert. False: out of memory.
 */
extern bool cm_handshake_feed(CmHandshake *handshake, CmSlice in, CmBuf *out, bool *done);

#endif
