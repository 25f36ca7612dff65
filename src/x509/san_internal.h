/*
 * san_internal.h - what the san_*.c share: the choices of GeneralName, and the
 * checks of one value.
 */
#ifndef CM_X509_SAN_INTERNAL_H
#define CM_X509_SAN_INTERNAL_H

#include "base/host.h"
#include "x509/san.h"

/* Far above any name in use (URIs end at 2 KiB in practice); bounds the work and the memory per value. */
#define SAN_TEXT_MAX 8192

/* The choices of GeneralName, RFC 5280 4.2.1.6. */
#define TAG_OTHER_NAME CM_DER_CONTEXT_CONS(0)
#define TAG_EMAIL CM_DER_CONTEXT(1)
#define TAG_DNS CM_DER_CONTEXT(2)
#define TAG_X400 CM_DER_CONTEXT_CONS(3)
#define TAG_DIR_NAME CM_DER_CONTEXT_CONS(4)
#define TAG_EDI CM_DER_CONTEXT_CONS(5)
#define TAG_URI CM_DER_CONTEXT(6)
#define TAG_IP CM_DER_CONTEXT(7)
#define TAG_RID CM_DER_CONTEXT(8)

/* A sentence about what is wrong with a value. */
typedef struct CmSanWhy
{
	char		text[512];			/* as CmStatus.detail */
} CmSanWhy;

/* Both return false. */
extern bool cm_san_because(CmSanWhy *why, const char *text);
extern bool cm_san_because_status(CmSanWhy *why, const CmStatus *st);
/* Fails with the text that is no name, and why; returns false. */
extern bool cm_san_fail(const char *text, CmStatus *st, const CmSanWhy *why);

extern bool cm_san_host(const char *text, bool wildcard, char dst[CM_HOST_MAX + 1], CmSanWhy *why);
/* local@domain: the local part as it is (only its host may fold case), the domain canonical. */
extern bool cm_san_mailbox(const char *text, CmBuf *out, CmSanWhy *why);
extern bool cm_san_uri(const char *text, CmSanWhy *why);

/* ASCII, whatever the locale. */
static inline bool
cm_san_is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Appends the text of a GeneralName; false: there is no such choice. */
extern bool cm_san_put_text(const CmDer *name, CmBuf *text);
/* Appends "#" and hexadecimal digits, for what has no text. */
extern void cm_san_put_hex(CmBuf *text, const char *prefix, CmSlice bytes);

#endif
