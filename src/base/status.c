/*
 * status.c - filling a CmStatus, and cleaning text of a foreign origin.
 *
 * Runs in every process. Nothing here allocates or fails; text that does not
 * fit is cut.
 */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool
cm_fail(CmStatus *st, CmCode code, const char *fmt,...)
{
	char		text[sizeof(st->reason)];
	va_list		args;

	if (st == NULL)
		return false;

	/* Formatted apart first: an argument may well be st->reason itself. */
	va_start(args, fmt);
	(void) vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);

	st->code = code;
	memcpy(st->reason, text, sizeof(text));
	st->detail[0] = '\0';
	return false;
}

bool
cm_fail_detail(CmStatus *st, const char *fmt,...)
{
	char		text[sizeof(st->detail)];
	va_list		args;

	if (st == NULL)
		return false;

	va_start(args, fmt);
	(void) vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);

	memcpy(st->detail, text, sizeof(text));
	return false;
}

void
cm_clean_text(char *dst, size_t dstsize, const char *src, size_t srclen)
{
	size_t		i;
	size_t		n;

	if (dst == NULL || dstsize == 0)
		return;

	n = src == NULL ? 0 : srclen;
	if (n > dstsize - 1)
		n = dstsize - 1;
	for (i = 0; i < n; i++)
	{
		unsigned char c = (unsigned char) src[i];

		dst[i] = (c >= 0x20 && c <= 0x7e) ? (char) c : '?';
	}
	dst[n] = '\0';
}

void
cm_list_add(char *list, size_t size, const char *word)
{
	size_t		used = strlen(list);

	(void) snprintf(list + used, size - used, "%s%s", used > 0 ? ", " : "", word);
}
