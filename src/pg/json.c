/*
 * json.c - JSON text into a small read-only tree, and JSON strings out.
 *
 * Runs in backends and in the database worker (answers of CAs and DNS APIs,
 * configuration of providers) and, built with -DFRONTEND, in unit tests. It
 * locks nothing. PostgreSQL's parser (pg_parse_json) decides what is JSON;
 * but because that parser recurses, and in the server converts escapes to the
 * database's encoding (with an ERROR where it cannot), one linear pass comes
 * before it: the pass bounds depth and number of values, checks UTF-8, and
 * writes escapes of non-ASCII characters as UTF-8. So a hostile text is never
 * an ERROR here, and the strings of a tree are UTF-8 whatever the database
 * uses. Only lack of memory throws (palloc).
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "mb/pg_wchar.h"
#ifndef FRONTEND
#include "utils/memutils.h"
#endif

#include "pg/json.h"
#include "pg/json_compat.h"

/*
 * No text we parse is larger; with it every size here fits an int and stays
 * far below palloc's limit of 1 GB.
 */
#define MAX_TEXT ((size_t) 16 * 1024 * 1024)

/*
 * Values of one text. The default cap of an HTTP body (256 KiB) has room for
 * 131,072 one-digit numbers, so this refuses only texts made to eat memory: a
 * value costs about 60 bytes here, so 16 MiB at most.
 */
#define MAX_VALUES 262144

struct CmJson
{
	CmJsonType	type;
	bool		truth;			/* of a BOOL */
	int			count;			/* of an ARRAY or OBJECT */
	char	   *key;			/* when it is a member of an object */
	char	   *text;			/* of a STRING or NUMBER */
	CmJson	  **items;			/* children of an ARRAY or OBJECT, in order */
	CmJson	   *next;			/* while parsing: the sibling before this one */
#ifdef FRONTEND
	int			total;			/* root only: values in the block */
#else
	MemoryContext context;		/* root only: holds the whole tree */
#endif
};

/* State of the parser's actions. */
typedef struct Builder
{
	CmJson	   *values;			/* one block for all of them; the root is first */
	int			bound;			/* room in the block, an upper bound by the first pass */
	int			used;
	CmJson	   *open[CM_JSON_MAX_DEPTH];	/* containers not closed yet */
	int			depth;
	char	   *key;			/* of the next value */
} Builder;

/* State of the first pass. */
typedef struct Scan
{
	const uint8_t *at;
	const uint8_t *end;
	char	   *out;			/* the text rewritten; never longer than the input */
	size_t		outlen;
	int			depth;
	int			values;
} Scan;

/* Bytes of the UTF-8 character at p, or 0: overlong forms, surrogates and numbers above 10FFFF are no characters. */
static int
utf8_length(const uint8_t *p, const uint8_t *end)
{
	int			len;
	uint8_t		low = 0x80;
	uint8_t		high = 0xbf;
	int			i;

	if (*p < 0x80)
		return 1;
	if (*p >= 0xc2 && *p <= 0xdf)
		len = 2;
	else if ((*p & 0xf0) == 0xe0)
		len = 3;
	else if (*p >= 0xf0 && *p <= 0xf4)
		len = 4;
	else
		return 0;
	if (end - p < len)
		return 0;
	if (*p == 0xe0)
		low = 0xa0;
	else if (*p == 0xed)
		high = 0x9f;
	else if (*p == 0xf0)
		low = 0x90;
	else if (*p == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (i = 2; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

/* The number of a \uXXXX escape at p, or -1. */
static int32_t
escape_value(const uint8_t *p, const uint8_t *end)
{
	int32_t		value = 0;
	int			i;

	if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
		return -1;
	for (i = 2; i < 6; i++)
	{
		uint8_t		c = p[i];

		value <<= 4;
		if (c >= '0' && c <= '9')
			value |= c - '0';
		else if (c >= 'a' && c <= 'f')
			value |= c - 'a' + 10;
		else if (c >= 'A' && c <= 'F')
			value |= c - 'A' + 10;
		else
			return -1;
	}
	return value;
}

static void
put_utf8(Scan *scan, uint32_t c)
{
	char	   *p = scan->out + scan->outlen;

	if (c < 0x800)
	{
		*p++ = (char) (0xc0 | (c >> 6));
	}
	else if (c < 0x10000)
	{
		*p++ = (char) (0xe0 | (c >> 12));
		*p++ = (char) (0x80 | ((c >> 6) & 0x3f));
	}
	else
	{
		*p++ = (char) (0xf0 | (c >> 18));
		*p++ = (char) (0x80 | ((c >> 12) & 0x3f));
		*p++ = (char) (0x80 | ((c >> 6) & 0x3f));
	}
	*p++ = (char) (0x80 | (c & 0x3f));
	scan->outlen = (size_t) (p - scan->out);
}

/* One escape inside a string. ASCII ones are left to the parser, which also refuses what is no escape. */
static bool
scan_escape(Scan *scan)
{
	int32_t		c = escape_value(scan->at, scan->end);
	int			len = 2;

	if (c < 0x80)
	{
		if (scan->end - scan->at < len)
			return false;
		if ((uint8_t) scan->at[1] >= 0x80)
			len = 1;			/* no escape; the character behind is checked on its own */
		memcpy(scan->out + scan->outlen, scan->at, len);
		scan->outlen += len;
		scan->at += len;
		return true;
	}
	len = 6;
	if (c >= 0xd800 && c <= 0xdbff)
	{
		int32_t		low = escape_value(scan->at + 6, scan->end);

		if (low < 0xdc00 || low > 0xdfff)
			return false;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		len = 12;
	}
	else if (c >= 0xdc00 && c <= 0xdfff)
		return false;
	put_utf8(scan, (uint32_t) c);
	scan->at += len;
	return true;
}

/* What a character outside of strings means for depth and count. */
static bool
scan_structure(Scan *scan, uint8_t c, CmStatus *st)
{
	if (c == '[' || c == '{')
	{
		if (++scan->depth > CM_JSON_MAX_DEPTH)
			return cm_fail(st, CM_LIMIT, "JSON text is nested more than %d levels deep", CM_JSON_MAX_DEPTH);
		scan->values++;
	}
	else if ((c == ']' || c == '}') && scan->depth > 0)
		scan->depth--;
	else if (c == ',')
		scan->values++;
	if (scan->values >= MAX_VALUES)
		return cm_fail(st, CM_LIMIT, "JSON text has more than %d values", MAX_VALUES);
	return true;
}

/*
 * The first pass. Its idea of a string need not be exact for texts that are
 * no JSON: up to the first error the parser sees the same strings, and there
 * it stops.
 */
static bool
scan_text(Scan *scan, CmStatus *st)
{
	const uint8_t *start = scan->at;
	bool		in_string = false;

	while (scan->at < scan->end)
	{
		uint8_t		c = *scan->at;
		int			len = utf8_length(scan->at, scan->end);

		if (c == '\0' || len == 0)
		{
			cm_fail(st, CM_INVALID, c == '\0' ? "JSON text contains a NUL byte" : "JSON text is not valid UTF-8");
			return cm_fail_detail(st, "The error is at byte %d.", (int) (scan->at - start) + 1);
		}
		if (in_string && c == '\\')
		{
			if (!scan_escape(scan))
			{
				cm_fail(st, CM_INVALID, "JSON text contains an invalid escape sequence");
				return cm_fail_detail(st, "The error is at byte %d.", (int) (scan->at - start) + 1);
			}
			continue;
		}
		if (c == '"')
			in_string = !in_string;
		else if (!in_string && !scan_structure(scan, c, st))
			return false;
		memcpy(scan->out + scan->outlen, scan->at, len);
		scan->outlen += len;
		scan->at += len;
	}
	return true;
}

/* A new value becomes the last child of the open container. */
static CmJson *
builder_add(Builder *builder, CmJsonType type)
{
	CmJson	   *value;

	/* the first pass counted at least as many; a parser that says otherwise is not followed */
	if (builder->used >= builder->bound)
		return NULL;
	value = &builder->values[builder->used++];
	value->type = type;
	value->key = builder->key;
	builder->key = NULL;
	if (builder->depth > 0)
	{
		CmJson	   *parent = builder->open[builder->depth - 1];

		/* until the container is closed, items holds its last child */
		value->next = (CmJson *) parent->items;
		parent->items = (CmJson **) value;
		parent->count++;
	}
	return value;
}

static void
builder_open(Builder *builder, CmJsonType type)
{
	CmJson	   *value = builder_add(builder, type);

	if (value != NULL && builder->depth < CM_JSON_MAX_DEPTH)
		builder->open[builder->depth++] = value;
}

static int
compare_members(const void *a, const void *b)
{
	const CmJson *x = *(CmJson *const *) a;
	const CmJson *y = *(CmJson *const *) b;
	int			order = strcmp(x->key, y->key);

	/* values lie in one block in the order of the text */
	if (order == 0)
		order = x < y ? -1 : (x > y ? 1 : 0);
	return order;
}

/* Of members with one key the last stays. Sorted, so that many keys do not cost their square. */
static void
drop_duplicates(CmJson *object)
{
	CmJson	  **sorted;
	int			kept = 0;
	int			i;

	if (object->count < 2)
		return;
	sorted = palloc(sizeof(CmJson *) * object->count);
	memcpy(sorted, object->items, sizeof(CmJson *) * object->count);
	qsort(sorted, object->count, sizeof(CmJson *), compare_members);
	for (i = 0; i + 1 < object->count; i++)
		if (strcmp(sorted[i]->key, sorted[i + 1]->key) == 0)
			sorted[i]->next = sorted[i];	/* the mark of a loser */
	for (i = 0; i < object->count; i++)
		if (object->items[i]->next == NULL)
			object->items[kept++] = object->items[i];
	object->count = kept;
	pfree(sorted);
}

/* The list of children, last first, becomes an array, first first. */
static void
builder_close(Builder *builder)
{
	CmJson	   *value;
	CmJson	   *child;
	CmJson	  **items = NULL;
	int			i;

	if (builder->depth == 0)
		return;
	value = builder->open[--builder->depth];
	child = (CmJson *) value->items;
	if (value->count > 0)
		items = palloc(sizeof(CmJson *) * value->count);
	for (i = value->count - 1; i >= 0; i--)
	{
		CmJson	   *before = child->next;

		child->next = NULL;
		items[i] = child;
		child = before;
	}
	value->items = items;
	if (value->type == CM_JSON_OBJECT)
		drop_duplicates(value);
}

static CM_JSON_ACTION
object_start(void *state)
{
	builder_open(state, CM_JSON_OBJECT);
	CM_JSON_ACTION_RETURN;
}

static CM_JSON_ACTION
array_start(void *state)
{
	builder_open(state, CM_JSON_ARRAY);
	CM_JSON_ACTION_RETURN;
}

static CM_JSON_ACTION
container_end(void *state)
{
	builder_close(state);
	CM_JSON_ACTION_RETURN;
}

static CM_JSON_ACTION
field_start(void *state, char *name, bool isnull)
{
	Builder    *builder = state;

	(void) isnull;
	builder->key = name;
	CM_JSON_ACTION_RETURN;
}

static CM_JSON_ACTION
scalar(void *state, char *token, JsonTokenType type)
{
	CmJson	   *value;

	if (type == JSON_TOKEN_STRING || type == JSON_TOKEN_NUMBER)
	{
		value = builder_add(state, type == JSON_TOKEN_STRING ? CM_JSON_STRING : CM_JSON_NUMBER);
		if (value != NULL)
			value->text = token;
		CM_JSON_ACTION_RETURN;
	}
	value = builder_add(state, type == JSON_TOKEN_NULL ? CM_JSON_NULL : CM_JSON_BOOL);
	if (value != NULL)
		value->truth = (type == JSON_TOKEN_TRUE);
	pfree(token);
	CM_JSON_ACTION_RETURN;
}

/* Both passes, in the current memory context. In the server a failed parse leaves scraps there. */
static CmJson *
parse_text(CmSlice input, CmStatus *st)
{
	Scan		scan = {input.data, input.data + input.len, NULL, 0, 0, 1};
	Builder		builder = {0};
	JsonSemAction actions = {0};
	JsonLexContext *lex;
	JsonParseErrorType error;

	scan.out = palloc(input.len + 1);
	if (!scan_text(&scan, st))
	{
		pfree(scan.out);
		return NULL;
	}
	scan.out[scan.outlen] = '\0';

	builder.bound = scan.values;
	builder.values = palloc0(sizeof(CmJson) * builder.bound);
	actions.semstate = &builder;
	actions.object_start = object_start;
	actions.object_end = container_end;
	actions.array_start = array_start;
	actions.array_end = container_end;
	actions.object_field_start = field_start;
	actions.scalar = scalar;
	lex = cm_json_lexer_create(scan.out, (int) scan.outlen, PG_UTF8);
#ifdef FRONTEND
	/* the parser drops its tokens at an error, and no context is there to collect them: so nothing but JSON gets to the actions */
	error = pg_parse_json(lex, &nullSemAction);
	if (error == JSON_SUCCESS)
	{
		cm_json_lexer_free(lex);
		lex = cm_json_lexer_create(scan.out, (int) scan.outlen, PG_UTF8);
		error = pg_parse_json(lex, &actions);
	}
#else
	error = pg_parse_json(lex, &actions);
#endif
	if (error != JSON_SUCCESS || builder.used == 0 || builder.depth != 0)
	{
		/* the text itself stays out of the message: it may be a credential */
		cm_fail(st, CM_INVALID, "text is not valid JSON");
		cm_fail_detail(st, "The error is near byte %d of %zu.", (int) (lex->token_start != NULL ? lex->token_start - scan.out : 0) + 1, scan.outlen);
		pfree(builder.values);
		builder.values = NULL;
	}
#ifdef FRONTEND
	else
		builder.values->total = builder.used;
#endif
	cm_json_lexer_free(lex);
	pfree(scan.out);
	return builder.values;
}

CmJson *
cm_json_parse(CmSlice input, size_t max, CmStatus *st)
{
	CmJson	   *root;
#ifndef FRONTEND
	MemoryContext context;
	MemoryContext old;
#endif

	if (input.len > max || input.len > MAX_TEXT)
	{
		cm_fail(st, CM_LIMIT, "JSON text is longer than %zu bytes", Min(max, MAX_TEXT));
		return NULL;
	}
#ifndef FRONTEND
	context = AllocSetContextCreate(CurrentMemoryContext, "certmgr JSON", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	root = parse_text(input, st);
	MemoryContextSwitchTo(old);
	if (root == NULL)
		MemoryContextDelete(context);
	else
		root->context = context;
#else
	root = parse_text(input, st);
#endif
	return root;
}

void
cm_json_free(CmJson *root)
{
	if (root == NULL)
		return;
#ifndef FRONTEND
	MemoryContextDelete(root->context);
#else
	{
		int			i;

		for (i = 0; i < root->total; i++)
		{
			if (root[i].key != NULL)
				pfree(root[i].key);
			if (root[i].text != NULL)
				pfree(root[i].text);
			if (root[i].items != NULL)
				pfree(root[i].items);
		}
		pfree(root);
	}
#endif
}

CmJsonType
cm_json_type(const CmJson *json)
{
	return json != NULL ? json->type : CM_JSON_NULL;
}

const CmJson *
cm_json_get(const CmJson *object, const char *key)
{
	int			i;

	if (object == NULL || object->type != CM_JSON_OBJECT)
		return NULL;
	for (i = 0; i < object->count; i++)
		if (strcmp(object->items[i]->key, key) == 0)
			return object->items[i]->type != CM_JSON_NULL ? object->items[i] : NULL;
	return NULL;
}

int
cm_json_length(const CmJson *array_or_object)
{
	return array_or_object != NULL ? array_or_object->count : 0;
}

static const CmJson *
item(const CmJson *container, CmJsonType type, int i)
{
	if (container == NULL || container->type != type || i < 0 || i >= container->count)
		return NULL;
	return container->items[i];
}

const CmJson *
cm_json_at(const CmJson *array, int i)
{
	return item(array, CM_JSON_ARRAY, i);
}

const char *
cm_json_key(const CmJson *object, int i)
{
	const CmJson *value = item(object, CM_JSON_OBJECT, i);

	return value != NULL ? value->key : NULL;
}

const CmJson *
cm_json_value(const CmJson *object, int i)
{
	return item(object, CM_JSON_OBJECT, i);
}

const char *
cm_json_string(const CmJson *json)
{
	return json != NULL ? json->text : NULL;
}

bool
cm_json_bool(const CmJson *json, bool otherwise)
{
	return json != NULL && json->type == CM_JSON_BOOL ? json->truth : otherwise;
}

const char *
cm_json_get_string(const CmJson *object, const char *key)
{
	const CmJson *value = cm_json_get(object, key);

	return value != NULL && value->type == CM_JSON_STRING ? value->text : NULL;
}

bool
cm_json_quote(CmBuf *out, const char *utf8)
{
	const uint8_t *p = (const uint8_t *) utf8;
	const uint8_t *end = p + strlen(utf8);

	cm_buf_append_byte(out, '"');
	while (p < end)
	{
		int			len = utf8_length(p, end);

		if (len == 0)
		{
			/* half a string must not be sent: the writer sees it at his own check */
			out->failed = true;
			return false;
		}
		if (*p == '"' || *p == '\\')
			cm_buf_append_byte(out, '\\');
		if (*p < 0x20)
			cm_buf_printf(out, "\\u%04x", *p);
		else
			cm_buf_append(out, p, (size_t) len);
		p += len;
	}
	return cm_buf_append_byte(out, '"');
}
