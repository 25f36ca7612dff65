/*
 * buf.h - a growing run of bytes on malloc, with a hard upper bound.
 *
 * Used by everything that must not palloc: the DER writer, the curl callbacks,
 * the DNS codec. A CmBuf that failed to grow remembers it ("failed"), so a
 * writer may append many times and check once. Wipe-on-free buffers
 * ("secret") clear their old memory whenever they grow or are freed.
 */
#ifndef CM_BASE_BUF_H
#define CM_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct CmBuf
{
	uint8_t    *data;
	size_t		len;
	size_t		cap;
	size_t		max;			/* upper bound of len; 0 = CM_BUF_DEFAULT_MAX */
	bool		secret;			/* wipe before memory is given back */
	bool		failed;			/* an append was refused (bound or memory) */
} CmBuf;

#define CM_BUF_DEFAULT_MAX ((size_t) 256 * 1024 * 1024)

extern void cm_buf_init(CmBuf *buf, size_t max);
extern void cm_buf_init_secret(CmBuf *buf, size_t max);
extern bool cm_buf_reserve(CmBuf *buf, size_t more);
extern bool cm_buf_append(CmBuf *buf, const void *data, size_t len);
extern bool cm_buf_append_str(CmBuf *buf, const char *str);
extern bool cm_buf_append_byte(CmBuf *buf, uint8_t byte);
extern bool cm_buf_printf(CmBuf *buf, const char *fmt,...)
#if defined(__GNUC__)
			__attribute__((format(printf, 2, 3)))
#endif
;
/* The bytes as a C string: a NUL is kept behind the last byte. Never NULL ("" when empty or failed). */
extern const char *cm_buf_cstr(CmBuf *buf);
extern void cm_buf_reset(CmBuf *buf);	/* len = 0, memory kept (wiped when secret), failed cleared */
extern void cm_buf_free(CmBuf *buf);	/* memory given back; the buffer may be used again */
extern void cm_wipe(void *p, size_t len);	/* a memset the compiler may not drop */

#endif
