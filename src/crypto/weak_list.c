/*
 * weak_list.c - see weak_list.h. Runs in every process; the list is read where
 * the setting is (src/pg), by the postmaster too, and shared by what it forks.
 * Locks nothing. What may fail: a line that is no entry; SHA-1, which a FIPS
 * provider may not have.
 */
#include "crypto/weak_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "crypto/digest.h"

#define LINE_DIGITS (2 * CM_WEAK_LIST_ENTRY)

static const uint8_t *list;
static size_t list_count;

static int
compare(const void *a, const void *b)
{
	return memcmp(a, b, CM_WEAK_LIST_ENTRY);
}

static bool
read_line(const char *line, size_t len, uint8_t *entry)
{
	size_t		i;

	if (len != LINE_DIGITS)
		return false;
	for (i = 0; i < CM_WEAK_LIST_ENTRY; i++)
	{
		int			high = cm_hex_digit(line[2 * i]);
		int			low = cm_hex_digit(line[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		entry[i] = (uint8_t) (high << 4 | low);
	}
	return true;
}

bool
cm_weak_list_read(const char *text, size_t len, uint8_t *entries, size_t *count, CmStatus *st)
{
	const char *end = text + len;
	size_t		number = 0;

	*count = 0;
	while (text < end)
	{
		const char *newline = memchr(text, '\n', (size_t) (end - text));
		size_t		size = (size_t) ((newline ? newline : end) - text);
		const char *line = text;

		number++;
		text = newline ? newline + 1 : end;
		while (size > 0 && (line[size - 1] == '\r' || line[size - 1] == ' ' || line[size - 1] == '\t'))
			size--;
		if (size == 0 || line[0] == '#')
			continue;
		if (!read_line(line, size, entries + *count * CM_WEAK_LIST_ENTRY))
		{
			(void) cm_fail(st, CM_INVALID, "list of weak keys is not valid");
			return cm_fail_detail(st, "Line %zu is not %d hexadecimal digits.", number, LINE_DIGITS);
		}
		(*count)++;
	}
	if (*count > 1)
		qsort(entries, *count, CM_WEAK_LIST_ENTRY, compare);
	return true;
}

void
cm_weak_list_use(const uint8_t *entries, size_t count)
{
	list = entries;
	list_count = count;
}

/* As OpenSSL prints a number: upper case, no leading zero. */
static bool
put_modulus(CmBuf *buf, CmSlice modulus)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t		i;

	cm_buf_append_str(buf, "Modulus=");
	for (i = 0; i < modulus.len; i++)
	{
		if (i > 0 || modulus.data[i] >= 16)
			cm_buf_append_byte(buf, (uint8_t) digits[modulus.data[i] >> 4]);
		cm_buf_append_byte(buf, (uint8_t) digits[modulus.data[i] & 15]);
	}
	return cm_buf_append_byte(buf, '\n');
}

bool
cm_weak_list_check(CmSlice modulus, CmStatus *st)
{
	CmBuf		buf;
	uint8_t		hash[20];
	bool		put;
	bool		hashed;

	if (list_count == 0)
		return true;
	cm_buf_init(&buf, 0);
	put = put_modulus(&buf, modulus);
	hashed = put && cm_sha1(cm_slice(buf.data, buf.len), hash);
	cm_buf_free(&buf);
	if (!put)
		return cm_fail(st, CM_MEMORY, "out of memory");
	if (!hashed)
		return cm_fail_crypto(st, "could not compute a SHA-1 digest");
	if (bsearch(hash + sizeof(hash) - CM_WEAK_LIST_ENTRY, list, list_count, CM_WEAK_LIST_ENTRY, compare) == NULL)
		return true;
	(void) cm_fail(st, CM_POLICY, "RSA key is weak");
	return cm_fail_detail(st, "It is on the list of weak keys of this server (certmgr.weak_key_file), such as those that Debian's OpenSSL made until 2008 (CVE-2008-0166).");
}
