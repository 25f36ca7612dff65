/*
 * acme_quirk.h - the quirks of a CA, out of certmgr.acme_preset,
 * certmgr.acme_quirk and its own configuration.
 */
#ifndef CM_STORE_ACME_QUIRK_H
#define CM_STORE_ACME_QUIRK_H

#include "acme/quirks.h"

/* config: that of the CA, JSON text. Kept per process until one of the tables changes. */
extern void cm_acme_quirks_load(int64 ca_id, const char *config, CmAcmeQuirks *out);

/* A server that is known by name; palloc'ed. */
typedef struct CmAcmePreset
{
	char	   *name;
	char	   *title;
	char	   *directory_url;	/* NULL: the person says it */
	char	   *eab_url;		/* where a key for external account binding is had for a mail address, or NULL */
	char	   *retired;		/* why it is of no use any more, or NULL */
} CmAcmePreset;

extern CmAcmePreset *cm_acme_preset_get(const char *name);	/* NULL: there is none */
extern char *cm_acme_preset_names(void);	/* "a, b, c" without the retired ones */

#endif
