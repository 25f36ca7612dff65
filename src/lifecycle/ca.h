/*
 * ca.h - private certificate authorities: made, given a certificate, switched
 * off and on, dropped. Runs as certmgr_owner; access was checked.
 */
#ifndef CM_LIFECYCLE_CA_H
#define CM_LIFECYCLE_CA_H

#include "base/der.h"
#include "utils/timestamp.h"

typedef struct CmCaNew
{
	const char *name;
	const char *parent;			/* NULL: a root, or (external_parent) signed elsewhere */
	bool		root;
	const char *subject;
	const char *key_algorithm;
	const Interval *lifetime;
	int			path_length;	/* -1: none */
	const Interval *crl_lifetime;
	const char *crl_url;
	const char *ca_issuers_url;
	const char *ocsp_url;
	const char *actor;
} CmCaNew;

extern int64 cm_ca_create(const CmCaNew *ca);
/* PEM. */
extern char *cm_ca_request(const char *name);
extern int64 cm_ca_install(const char *name, const char *certificate, const char *chain, const char *actor);
extern void cm_ca_enable(const char *name, bool enabled, const char *actor);
extern void cm_ca_drop(const char *name, const char *actor);

#endif
