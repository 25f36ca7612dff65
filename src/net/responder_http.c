/*
 * responder_http.c - see responder_http.h: HTTP/1.1 as far as an HTTP-01
 * challenge needs it (RFC 8555 8.3, RFC 9112). Runs in the listener on bytes
 * of anybody; allocates nothing while it reads. Strict where two servers could
 * read a request in two ways; a request with a body is refused unread.
 */
#include "net/responder_http.h"

#include "base/datetime.h"

#include <string.h>

/* Of a request line. The path of a challenge has 160 bytes at most. */
#define LINE_MAX_BYTES 2048
/* Validators send five; browsers some twenty. */
#define FIELDS_MAX 64
#define PREFIX "/.well-known/acme-challenge/"

typedef struct Reader
{
	CmSlice		rest;
	bool		http11;
	int			refusal;		/* of a request that is whole: 405, 404, 505 */
	int			hosts;
	bool		body;
} Reader;

/* RFC 9110 5.6.2 */
static bool
is_tchar(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* Text of a line: what is visible, spaces and tabs, and bytes above ASCII. */
static bool
is_text(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
	{
		if ((data[i] < 0x20 && data[i] != '\t') || data[i] == 0x7f)
			return false;
	}
	return true;
}

typedef enum LineState
{
	LINE_MORE,
	LINE_WHOLE,
	LINE_BAD
} LineState;

/* The next line without its end: CRLF, or LF alone (RFC 9112 2.2). */
static LineState
next_line(CmSlice *rest, CmSlice *line)
{
	const uint8_t *end = rest->len > 0 ? memchr(rest->data, '\n', rest->len) : NULL;
	size_t		len = end != NULL ? (size_t) (end - rest->data) : rest->len;

	*line = cm_slice(rest->data, len);
	if (len > 0 && line->data[len - 1] == '\r')
		line->len--;
	if (!is_text(line->data, line->len))
		return LINE_BAD;
	if (end == NULL)
		return LINE_MORE;
	rest->data += len + 1;
	rest->len -= len + 1;
	return LINE_WHOLE;
}

static bool
slice_is(CmSlice slice, const char *word)
{
	return slice.len == strlen(word) && memcmp(slice.data, word, slice.len) == 0;
}

/* Without regard to case; word is in lower case. */
static bool
field_is(CmSlice name, const char *word)
{
	if (name.len != strlen(word))
		return false;
	for (size_t i = 0; i < name.len; i++)
	{
		uint8_t		c = name.data[i];

		if ((c >= 'A' && c <= 'Z' ? c + 32 : c) != (uint8_t) word[i])
			return false;
	}
	return true;
}

/* The path of "/path" or "http://host/path"; empty: neither. */
static CmSlice
path_of(CmSlice target)
{
	static const char scheme[] = "http://";
	size_t		len = strlen(scheme);
	const uint8_t *slash;

	if (target.len > 0 && target.data[0] == '/')
		return target;
	if (target.len <= len || !field_is(cm_slice(target.data, len), scheme))
		return cm_slice(NULL, 0);
	slash = memchr(target.data + len, '/', target.len - len);
	if (slash == NULL)
		return cm_slice("/", 1);
	return cm_slice(slash, target.len - (size_t) (slash - target.data));
}

/* The token of the path of a challenge: nothing before, nothing behind. */
static bool
take_token(CmSlice path, char *dst)
{
	size_t		prefix = strlen(PREFIX);
	size_t		len = path.len - prefix;

	if (path.len <= prefix || len > CM_RESPONDER_TOKEN_MAX || memcmp(path.data, PREFIX, prefix) != 0)
		return false;
	for (size_t i = 0; i < len; i++)
	{
		uint8_t		c = path.data[prefix + i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_'))
			return false;
	}
	memcpy(dst, path.data + prefix, len);
	dst[len] = '\0';
	return true;
}

/* "HTTP/1.1": the digits. */
static bool
read_version(CmSlice version, int *major, int *minor)
{
	if (version.len != 8 || memcmp(version.data, "HTTP/", 5) != 0 || version.data[6] != '.' ||
		version.data[5] < '0' || version.data[5] > '9' || version.data[7] < '0' || version.data[7] > '9')
		return false;
	*major = version.data[5] - '0';
	*minor = version.data[7] - '0';
	return true;
}

/* METHOD SP target SP version, single spaces. False: 400. */
static bool
read_request_line(Reader *reader, CmSlice line, CmResponderRequest *out)
{
	const uint8_t *first = memchr(line.data, ' ', line.len);
	const uint8_t *last;
	CmSlice		method;
	CmSlice		target;
	CmSlice		path;
	int			major;
	int			minor;

	if (first == NULL)
		return false;
	method = cm_slice(line.data, (size_t) (first - line.data));
	target = cm_slice(first + 1, line.len - method.len - 1);
	last = target.len > 0 ? memchr(target.data, ' ', target.len) : NULL;
	if (last == NULL || !read_version(cm_slice(last + 1, target.len - (size_t) (last - target.data) - 1), &major, &minor))
		return false;
	target.len = (size_t) (last - target.data);
	if (method.len == 0 || target.len == 0 || memchr(target.data, '\t', target.len) != NULL)
		return false;
	for (size_t i = 0; i < method.len; i++)
	{
		if (!is_tchar(method.data[i]))
			return false;
	}
	out->head = slice_is(method, "HEAD");
	reader->http11 = major == 1 && minor >= 1;
	path = path_of(target);
	if (major != 1)
		reader->refusal = 505;
	else if (!out->head && !slice_is(method, "GET"))
		reader->refusal = 405;
	else if (path.len == 0)
		return false;
	else if (!take_token(path, out->token))
		reader->refusal = 404;
	return true;
}

/* name ":" value. False: 400. */
static bool
read_field(Reader *reader, CmSlice line)
{
	const uint8_t *colon = memchr(line.data, ':', line.len);
	CmSlice		name;
	CmSlice		value;

	/* A line that begins with a space would go on with the one before: obsolete, and read in two ways. */
	if (colon == NULL || colon == line.data)
		return false;
	name = cm_slice(line.data, (size_t) (colon - line.data));
	for (size_t i = 0; i < name.len; i++)
	{
		if (!is_tchar(name.data[i]))
			return false;
	}
	value = cm_slice(colon + 1, line.len - name.len - 1);
	while (value.len > 0 && (value.data[0] == ' ' || value.data[0] == '\t'))
		value.data++, value.len--;
	while (value.len > 0 && (value.data[value.len - 1] == ' ' || value.data[value.len - 1] == '\t'))
		value.len--;
	if (field_is(name, "host"))
		reader->hosts++;
	else if (field_is(name, "transfer-encoding") || (field_is(name, "content-length") && !slice_is(value, "0")))
		reader->body = true;
	return true;
}

/* The answer, or 0 when there is more to come. */
static int
read_head(Reader *reader, CmResponderRequest *out)
{
	CmSlice		line;
	LineState	state = next_line(&reader->rest, &line);
	int			fields = 0;

	/* One empty line before a request is forgiven (RFC 9112 2.2). */
	if (state == LINE_WHOLE && line.len == 0)
		state = next_line(&reader->rest, &line);
	if (state == LINE_BAD)
		return 400;
	if (line.len > LINE_MAX_BYTES)
		return 414;
	if (state == LINE_MORE)
		return 0;
	if (!read_request_line(reader, line, out))
		return 400;
	while ((state = next_line(&reader->rest, &line)) == LINE_WHOLE && line.len > 0)
	{
		if (!read_field(reader, line))
			return 400;
		if (++fields > FIELDS_MAX)
			return 431;
	}
	if (state != LINE_WHOLE)
		return state == LINE_BAD ? 400 : 0;
	if (reader->body || reader->hosts > 1 || (reader->http11 && reader->hosts == 0))
		return 400;
	return reader->refusal != 0 ? reader->refusal : 200;
}

void
cm_responder_request_read(CmSlice in, CmResponderRequest *out)
{
	Reader		reader = {0};

	memset(out, 0, sizeof(*out));
	reader.rest = cm_slice(in.data, in.len > CM_RESPONDER_HEAD_MAX ? CM_RESPONDER_HEAD_MAX : in.len);
	out->status = read_head(&reader, out);
	if (out->status == 0 && in.len >= CM_RESPONDER_HEAD_MAX)
		out->status = 431;
}

/* ---- answers ---- */

static const char *
words_of(int status)
{
	switch (status)
	{
		case 200:
			return "OK";
		case 400:
			return "Bad Request";
		case 404:
			return "Not Found";
		case 405:
			return "Method Not Allowed";
		case 414:
			return "URI Too Long";
		case 431:
			return "Request Header Fields Too Large";
		case 505:
			return "HTTP Version Not Supported";
		default:
			return "Internal Server Error";
	}
}

/* IMF-fixdate (RFC 9110 5.6.7), whatever the locale. */
static void
put_date(CmBuf *out, int64_t now)
{
	static const char days[] = "ThuFriSatSunMonTueWed";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	CmCivil		c = cm_time_to_civil(now);

	cm_buf_printf(out, "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n", days + now / 86400 % 7 * 3, c.day, months + (c.month - 1) * 3, c.year, c.hour, c.minute, c.second);
}

bool
cm_responder_answer(CmBuf *out, int status, bool head, const char *content, int64_t now)
{
	const char *body = content != NULL ? content : words_of(status);

	cm_buf_printf(out, "HTTP/1.1 %d %s\r\n", status, words_of(status));
	put_date(out, now);
	/* RFC 8555 8.3 wants this type. */
	cm_buf_printf(out, "Content-Type: %s\r\nContent-Length: %zu\r\n", status == 200 ? "application/octet-stream" : "text/plain", strlen(body));
	if (status == 405)
		cm_buf_append_str(out, "Allow: GET, HEAD\r\n");
	cm_buf_append_str(out, "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n");
	if (!head)
		cm_buf_append_str(out, body);
	return !out->failed;
}
