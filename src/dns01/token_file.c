/*
 * token_file.c - see token_file.h.
 *
 * Runs in the database worker and in CALL certmgr.work(), with the rights of
 * the server's user. The file is read anew each time: tokens are rotated. What
 * may fail: the file, its rights, its content.
 */
#include "dns01/token_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool
cm_token_file_read(const char *path, CmBuf *out, CmStatus *st)
{
	/* Not by stdio, whose buffer nobody wipes; and a pipe that nobody writes to must not hold up the worker. */
	int			fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat about;
	uint8_t		part[4096];
	ssize_t		n;
	size_t		i;

	if (fd < 0)
		return cm_fail(st, CM_REFUSED, "could not open file \"%.150s\": %s", path, strerror(errno));
	if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode))
	{
		close(fd);
		return cm_fail(st, CM_REFUSED, "\"%.150s\" is not a file", path);
	}
	while (((n = read(fd, part, sizeof(part))) > 0 && cm_buf_append(out, part, (size_t) n)) || (n < 0 && errno == EINTR))
		;
	close(fd);
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
