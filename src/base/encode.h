/*
 * encode.h - base64, base64url (RFC 4648), hexadecimal and PEM (RFC 7468).
 */
#ifndef CM_BASE_ENCODE_H
#define CM_BASE_ENCODE_H

#include "base/buf.h"
#include "base/der.h"
#include "base/status.h"

extern bool cm_base64url_encode(CmBuf *out, const void *data, size_t len);	/* no padding */
extern bool cm_base64_encode(CmBuf *out, const void *data, size_t len);
/* Decodes either alphabet, padded or not; anything else, and stray bits in the last character, are refused. */
extern bool cm_base64_decode(CmBuf *out, const char *text, size_t len);
extern bool cm_hex_encode(CmBuf *out, const void *data, size_t len);		/* lower case */
/* The value of one digit, either case; -1 for anything else. */
extern int	cm_hex_digit(char c);
extern bool cm_hex_decode(CmBuf *out, const char *text, size_t len);		/* either case, colons allowed */

/* Appends one armoured block, 64 columns, final newline. */
extern bool cm_pem_encode(CmBuf *out, const char *label, const void *der, size_t len);
/*
 * Finds the next block in *rest (text before it is skipped) and moves *rest
 * behind it. Appends the DER to der, copies the label. Linear in the input.
 * Returns false with st->code == CM_OK when there is no further block.
 */
extern bool cm_pem_next(CmSlice *rest, char *label, size_t labelsize, CmBuf *der, CmStatus *st);

#endif
