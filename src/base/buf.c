/*
 * buf.c - a growing run of bytes on malloc, with a hard upper bound.
 *
 * Runs in every process. What may fail: memory, or the bound; both set
 * "failed", after which every append is refused until reset or free, so a
 * writer that checks once at the end never sees bytes with a hole in them.
 *
 * One byte more than "len" is always allocated: the NUL of cm_buf_cstr.
 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The first allocation. Most buffers hold a key, a signature or a small
 * request; a certificate grows twice.
 */
#define FIRST_CAPACITY 256

void
cm_wipe(void *p, size_t len)
{
	if (p == NULL || len == 0)
		return;
	memset(p, 0, len);
#if defined(__GNUC__)
	/* The memory is an input of this empty statement, so the memset stays. */
	__asm__ __volatile__("" : : "r"(p) : "memory");
#else
	{
		volatile unsigned char *v = p;

		while (len-- > 0)
			*v++ = 0;
	}
#endif
}

void
cm_buf_init(CmBuf *buf, size_t max)
{
	memset(buf, 0, sizeof(*buf));
	buf->max = max;
}

void
cm_buf_init_secret(CmBuf *buf, size_t max)
{
	cm_buf_init(buf, max);
	buf->secret = true;
}

static bool
refuse(CmBuf *buf)
{
	buf->failed = true;
	return false;
}

static bool
grow(CmBuf *buf, size_t need)
{
	size_t		cap = buf->cap == 0 ? FIRST_CAPACITY : buf->cap;
	uint8_t    *data;

	while (cap < need)
	{
		if (cap > SIZE_MAX / 2)
		{
			cap = need;
			break;
		}
		cap *= 2;
	}

	if (!buf->secret)
	{
		data = realloc(buf->data, cap);
		if (data == NULL)
			return refuse(buf);
	}
	else
	{
		/* realloc would leave a copy behind that nobody wipes. */
		data = malloc(cap);
		if (data == NULL)
			return refuse(buf);
		if (buf->data != NULL)
		{
			memcpy(data, buf->data, buf->len);
			cm_wipe(buf->data, buf->cap);
			free(buf->data);
		}
	}
	buf->data = data;
	buf->cap = cap;
	return true;
}

bool
cm_buf_reserve(CmBuf *buf, size_t more)
{
	size_t		max = buf->max == 0 ? CM_BUF_DEFAULT_MAX : buf->max;

	if (buf->failed)
		return false;
	/* The last test leaves room for the NUL behind the bytes. */
	if (buf->len > max || more > max - buf->len || buf->len + more == SIZE_MAX)
		return refuse(buf);
	if (buf->len + more + 1 <= buf->cap)
		return true;
	return grow(buf, buf->len + more + 1);
}

bool
cm_buf_append(CmBuf *buf, const void *data, size_t len)
{
	if (!cm_buf_reserve(buf, len))
		return false;
	if (len > 0)
		memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	return true;
}

bool
cm_buf_append_str(CmBuf *buf, const char *str)
{
	return cm_buf_append(buf, str, strlen(str));
}

bool
cm_buf_append_byte(CmBuf *buf, uint8_t byte)
{
	if (!cm_buf_reserve(buf, 1))
		return false;
	buf->data[buf->len++] = byte;
	return true;
}

bool
cm_buf_printf(CmBuf *buf, const char *fmt,...)
{
	va_list		args;
	int			need;
	size_t		room;

	if (!cm_buf_reserve(buf, 0))
		return false;

	room = buf->cap - buf->len;
	va_start(args, fmt);
	need = vsnprintf((char *) buf->data + buf->len, room, fmt, args);
	va_end(args);
	if (need < 0)
		return refuse(buf);

	if ((size_t) need >= room)
	{
		/* A first try that was cut is outside "len": reserve may move it. */
		if (!cm_buf_reserve(buf, (size_t) need))
			return false;
		va_start(args, fmt);
		need = vsnprintf((char *) buf->data + buf->len, buf->cap - buf->len, fmt, args);
		va_end(args);
		if (need < 0 || (size_t) need >= buf->cap - buf->len)
			return refuse(buf);
	}
	else if (!cm_buf_reserve(buf, (size_t) need))
		return false;			/* there was memory, but not within the bound */

	buf->len += (size_t) need;
	return true;
}

const char *
cm_buf_cstr(CmBuf *buf)
{
	if (buf->failed || buf->len == 0 || buf->data == NULL)
		return "";
	buf->data[buf->len] = '\0';
	return (const char *) buf->data;
}

void
cm_buf_reset(CmBuf *buf)
{
	if (buf->secret)
		cm_wipe(buf->data, buf->cap);
	buf->len = 0;
	buf->failed = false;
}

void
cm_buf_free(CmBuf *buf)
{
	if (buf->secret)
		cm_wipe(buf->data, buf->cap);
	free(buf->data);
	buf->data = NULL;
	buf->len = 0;
	buf->cap = 0;
	buf->failed = false;
}
