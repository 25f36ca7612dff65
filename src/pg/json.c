/*
 * json.c - JSON text into a small read-only tree, and JSON strings out.
 *
 * Runs in backends and in the database worker (answers of CAs and DNS APIs,
 * configuration of providers) and, built with -DFRONTEND, in unit tests. It
 * locks nothing. PostgreSQL's parser (pg_parse_json) decides what is JSON;
 * json_scan.c goes over the text before it, so that a hostile text is never
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

#include "base/utf8.h"
#include "pg/json.h"
#include "pg/json_compat.h"
#include "pg/json_scan.h"

/*
 * No text we parse is larger; with it every size here fits an int and stays
 * far below palloc's limit of 1 GB.
 */
#define MAX_TEXT ((size_t) 16 * 1024 * 1024)
/* Trust anchors are the bulk of a configuration; this is far above any sane one. */
#define CONFIG_MAX ((size_t) 1024 * 1024)

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
	char	   *scanned;
	size_t		len;
	Builder		builder = {0};
	JsonSemAction actions = {0};
	JsonLexContext *lex;
	JsonParseErrorType error;

	scanned = palloc(input.len + 1);
	if (!cm_json_scan(input, scanned, &len, &builder.bound, st))
	{
		pfree(scanned);
		return NULL;
	}
	builder.values = palloc0(sizeof(CmJson) * builder.bound);
	actions.semstate = &builder;
	actions.object_start = object_start;
	actions.object_end = container_end;
	actions.array_start = array_start;
	actions.array_end = container_end;
	actions.object_field_start = field_start;
	actions.scalar = scalar;
	lex = cm_json_lexer_create(scanned, (int) len, PG_UTF8);
#ifdef FRONTEND
	/* the parser drops its tokens at an error, and no context is there to collect them: so nothing but JSON gets to the actions */
	error = pg_parse_json(lex, &nullSemAction);
	if (error == JSON_SUCCESS)
	{
		cm_json_lexer_free(lex);
		lex = cm_json_lexer_create(scanned, (int) len, PG_UTF8);
		error = pg_parse_json(lex, &actions);
	}
#else
	error = pg_parse_json(lex, &actions);
#endif
	if (error != JSON_SUCCESS || builder.used == 0 || builder.depth != 0)
	{
		/* the text itself stays out of the message: it may be a credential */
		cm_fail(st, CM_INVALID, "text is not valid JSON");
		cm_fail_detail(st, "The error is near byte %d of %zu.", (int) (lex->token_start != NULL ? lex->token_start - scanned : 0) + 1, len);
		pfree(builder.values);
		builder.values = NULL;
	}
#ifdef FRONTEND
	else
		builder.values->total = builder.used;
#endif
	cm_json_lexer_free(lex);
	pfree(scanned);
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

CmJson *
cm_json_config(const char *config, CmStatus *st)
{
	return cm_json_parse(cm_slice(config, strlen(config)), CONFIG_MAX, st);
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
		uint32_t	code;
		size_t		len = cm_utf8_next(p, (size_t) (end - p), &code);

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
			cm_buf_append(out, p, len);
		p += len;
	}
	return cm_buf_append_byte(out, '"');
}
