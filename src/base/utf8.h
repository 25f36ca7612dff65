/*
 * utf8.h - UTF-8 (RFC 3629): its characters, and foreign text checked and shown so that every terminal shows it and it can be
 * read back.
 */
#ifndef CM_BASE_UTF8_H
#define CM_BASE_UTF8_H

#include "base/buf.h"
#include "base/der.h"

/* Length of the character at p, 0 when it is none (RFC 3629: nothing overlong, no surrogates); *code is its code point. */
extern size_t cm_utf8_next(const uint8_t *p, size_t len, uint32_t *code);
/* The octets of a code point, which is below 110000; how many. */
extern size_t cm_utf8_encode(uint32_t code, uint8_t dst[4]);
extern void cm_utf8_put(CmBuf *out, uint32_t code);

/* Is this UTF-8? Counts the characters; chars may be NULL. */
extern bool cm_utf8_check(CmSlice text, size_t *chars);
/* Appends foreign text as valid, printable UTF-8: a backslash is doubled; controls, invisible characters, bytes that are not UTF-8 (or not ASCII, when ascii) become \XX. */
extern void cm_utf8_put_escaped(CmBuf *out, CmSlice text, bool ascii);
/* Undoes it: "\\" is a backslash, "\XX" a byte; false for any other backslash. Appended. */
extern bool cm_utf8_unescape(const char *text, CmBuf *out);

#endif
