/*
 * template.h - rows of certmgr.template. A row is an array of values, since
 * most of what is done with it is done to all columns alike: written, read,
 * overlaid by what alter_template was given.
 */
#ifndef CM_STORE_TEMPLATE_H
#define CM_STORE_TEMPLATE_H

#include "postgres.h"

#include "base/der.h"
#include "datatype/timestamp.h"

/* In the order of sql/extension/27_template.sql, id apart. Their order is that of the arguments of create_template, check_function_owner apart. */
typedef enum CmTemplateColumn
{
	CM_TEMPLATE_NAME,
	CM_TEMPLATE_SUBJECT,		/* jsonb */
	CM_TEMPLATE_SANS,
	CM_TEMPLATE_USAGES,			/* text[] */
	CM_TEMPLATE_ALLOWED_USAGES,
	CM_TEMPLATE_REQUIRED_USAGES,
	CM_TEMPLATE_CRITICAL_USAGES,	/* boolean */
	CM_TEMPLATE_KEY_ALGORITHMS, /* text[] */
	CM_TEMPLATE_LIFETIME,		/* interval */
	CM_TEMPLATE_MIN_LIFETIME,
	CM_TEMPLATE_MAX_LIFETIME,
	CM_TEMPLATE_OUTLIVES_ISSUER,
	CM_TEMPLATE_BACKDATE,		/* interval */
	CM_TEMPLATE_CA,				/* boolean */
	CM_TEMPLATE_PATH_LENGTH,	/* int */
	CM_TEMPLATE_EXTENSIONS,		/* jsonb */
	CM_TEMPLATE_POLICIES,
	CM_TEMPLATE_NAME_CONSTRAINTS,
	CM_TEMPLATE_MUST_STAPLE,	/* boolean */
	CM_TEMPLATE_NO_REV_AVAIL,
	CM_TEMPLATE_PUBLISH,		/* boolean */
	CM_TEMPLATE_LINT,
	CM_TEMPLATE_CHECK_FUNCTION,
	CM_TEMPLATE_CHECK_FUNCTION_OWNER,
	CM_TEMPLATE_ALLOWED_ROLES,	/* text[] */
	CM_TEMPLATE_CAS,
	CM_TEMPLATE_EXTERNAL,
	CM_TEMPLATE_COLUMNS
} CmTemplateColumn;

typedef struct CmTemplateRow
{
	int64		id;
	Datum		values[CM_TEMPLATE_COLUMNS];
	bool		nulls[CM_TEMPLATE_COLUMNS];
} CmTemplateRow;

extern const char *cm_template_column_name(CmTemplateColumn column);
extern Oid	cm_template_column_type(CmTemplateColumn column);
/* Of these a NULL means something. */
extern bool cm_template_column_nullable(CmTemplateColumn column);

/* As of now, for the cache: false when there is none. By id, or by name (id 0). */
extern bool cm_template_row_get(int64 id, const char *name, CmTemplateRow *row);
/* FOR UPDATE; false when there is none. */
extern bool cm_template_row_lock(const char *name, CmTemplateRow *row);
/* Returns the id, 0 when the name is taken. */
extern int64 cm_template_row_insert(const CmTemplateRow *row);
extern void cm_template_row_update(const CmTemplateRow *row);
extern void cm_template_row_delete(int64 id);
/* What keeps it from being dropped, in words; NULL: nothing. */
extern char *cm_template_row_in_use(int64 id);
typedef struct CmTemplateUse
{
	int64		certificate_id;
	char	   *subscriber;		/* NULL: none */
	char	   *subject;
	TimestampTz not_after;
	CmSlice		der;
	bool		external;
	char	   *request;		/* what its check function is asked, JSON */
} CmTemplateUse;

/* Live certificates above an id whose renewal would go by the template, in the order of their ids; *count of them, at most some hundred. */
extern CmTemplateUse *cm_template_uses(int64 id, int64 above, int *count);
/* The template that a certificate was issued by; 0: none. */
extern int64 cm_template_of_certificate(int64 certificate_id);

#endif
