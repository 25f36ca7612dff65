/*
 * template.h - templates: made, changed, dropped, compiled, kept per session,
 * and the SQL function that may have the last word.
 */
#ifndef CM_LIFECYCLE_TEMPLATE_H
#define CM_LIFECYCLE_TEMPLATE_H

#include "store/template.h"
#include "utils/timestamp.h"
#include "x509/template.h"

/* A template ready for use. Read-only; everything lives in context. */
typedef struct CmTemplateEntry
{
	int64		id;
	char	   *name;
	CmTemplate	rules;
	Datum		usages_text;	/* defaults, text[] */
	uint32_t	key_usage;		/* defaults */
	CmSlice		ext_key_usage;
	CmKeyAlg	key_alg;		/* default */
	Interval	lifetime;
	Interval	backdate;
	bool		clamp;			/* to the issuer's end; otherwise refuse */
	CmSlice		fixed_extensions;	/* Extension values that every certificate gets */
	CmSlice		request_oids;	/* whole OIDs of extensions taken from requests */
	char	   *lint;
	bool		refuse_external;	/* what others issued and breaks the rules; otherwise a word on the row */
	char	   *check_function; /* signature, or NULL */
	char	   *check_function_owner;
	char	  **roles;
	int			role_count;
	char	  **cas;
	int			ca_count;

	/* of template_cache.c */
	MemoryContext context;
	uint64		generation;
} CmTemplateEntry;

/* Into the current memory context; throws for what is not valid, naming column and key. */
extern void cm_template_compile(const CmTemplateRow *row, CmTemplateEntry *out);

/* Valid until the end of the transaction, whatever happens to the template. Throws when there is none. */
extern const CmTemplateEntry *cm_template_get(int64 id);
extern const CmTemplateEntry *cm_template_get_by_name(const char *name);
/* May the caller issue with it, without a subscriber, from that CA? Operators may with the CAs it names or, when it names none, with any. Throws. */
extern void cm_template_check_access(const CmTemplateEntry *t, const char *ca);
/* May it be used with that CA at all? Throws. */
extern void cm_template_check_ca(const CmTemplateEntry *t, const char *ca);

/* As certmgr_owner; the caller's rights were checked. */
extern int64 cm_template_create(CmTemplateRow *row, const char *actor);
/* changes: NULLs stay as they are. */
extern void cm_template_alter(const CmTemplateRow *changes, const char *actor);
extern void cm_template_drop(const char *name, const char *actor);
/* The function an administrator named: its text and its owner into the row, or throws. As the caller. */
extern void cm_template_set_function(CmTemplateRow *row, Oid function);
/* Asks the template's function, as its owner. request: JSON. NULL: yes (or no function); otherwise its words. */
extern char *cm_template_ask(const CmTemplateEntry *t, const char *request);

#endif
