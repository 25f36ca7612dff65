/*
 * json.h - JSON text into a small read-only tree, by PostgreSQL's own parser
 * (pg_parse_json), and JSON strings out. Compiles in the server and, with
 * -DFRONTEND and libpgcommon, in unit tests. Never throws for bad JSON.
 */
#ifndef CM_PG_JSON_H
#define CM_PG_JSON_H

#include "base/buf.h"
#include "base/der.h"
#include "base/status.h"

typedef enum CmJsonType
{
	CM_JSON_NULL, CM_JSON_BOOL, CM_JSON_NUMBER, CM_JSON_STRING, CM_JSON_ARRAY, CM_JSON_OBJECT
} CmJsonType;

typedef struct CmJson CmJson;	/* palloc'ed in (a child of) the context current at parse time; all strings are UTF-8, whatever the database's encoding */

#define CM_JSON_MAX_DEPTH 16

/* UTF-8 text without NUL bytes, at most max bytes, depth at most CM_JSON_MAX_DEPTH, duplicate keys: the last wins. NULL and st on failure. */
extern CmJson *cm_json_parse(CmSlice input, size_t max, CmStatus *st);
/* The configuration of a CA or a DNS provider, as its row has it. */
extern CmJson *cm_json_config(const char *config, CmStatus *st);
/* Gives a tree back before its memory context goes (with all strings had from it). Root only; NULL is allowed. */
extern void cm_json_free(CmJson *root);
extern CmJsonType cm_json_type(const CmJson *json);
extern const CmJson *cm_json_get(const CmJson *object, const char *key);	/* NULL when missing, null, or not an object */
extern int	cm_json_length(const CmJson *array_or_object);
extern const CmJson *cm_json_at(const CmJson *array, int i);
extern const char *cm_json_key(const CmJson *object, int i);	/* i-th key */
extern const CmJson *cm_json_value(const CmJson *object, int i);
extern const char *cm_json_string(const CmJson *json);	/* text of a string or number; NULL otherwise */
extern bool cm_json_bool(const CmJson *json, bool otherwise);
extern const char *cm_json_get_string(const CmJson *object, const char *key);	/* NULL when missing or no string */

/* Appends a JSON string literal with its quotes. Text that is not UTF-8 is refused (out->failed). */
extern bool cm_json_quote(CmBuf *out, const char *utf8);

#endif
