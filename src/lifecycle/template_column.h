/*
 * template_column.h - what the columns of a template's row hold, read strictly.
 * path: column and keys, as the message names them ("subject.O.max"). All of
 * it is in the current memory context.
 */
#ifndef CM_LIFECYCLE_TEMPLATE_COLUMN_H
#define CM_LIFECYCLE_TEMPLATE_COLUMN_H

#include "base/der.h"
#include "pg/compat.h"
#include "pg/json.h"
#include "store/template.h"

/* Throws: what stands at path is wrong, and why. */
pg_noreturn extern void cm_column_refuse(const char *path, const char *fmt,...) pg_attribute_printf(2, 3);
pg_noreturn extern void cm_column_refuse_status(const char *path, const CmStatus *st);

extern const CmJson *cm_column_json(const CmTemplateRow *row, CmTemplateColumn column);
/* NULL for NULL. */
extern char *cm_column_text(const CmTemplateRow *row, CmTemplateColumn column);
/* Throws when the text is none of choices (two or three, and NULL). */
extern void cm_column_choice(const CmTemplateRow *row, CmTemplateColumn column, const char *const *choices);

/* Values inside of a JSON column: of that type, or they throw. */
extern void cm_column_require(const CmJson *json, CmJsonType type, const char *path);
extern bool cm_column_bool(const CmJson *json, const char *path);
/* From 0 to max. */
extern int	cm_column_int(const CmJson *json, int max, const char *path);
extern char *cm_column_string(const CmJson *json, const char *path);
/* A string, or an array of them. */
extern char **cm_column_strings(const CmJson *json, const char *path, int *count);
extern CmDer cm_column_oid(const char *dotted, const char *path);

#endif
