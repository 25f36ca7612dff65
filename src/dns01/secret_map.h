/*
 * secret_map.h - a flat JSON object with secrets in it (a credential as a
 * person stored it, an answer of a token server) as names and texts in memory
 * that is wiped. The JSON reader of src/pg keeps its strings in memory
 * contexts, which are not.
 */
#ifndef CM_DNS01_SECRET_MAP_H
#define CM_DNS01_SECRET_MAP_H

#include "base/buf.h"
#include "base/der.h"
#include "base/status.h"

#define CM_SECRET_MAP_MAX 32	/* a Google key has 11 members */

typedef struct CmSecretMap
{
	CmBuf		memory;
	int			count;
	const char *keys[CM_SECRET_MAP_MAX];
	const char *values[CM_SECRET_MAP_MAX];	/* text of a string or number, "true", "false"; NULL: null, an object or an array */
} CmSecretMap;

/* "what" is for messages: "the secret". Members that are objects or arrays are skipped. After a failure, too, cm_secret_map_free may be called. */
extern bool cm_secret_map_parse(CmSlice text, const char *what, CmSecretMap *out, CmStatus *st);
extern void cm_secret_map_free(CmSecretMap *map);
extern const char *cm_secret_map_get(const CmSecretMap *map, const char *key);	/* NULL: none */
/* Every key must be in the NULL-terminated list. */
extern bool cm_secret_map_known_keys(const CmSecretMap *map, const char *what, const char *const *known, CmStatus *st);

#endif
