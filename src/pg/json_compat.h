/*
 * json_compat.h - what differs in PostgreSQL's JSON parser (common/jsonapi.h)
 * between versions 15 and 18. Only src/pg/json.c includes it.
 *
 * 16: the semantic actions return JsonParseErrorType instead of nothing.
 * 17: the lexer's struct may be the caller's, its text is const, and there is
 *     a function that frees it.
 */
#ifndef CM_PG_JSON_COMPAT_H
#define CM_PG_JSON_COMPAT_H

#include "common/jsonapi.h"

#if PG_VERSION_NUM >= 160000
#define CM_JSON_ACTION JsonParseErrorType
#define CM_JSON_ACTION_RETURN return JSON_SUCCESS
#else
#define CM_JSON_ACTION void
#define CM_JSON_ACTION_RETURN return
#endif

static inline JsonLexContext *
cm_json_lexer_create(char *input, int len, int encoding)
{
#if PG_VERSION_NUM >= 170000
	return makeJsonLexContextCstringLen(NULL, input, (size_t) len, encoding, true);
#else
	return makeJsonLexContextCstringLen(input, len, encoding, true);
#endif
}

static inline void
cm_json_lexer_free(JsonLexContext *lex)
{
#if PG_VERSION_NUM >= 170000
	freeJsonLexContext(lex);
#else
	if (lex->strval != NULL)
	{
		pfree(lex->strval->data);
		pfree(lex->strval);
	}
	pfree(lex);
#endif
}

#endif
