/*
 * issuer_chain.c - see issuer_chain.h. Backends and the worker; locks nothing.
 *
 * A CA may have several certificates of one key: renewed, cross-signed. The
 * search goes from the leaf up, depth first, the best certificate of a key first
 * (cm_issuer_links), and takes the first path to a root or to an issuer
 * elsewhere on which everything is valid; where there is none, the first path at
 * all. Cross-signing makes circles: a key is on a path once, and the number of
 * steps is bounded.
 */
#include "postgres.h"

#include "lifecycle/issuer_chain.h"
#include "miscadmin.h"
#include "pg/error.h"
#include "pg/own.h"
#include "store/ca_issuer.h"
#include "x509/certificate.h"

/* Longer paths are loops or mistakes: web PKI has two or three issuers. */
#define CHAIN_MAX 16
/* A mesh of ten CAs that all cross-signed each other has a path within this many steps; each is a query. */
#define STEPS_MAX 200

typedef struct Step
{
	CmIssuerLink link;
	CmCertificate cert;
} Step;

typedef struct Search
{
	Step		path[CHAIN_MAX];
	int			length;
	int			steps;
	bool		any;			/* also what has expired or was revoked */
} Search;

static bool
is_root(const CmCertificate *cert)
{
	/* Same names are not enough: a CA's old key certifies its new one. */
	return cm_slice_equal(cert->issuer, cert->subject) && cm_certificate_issued_by(cert, cert, NULL);
}

/* True when it was a root. */
static bool
put_issuer(CmBuf *ders, CmSlice der, bool with_root)
{
	CmStatus	st = CM_STATUS_INIT;
	CmCertificate certificate;
	bool		root;

	if (!cm_certificate_parse(der, &certificate, &st))
		cm_throw(&st, NULL);
	root = is_root(&certificate);
	if ((!root || with_root) && !cm_buf_append(ders, der.data, der.len))
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	return root;
}

/* Certificates one after the other, as a CA elsewhere sent them or an administrator said. */
static void
put_run(CmBuf *ders, CmSlice chain, bool with_root)
{
	CmDer		one;

	while (cm_der_expect(&chain, CM_DER_SEQUENCE, &one))
		(void) put_issuer(ders, one.whole, with_root);
}

static bool
is_on_path(const Search *search, const CmCertificate *cert)
{
	for (int i = 0; i < search->length; i++)
	{
		if (cm_slice_equal(search->path[i].cert.spki, cert->spki) && cm_slice_equal(search->path[i].cert.subject, cert->subject))
			return true;
	}
	return false;
}

/* Puts issuers of a certificate whose issuer's name is given (empty: any) onto the path; false when that leads nowhere. */
static bool
climb(Search *search, int64 issuer_id, CmSlice name)
{
	CmStatus	st = CM_STATUS_INIT;
	CmIssuerLink *links;
	int			count;

	CHECK_FOR_INTERRUPTS();
	if (search->length == CHAIN_MAX || ++search->steps > STEPS_MAX)
		return false;
	links = cm_issuer_links(issuer_id, &count);
	for (int i = 0; i < count; i++)
	{
		Step	   *step = &search->path[search->length];

		if (!links[i].usable && !search->any && links[i].manual.len == 0)
			continue;
		if (!cm_certificate_parse(links[i].der, &step->cert, &st))
			cm_throw(&st, NULL);
		if ((name.len > 0 && !cm_slice_equal(step->cert.subject, name)) || is_on_path(search, &step->cert))
			continue;
		step->link = links[i];
		search->length++;
		if (links[i].manual.len > 0 || links[i].issuer_id == 0 || is_root(&step->cert) ||
			climb(search, links[i].issuer_id, step->cert.issuer))
			return true;
		search->length--;
	}
	return false;
}

static void
put_path(const Search *search, bool with_root, CmBuf *ders)
{
	for (int i = 0; i < search->length; i++)
	{
		const CmIssuerLink *link = &search->path[i].link;

		if (link->manual.len > 0)
		{
			put_run(ders, link->manual, with_root);
			return;
		}
		if (put_issuer(ders, link->der, with_root))
			return;
		put_run(ders, link->chain, with_root);
	}
}

void
cm_issuer_chain(const CmCertificateRow *row, bool with_root, CmBuf *ders)
{
	Search	   *search = palloc0(sizeof(Search));
	CmStatus	st = CM_STATUS_INIT;
	CmCertificate leaf;

	put_run(ders, row->chain, with_root);
	if (row->issuer_id == 0)
		return;
	if (!cm_certificate_parse(row->der, &leaf, &st))
		cm_throw(&st, NULL);
	if (!climb(search, row->issuer_id, leaf.issuer))
	{
		search->any = true;
		search->steps = 0;
		if (!climb(search, row->issuer_id, leaf.issuer))
			ereport(ERROR,
					(errcode(CM_ERRCODE_NOT_READY),
					 errmsg("issuer of certificate %lld is not there", (long long) row->id),
					 errdetail("Certificate %lld has no bytes, or its issuers go round in a circle.", (long long) row->issuer_id)));
	}
	put_path(search, with_root, ders);
}
