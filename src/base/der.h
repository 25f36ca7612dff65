/*
 * der.h - reading and writing DER (X.690), strictly and without OpenSSL.
 *
 * The reader walks bytes in place, accepts DER only (definite minimal lengths)
 * and never recurses. The writer puts tag and content one after the other;
 * a constructed value is opened, filled and closed, its length patched in.
 */
#ifndef CM_BASE_DER_H
#define CM_BASE_DER_H

#include "base/buf.h"
#include "base/status.h"

#define CM_DER_BOOLEAN 0x01
#define CM_DER_INTEGER 0x02
#define CM_DER_BIT_STRING 0x03
#define CM_DER_OCTET_STRING 0x04
#define CM_DER_NULL 0x05
#define CM_DER_OID 0x06
#define CM_DER_ENUMERATED 0x0a
#define CM_DER_UTF8STRING 0x0c
#define CM_DER_PRINTABLESTRING 0x13
#define CM_DER_IA5STRING 0x16
#define CM_DER_UTCTIME 0x17
#define CM_DER_GENERALIZEDTIME 0x18
#define CM_DER_SEQUENCE 0x30
#define CM_DER_SET 0x31
#define CM_DER_CONTEXT(n) (0x80 | (n))		/* primitive [n] IMPLICIT */
#define CM_DER_CONTEXT_CONS(n) (0xa0 | (n)) /* constructed [n] */

/* A view of bytes that somebody else owns. */
typedef struct CmSlice
{
	const uint8_t *data;
	size_t		len;
} CmSlice;

/* One value: tag, content, and the whole of it (header and content). */
typedef struct CmDer
{
	uint8_t		tag;
	CmSlice		content;
	CmSlice		whole;
} CmDer;

static inline CmSlice
cm_slice(const void *data, size_t len)
{
	CmSlice		s = {(const uint8_t *) data, len};

	return s;
}

static inline CmSlice
cm_buf_slice(const CmBuf *buf)
{
	return cm_slice(buf->data, buf->len);
}

extern bool cm_slice_equal(CmSlice a, CmSlice b);

/* Reads the next value of *rest and moves *rest behind it. False at the end, or when the bytes are not DER (tag numbers above 30 are refused). */
extern bool cm_der_next(CmSlice *rest, CmDer *out);
/* The same, for a value that must have this tag. */
extern bool cm_der_expect(CmSlice *rest, uint8_t tag, CmDer *out);
/* Reads an optional value: true with *present said, false only for bytes that are not DER. */
extern bool cm_der_optional(CmSlice *rest, uint8_t tag, CmDer *out, bool *present);
/* Is this value (whole) one of those that stand here side by side? */
extern bool cm_der_contains(CmSlice values, CmSlice whole);
/* A non-negative INTEGER that fits; a BOOLEAN of exactly 00 or ff; UTCTime or GeneralizedTime ("Z", seconds, no fraction) as seconds since 1970. */
extern bool cm_der_get_uint(const CmDer *v, uint64_t *out);
extern bool cm_der_get_bool(const CmDer *v, bool *out);
extern bool cm_der_get_time(const CmDer *v, int64_t *unix_seconds);
/* Dotted text of an OID's content, e.g. "2.5.29.17". */
extern bool cm_der_oid_text(CmSlice oid, char *dst, size_t dstsize);

/* Writer: open returns a mark for close. Errors are remembered in buf->failed. */
extern size_t cm_der_open(CmBuf *buf, uint8_t tag);
extern void cm_der_close(CmBuf *buf, size_t mark);
extern void cm_der_put(CmBuf *buf, uint8_t tag, const void *content, size_t len);
extern void cm_der_put_slice(CmBuf *buf, uint8_t tag, CmSlice content);
extern void cm_der_put_uint(CmBuf *buf, uint64_t value);				/* INTEGER */
extern void cm_der_put_unsigned(CmBuf *buf, const uint8_t *big_endian, size_t len);	/* INTEGER of any size, sign byte added, leading zeros dropped */
extern void cm_der_put_bool(CmBuf *buf, bool value);
extern void cm_der_put_time(CmBuf *buf, int64_t unix_seconds);			/* RFC 5280 4.1.2.5: UTCTime to 2049, GeneralizedTime after */
extern void cm_der_put_bit_string(CmBuf *buf, const void *bits, size_t len);	/* 0 unused bits */
extern void cm_der_put_named_bits(CmBuf *buf, uint32_t bits);			/* bit n of the argument = named bit n; trailing zero bits dropped */
extern bool cm_der_put_oid(CmBuf *buf, const char *dotted);				/* false (and failed) when it is not an OID */

#endif
