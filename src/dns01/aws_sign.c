/*
 * aws_sign.c - AWS Signature Version 4.
 *
 * Pure functions over memory, in whatever process sends the request. What may
 * fail: the crypto library, memory, and requests with more parameters or
 * headers than any of ours has. Checked against AWS's own test suite
 * (test/unit/test_aws_sign.c).
 */
#include "dns01/aws_sign.h"

#include "base/datetime.h"
#include "base/encode.h"
#include "crypto/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALGORITHM "AWS4-HMAC-SHA256"
/* Ours have four of each at most. */
#define FIELDS_MAX 32
/* A session token may have 12 KiB (STS says 4 KiB is usual, and sets no limit); the rest is short. */
#define CANONICAL_MAX ((size_t) 64 * 1024)

/* A header or a query parameter: name and value somewhere in a scratch buffer. */
typedef struct Field
{
	const char *name;
	const char *value;
	int			order;			/* as given: headers of one name keep it */
} Field;

typedef struct Fields
{
	Field		items[FIELDS_MAX];
	int			count;
	char	   *memory[FIELDS_MAX];	/* to be wiped and freed */
} Fields;

void
cm_aws_date(int64_t now, char date[CM_AWS_DATE_SIZE])
{
	CmCivil		c = cm_time_to_civil(now);

	/* The casts tell the compiler how long the text can get. */
	snprintf(date, CM_AWS_DATE_SIZE, "%04u%02u%02uT%02u%02u%02uZ", (unsigned) c.year % 10000, (unsigned) c.month % 100, (unsigned) c.day % 100,
			 (unsigned) c.hour % 100, (unsigned) c.minute % 100, (unsigned) c.second % 100);
}

/* ---- percent-encoding ---- */

static bool
is_unreserved(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}

static void
append_encoded(CmBuf *out, uint8_t c)
{
	if (is_unreserved(c))
		cm_buf_append_byte(out, c);
	else
		cm_buf_printf(out, "%%%02X", c);
}

/* Decodes what the wire encoded and encodes it in the one way that is signed. */
static void
append_reencoded(CmBuf *out, const char *text, size_t len)
{
	size_t		i;

	for (i = 0; i < len; i++)
	{
		int			high = text[i] == '%' && i + 2 < len ? cm_hex_digit(text[i + 1]) : -1;
		int			low = high >= 0 ? cm_hex_digit(text[i + 2]) : -1;

		if (low >= 0)
		{
			append_encoded(out, (uint8_t) (high * 16 + low));
			i += 2;
		}
		else
			append_encoded(out, (uint8_t) text[i]);
	}
}

/* ---- path ---- */

/* Empty, "." and ".." segments go; what is left is encoded once more than on the wire (all services but S3). */
static bool
append_path(CmBuf *out, const char *path)
{
	size_t		starts[FIELDS_MAX * 4];
	int			depth = 0;
	bool		folder = true;
	size_t		base = out->len;
	const char *p = path;

	cm_buf_append_byte(out, '/');
	while (*p != '\0')
	{
		size_t		len = strcspn(p, "/");

		if (len == 2 && p[0] == '.' && p[1] == '.')
		{
			if (depth > 0)
				out->len = starts[--depth];
			folder = true;
		}
		else if (len == 0 || (len == 1 && p[0] == '.'))
			folder = true;
		else
		{
			size_t		i;

			if (depth == FIELDS_MAX * 4)
				return false;
			starts[depth++] = out->len;
			if (depth > 1 || out->len > base + 1)
				cm_buf_append_byte(out, '/');
			for (i = 0; i < len; i++)
				append_encoded(out, (uint8_t) p[i]);
			folder = p[len] == '/';
		}
		p += len;
		if (*p == '/')
			p++;
	}
	if (folder && depth > 0)
		cm_buf_append_byte(out, '/');
	return !out->failed;
}

/* ---- query and headers ---- */

static void
fields_free(Fields *fields)
{
	int			i;

	for (i = 0; i < fields->count; i++)
	{
		char	   *memory = fields->memory[i];
		size_t		name_len = strlen(memory);

		/* Name and value: one of them is a session token. */
		cm_wipe(memory, name_len + 1 + strlen(memory + name_len + 1));
		free(fields->memory[i]);
	}
	fields->count = 0;
}

/* Takes "name\0value" out of the buffer. */
static bool
fields_add(Fields *fields, CmBuf *text, size_t name_len)
{
	char	   *copy;

	if (text->failed || fields->count == FIELDS_MAX)
		return false;
	copy = malloc(text->len + 1);
	if (copy == NULL)
		return false;
	if (text->len > 0)
		memcpy(copy, text->data, text->len);
	copy[text->len] = '\0';
	copy[name_len] = '\0';
	fields->memory[fields->count] = copy;
	fields->items[fields->count].name = copy;
	fields->items[fields->count].value = copy + name_len + 1;
	fields->items[fields->count].order = fields->count;
	fields->count++;
	return true;
}

static int
compare_parameters(const void *a, const void *b)
{
	const Field *x = a;
	const Field *y = b;
	int			c = strcmp(x->name, y->name);

	return c != 0 ? c : strcmp(x->value, y->value);
}

static int
compare_headers(const void *a, const void *b)
{
	const Field *x = a;
	const Field *y = b;
	int			c = strcmp(x->name, y->name);

	return c != 0 ? c : x->order - y->order;
}

static bool
append_query(CmBuf *out, const char *query)
{
	Fields		fields;
	CmBuf		one;
	const char *p = query != NULL ? query : "";
	bool		ok = true;
	int			i;

	fields.count = 0;
	cm_buf_init(&one, CANONICAL_MAX);
	while (ok && *p != '\0')
	{
		size_t		len = strcspn(p, "&");
		const char *equals = memchr(p, '=', len);
		size_t		name_len = equals != NULL ? (size_t) (equals - p) : len;

		cm_buf_reset(&one);
		append_reencoded(&one, p, name_len);
		name_len = one.len;
		cm_buf_append_byte(&one, '=');
		if (equals != NULL)
			append_reencoded(&one, equals + 1, (size_t) (p + len - equals - 1));
		if (len > 0)
			ok = fields_add(&fields, &one, name_len);
		p += len;
		if (*p == '&')
			p++;
	}
	qsort(fields.items, (size_t) fields.count, sizeof(Field), compare_parameters);
	for (i = 0; i < fields.count; i++)
		cm_buf_printf(out, "%s%s=%s", i == 0 ? "" : "&", fields.items[i].name, fields.items[i].value);
	fields_free(&fields);
	cm_buf_free(&one);
	return ok && !out->failed;
}

/* Appends a header's value: no white space around it, runs of it (folded lines, too) one space. */
static void
append_trimmed(CmBuf *out, const char *value)
{
	const char *p = value + strspn(value, " \t\r\n");

	while (*p != '\0')
	{
		size_t		word = strcspn(p, " \t\r\n");
		const char *next = p + word + strspn(p + word, " \t\r\n");

		cm_buf_append(out, p, word);
		if (*next != '\0')
			cm_buf_append_byte(out, ' ');
		p = next;
	}
}

static bool
add_header(Fields *fields, const char *name, size_t name_len, const char *value)
{
	CmBuf		one;
	bool		ok;
	size_t		i;

	cm_buf_init_secret(&one, CANONICAL_MAX);
	for (i = 0; i < name_len; i++)
		cm_buf_append_byte(&one, name[i] >= 'A' && name[i] <= 'Z' ? (uint8_t) (name[i] + 32) : (uint8_t) name[i]);
	cm_buf_append_byte(&one, ':');
	append_trimmed(&one, value);
	ok = fields_add(fields, &one, name_len);
	cm_buf_free(&one);
	return ok;
}

static bool
read_headers(Fields *fields, const CmAwsRequest *request, const CmAwsKeys *keys)
{
	const char *const *h;
	char		date[CM_AWS_DATE_SIZE];

	for (h = request->headers; h != NULL && *h != NULL; h++)
	{
		const char *colon = strchr(*h, ':');

		if (colon == NULL || !add_header(fields, *h, (size_t) (colon - *h), colon + 1))
			return false;
	}
	cm_aws_date(request->now, date);
	if (!add_header(fields, "x-amz-date", 10, date) ||
		(keys->session_token != NULL && !add_header(fields, "x-amz-security-token", 20, keys->session_token)))
		return false;
	qsort(fields->items, (size_t) fields->count, sizeof(Field), compare_headers);
	return true;
}

static void
append_headers(CmBuf *out, CmBuf *names, const Fields *fields)
{
	int			i;

	for (i = 0; i < fields->count; i++)
	{
		const Field *f = &fields->items[i];

		if (i > 0 && strcmp(f->name, fields->items[i - 1].name) == 0)
		{
			/* Of one name: one line. */
			cm_buf_printf(out, ",%s", f->value);
			continue;
		}
		cm_buf_printf(out, "%s%s:%s", i == 0 ? "" : "\n", f->name, f->value);
		cm_buf_printf(names, "%s%s", i == 0 ? "" : ";", f->name);
	}
	cm_buf_append_byte(out, '\n');
}

/* ---- signing ---- */

static bool
append_hash(CmBuf *out, CmSlice data, CmStatus *st)
{
	uint8_t		hash[32];

	if (!cm_sha256(data, hash))
		return cm_fail_crypto(st, "could not hash a request");
	return cm_hex_encode(out, hash, sizeof(hash)) || cm_fail(st, CM_MEMORY, "out of memory");
}

bool
cm_aws_canonical(const CmAwsRequest *request, const CmAwsKeys *keys, CmBuf *out, CmBuf *signed_headers, CmStatus *st)
{
	Fields		fields;
	bool		ok;

	fields.count = 0;
	cm_buf_printf(out, "%s\n", request->method);
	ok = append_path(out, request->path) && cm_buf_append_byte(out, '\n') && append_query(out, request->query) && cm_buf_append_byte(out, '\n') &&
		read_headers(&fields, request, keys);
	if (ok)
	{
		append_headers(out, signed_headers, &fields);
		cm_buf_printf(out, "\n%s\n", cm_buf_cstr(signed_headers));
	}
	fields_free(&fields);
	if (!ok || out->failed || signed_headers->failed)
		return cm_fail(st, CM_LIMIT, "a request to AWS is too large to be signed");
	return append_hash(out, request->body, st);
}

/* HMAC-SHA256 of a text, the key replaced by the result. */
static bool
next_key(uint8_t key[32], const char *text)
{
	uint8_t		out[32];

	if (!cm_hmac_sha256(cm_slice(key, 32), cm_slice(text, strlen(text)), out))
		return false;
	memcpy(key, out, 32);
	cm_wipe(out, sizeof(out));
	return true;
}

static bool
signing_key(const CmAwsRequest *request, const CmAwsKeys *keys, const char *day, uint8_t key[32])
{
	CmBuf		first;
	bool		ok;

	cm_buf_init_secret(&first, 1024);
	cm_buf_append_str(&first, "AWS4");
	cm_buf_append_str(&first, keys->secret_access_key);
	ok = !first.failed && cm_hmac_sha256(cm_slice(first.data, first.len), cm_slice(day, strlen(day)), key) &&
		next_key(key, request->region) && next_key(key, request->service) && next_key(key, "aws4_request");
	cm_buf_free(&first);
	return ok;
}

static bool
append_signature(CmBuf *out, const CmAwsRequest *request, const CmAwsKeys *keys, CmSlice canonical, const char *date, const char *day, CmStatus *st)
{
	uint8_t		key[32];
	uint8_t		signature[32];
	CmBuf		text;
	bool		ok;

	cm_buf_init(&text, 4096);
	cm_buf_printf(&text, ALGORITHM "\n%s\n%s/%s/%s/aws4_request\n", date, day, request->region, request->service);
	ok = append_hash(&text, canonical, st);
	if (ok && (!signing_key(request, keys, day, key) || !cm_hmac_sha256(cm_slice(key, 32), cm_slice(text.data, text.len), signature)))
		ok = cm_fail_crypto(st, "could not sign a request");
	ok = ok && (cm_hex_encode(out, signature, sizeof(signature)) || cm_fail(st, CM_MEMORY, "out of memory"));
	cm_wipe(key, sizeof(key));
	cm_buf_free(&text);
	return ok;
}

bool
cm_aws_sign(const CmAwsRequest *request, const CmAwsKeys *keys, CmBuf *authorization, CmStatus *st)
{
	char		date[CM_AWS_DATE_SIZE];
	char		day[9];
	CmBuf		canonical;
	CmBuf		names;
	bool		ok;

	cm_aws_date(request->now, date);
	memcpy(day, date, 8);
	day[8] = '\0';
	cm_buf_init_secret(&canonical, CANONICAL_MAX);
	cm_buf_init(&names, 4096);
	ok = cm_aws_canonical(request, keys, &canonical, &names, st);
	if (ok)
	{
		cm_buf_printf(authorization, ALGORITHM " Credential=%s/%s/%s/%s/aws4_request, SignedHeaders=%s, Signature=", keys->access_key_id, day,
					  request->region, request->service, cm_buf_cstr(&names));
		ok = append_signature(authorization, request, keys, cm_slice(canonical.data, canonical.len), date, day, st);
		if (ok && authorization->failed)
			ok = cm_fail(st, CM_LIMIT, "a request to AWS is too large to be signed");
	}
	cm_buf_free(&canonical);
	cm_buf_free(&names);
	return ok;
}
