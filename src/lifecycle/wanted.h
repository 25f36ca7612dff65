/*
 * wanted.h - what is to be issued, collected from a subscriber, a request, a
 * predecessor, a CSR and a template, and what becomes of it: TBS and policy.
 * Between issue.c and explain.c, which asks what would happen.
 */
#ifndef CM_LIFECYCLE_WANTED_H
#define CM_LIFECYCLE_WANTED_H

#include "lifecycle/cache.h"
#include "lifecycle/issue.h"
#include "lifecycle/template.h"
#include "store/predecessor.h"
#include "x509/policy.h"
#include "x509/tbs.h"

/* Text forms go into the row, binary ones into the certificate; a CSR may narrow them. */
typedef struct CmWanted
{
	int64		ca_id;
	const char *holder;			/* for messages */
	const CmSubscriber *subscriber; /* NULL: none */
	const CmTemplateEntry *template;	/* NULL: none */
	Datum		subject_text;
	CmSlice		subject;
	Datum		sans_text;
	char	  **san_list;
	int			san_count;
	CmSlice		sans;
	Datum		usages_text;
	uint32_t	key_usage;
	CmSlice		ext_key_usage;
	CmSlice		extensions;		/* additional ones: the template's, and the CSR's that it allows */
	Interval	lifetime;
	bool		lifetime_explicit;	/* asked for in this call: never shortened silently, unless the template says so */
	const Interval *asked_lifetime; /* of an external CA; NULL: as long as it likes */
	TimestampTz not_before;		/* when it is to begin; 0: now */
	CmKeyAlg	key_alg;
	int			path_length;	/* that the CSR of a CA asks for; -1: none */
	bool		auto_renew;
	const Interval *renew_before;
	int64		renewed_from;
	CmSlice		csr;			/* DER */
	CmSlice		csr_spki;		/* its public key, proof of possession checked */
	const CmPredecessor *reuse; /* take this certificate's key */
	CmSlice		request_sans;	/* names in its request, of a key that was brought for a subscriber */
	const char *actor;
} CmWanted;

/* All throw. A template comes first: what follows takes its defaults from it. */
extern void cm_want_template(CmWanted *w, const CmTemplateEntry *t);
extern void cm_want_subscriber(CmWanted *w, const CmSubscriber *s);
/* ca: its name. Checks nothing of access. */
extern void cm_want_request(CmWanted *w, const CmIssueFrom *request, int64 ca_id, const char *ca);
/* When it is to begin. */
extern void cm_want_not_before(CmWanted *w, TimestampTz at);
extern void cm_want_predecessor(CmWanted *w, const CmPredecessor *old);
/* Reads the CSR (proof of possession included) and narrows what is wanted to what it asks for. free_...: what was not said is taken from it. */
extern void cm_want_csr(CmWanted *w, CmSlice der, bool free_subject, bool free_names, bool free_usages);
/* After subscriber or predecessor, and reuse: extensions and path length that the old certificate has from its request and the template still takes; with a key that was brought, the names of its request. */
extern void cm_want_again(CmWanted *w, const CmPredecessor *old);
extern CmSlice cm_csr_der(const char *pem);

/* The first of the names asked for (canonical) that is not wanted, as text; NULL: all are. */
extern char *cm_wanted_stranger(const CmWanted *w, CmSlice asked);
/* What the private CA would sign, and what is checked of it. serial and tbs->spki must be set; w outlives tbs. */
extern void cm_wanted_tbs(const CmWanted *w, const CmIssuer *issuer, TimestampTz now, CmTbs *tbs);
extern void cm_wanted_policy(const CmWanted *w, const CmIssuer *issuer, const CmTbs *tbs, CmPolicy *policy);
/* For the function of the template. tbs NULL: the times are not known (external CA). */
extern char *cm_wanted_json(const CmWanted *w, const char *ca, const CmTbs *tbs);
/* Asks that function; throws when it says no. */
extern void cm_wanted_ask(const CmWanted *w, const char *ca, const CmTbs *tbs);
/* Names and key of what an external CA will be asked for, against the template; throws. */
extern void cm_wanted_check_external(const CmWanted *w);

#endif
