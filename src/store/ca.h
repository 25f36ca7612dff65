/*
 * ca.h - rows of certmgr.ca.
 */
#ifndef CM_STORE_CA_H
#define CM_STORE_CA_H

#include "base/der.h"

/* Everything palloc'ed in the caller's context. */
typedef struct CmCaRow
{
	int64		id;
	char	   *name;
	char	   *type;			/* "private", "acme" */
	char	   *state;			/* "pending", "active", "disabled" */
	int64		parent_id;		/* 0: none */
	int64		key_id;			/* 0: it is not here */
	int64		next_key_id;	/* waits for a certificate from elsewhere; 0: none */
	int64		certificate_id;
	char	   *config;			/* JSON text */
	CmSlice		der;			/* active certificate; empty: none */
	bool		certificate_revoked;
} CmCaRow;

/* NULL when there is none. for_update: locks the row. latest: as of now, for caches. */
extern CmCaRow *cm_ca_get(const char *name, bool for_update);
extern CmCaRow *cm_ca_get_by_id(int64 id, bool latest);
/* The same, throwing "ca does not exist". */
extern CmCaRow *cm_ca_require(const char *name, bool for_update);

extern int64 cm_ca_insert(const char *name, const char *type, const char *state, int64 parent_id, int64 key_id, const char *config, const char *status_message);
/* The CA issues under it from now on; one that was pending becomes active. key_id 0: certificate only. */
extern void cm_ca_set_certificate(int64 id, int64 certificate_id, int64 key_id);
extern void cm_ca_set_next_key(int64 id, int64 key_id, const char *status_message);
/* Members of the JSON object replace those of the same name; null removes. */
extern void cm_ca_config_merge(int64 id, const char *json);
extern void cm_ca_set_state(int64 id, const char *state);
/* What keeps a CA from being dropped, in words; NULL: nothing. */
extern char *cm_ca_in_use(int64 id);
/* The jobs of its accounts, which their engine holds when it locks the CA. */
extern void cm_ca_lock_account_jobs(int64 id);
extern void cm_ca_delete(int64 id);

#endif
