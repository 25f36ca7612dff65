/*
 * token_file.c - see token_file.h.
 *
 * Runs in the database worker and in CALL certmgr.work(), with the rights of
 * the server's user. The file is read anew each time: tokens are rotated. What
 * may fail: the file, its rights, its content.
 */
#include "dns01/token_file.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

bool
cm_token_file_read(const char *path, CmBuf *out, CmStatus *st)
{
	FILE	   *f = fopen(path, "re");
	uint8_t		part[4096];
	size_t		n;
	size_t		i;

	if (f == NULL)
		return cm_fail(st, CM_REFUSED, "could not open file \"%.150s\": %s", path, strerror(errno));
	while ((n = fread(part, 1, sizeof(part), f)) > 0 && cm_buf_append(out, part, n))
		;
	fclose(f);
	cm_wipe(part, sizeof(part));
	while (out->len > 0 && (out->data[out->len - 1] == '\n' || out->data[out->len - 1] == '\r' || out->data[out->len - 1] == ' '))
		out->len--;
	if (out->failed || out->len == 0)
		return cm_fail(st, CM_REFUSED, "file \"%.150s\" is empty, or larger than a token", path);
	for (i = 0; i < out->len; i++)
	{
		if (out->data[i] <= ' ' || out->data[i] >= 0x7f)
			return cm_fail(st, CM_REFUSED, "file \"%.150s\" does not hold a token", path);
	}
	return true;
}

/* Three base64url parts, the first of them a JSON object. */
static bool
is_jwt(CmBuf *token)
{
	const char *text = cm_buf_cstr(token);
	int			dots = 0;

	if (strncmp(text, "eyJ", 3) != 0)
		return false;
	for (; *text != '\0'; text++)
	{
		if (*text == '.')
			dots++;
		else if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", *text) == NULL)
			return false;
	}
	return dots == 2;
}

bool
cm_token_file_read_jwt(const char *path, CmBuf *out, CmStatus *st)
{
	return cm_token_file_read(path, out, st) && (is_jwt(out) || cm_fail(st, CM_REFUSED, "file \"%.150s\" does not hold a JSON web token", path));
}
