/*
 * url.h - addresses that go into certificates (AIA, CRL distribution points),
 * written by an administrator as templates.
 *
 * A text holds one address, or several with blanks between them. "{ca}" stands
 * for the CA's name (percent-encoded), "{serial}" for the certificate's serial number
 * (hexadecimal), "{issuer}" for the key identifier of the issuer (hexadecimal: it
 * changes when the CA gets a new key), "{shard}" for the number of the CRL
 * that the certificate would be on.
 */
#ifndef CM_X509_URL_H
#define CM_X509_URL_H

#include "base/buf.h"
#include "base/der.h"
#include "base/status.h"

typedef struct CmUrlValues
{
	const char *ca;				/* NULL: "{ca}" is refused */
	CmSlice		serial;			/* of the certificate; empty: refused */
	CmSlice		issuer;			/* key identifier; empty: refused */
	int			shard;			/* from 0; below: refused. The first is 0, so a zeroed struct names it. */
} CmUrlValues;

/* Takes the next address off the text, still a template; false at the end. */
extern bool cm_url_next(const char **rest, CmSlice *url);
/* One address with its placeholders filled in, appended. what: for the message. */
extern bool cm_url_expand(CmSlice url, const CmUrlValues *values, const char *what, CmBuf *out, CmStatus *st);
/* Would every address of the text be accepted with all values given? NULL is fine. For those who store it. */
extern bool cm_url_check(const char *text, const char *what, CmStatus *st);

#endif
