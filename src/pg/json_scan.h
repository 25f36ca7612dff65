/*
 * json_scan.h - the pass over JSON text before PostgreSQL's parser sees it.
 *
 * That parser recurses, and in the server converts escapes to the database's
 * encoding (with an ERROR where it cannot). So the pass bounds depth and number
 * of values, checks UTF-8, and writes escapes of non-ASCII characters as UTF-8.
 * Whether the text is JSON is left to the parser.
 */
#ifndef CM_PG_JSON_SCAN_H
#define CM_PG_JSON_SCAN_H

#include "pg/json.h"

/* out has room for input.len + 1 bytes: the text rewritten, with a NUL behind it. values: an upper bound of how many there are. */
extern bool cm_json_scan(CmSlice input, char *out, size_t *len, int *values, CmStatus *st);

#endif
