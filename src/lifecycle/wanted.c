/*
 * wanted.c - collecting what is to be issued; see wanted.h. Runs in backends,
 * and in the worker for renewals; as the caller, reads tables only through the
 * caches. What a CSR asks for and may not have is refused here, with words
 * that fit a request; that nothing slips through is the work of the policy
 * check on the finished bytes.
 */
#include "postgres.h"

#include "access/xact.h"
#include "lib/stringinfo.h"
#include "lifecycle/texts.h"
#include "lifecycle/wanted.h"
#include "pg/caller.h"
#include "pg/error.h"
#include "pg/interval.h"
#include "pg/own.h"
#include "pg/query.h"
#include "utils/builtins.h"
#include "x509/csr.h"
#include "x509/name.h"
#include "x509/san.h"
#include "x509/usage.h"

#define LIFETIME_DEFAULT_DAYS 90

void
cm_want_template(CmWanted *w, const CmTemplateEntry *t)
{
	w->template = t;
	w->path_length = -1;
	w->extensions = t->fixed_extensions;
	w->lifetime = t->lifetime;
	w->key_alg = t->key_alg;
	w->key_usage = t->key_usage;
	w->ext_key_usage = t->ext_key_usage;
	w->usages_text = t->usages_text;
}

/* ---- names and usages from texts ---- */

static void
want_texts(CmWanted *w, const char *subject, char **sans, int san_count, char **usages, int usage_count)
{
	CmBuf	   *name = cm_own_buf(0);
	CmBuf	   *names = cm_own_buf(0);
	CmBuf	   *ekus = cm_own_buf(0);
	uint32_t	key_usage = 0;
	CmStatus	st = CM_STATUS_INIT;

	if (!cm_name_parse(subject, name, &st))
		cm_throw(&st, NULL);
	for (int i = 0; i < san_count; i++)
	{
		if (!cm_san_parse(sans[i], names, &st))
			cm_throw(&st, NULL);
	}
	for (int i = 0; i < usage_count; i++)
	{
		if (!cm_usage_parse(usages[i], &key_usage, ekus, &st))
			cm_throw(&st, NULL);
	}
	w->subject = cm_slice(name->data, name->len);
	w->sans = cm_slice(names->data, names->len);
	/* NULL: those of the template stay. */
	if (usages == NULL)
		return;
	w->key_usage = key_usage;
	w->ext_key_usage = cm_slice(ekus->data, ekus->len);
	w->usages_text = cm_datum_text_array(usages, usage_count);
}

/* The text forms that go into the row, from the binary ones. */
static void
fill_subject_text(CmWanted *w)
{
	CmBuf	   *buf = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;

	if (!cm_name_format(w->subject, buf, &st))
		cm_throw(&st, NULL);
	w->subject_text = cm_datum_text(cm_buf_cstr(buf));
}

static void
fill_sans_text(CmWanted *w)
{
	w->san_list = cm_san_texts(w->sans, &w->san_count);
	w->sans_text = cm_datum_text_array(w->san_list, w->san_count);
}

static void
fill_usages_text(CmWanted *w)
{
	int			count;
	char	  **usages = cm_usage_texts(w->key_usage, w->ext_key_usage, &count);

	w->usages_text = cm_datum_text_array(usages, count);
}

/*
 * What a key cannot do is not certified (RFC 8813 3, RFC 8410 5, RFC 9881 5): programs that make CSRs ask for
 * keyEncipherment out of habit, and templates and subscribers allow it for the sake of RSA.
 */
static void
drop_impossible_usages(CmWanted *w)
{
	uint32_t	impossible = CM_KU_KEY_ENCIPHERMENT | CM_KU_DATA_ENCIPHERMENT;

	if (cm_key_alg_is_rsa(w->key_alg) || w->key_alg == CM_KEY_OTHER)
		return;
	if (!cm_key_alg_is_ec(w->key_alg))
		impossible |= CM_KU_KEY_AGREEMENT | CM_KU_ENCIPHER_ONLY | CM_KU_DECIPHER_ONLY;
	if ((w->key_usage & impossible) == 0)
		return;
	w->key_usage &= ~impossible;
	fill_usages_text(w);
}

static bool
fixes_something(const CmTemplateEntry *t)
{
	for (int i = 0; t != NULL && i < t->rules.subject_count; i++)
	{
		if (t->rules.subject[i].fixed != NULL)
			return true;
	}
	return false;
}

/* The subject with what the template fixes. */
static CmSlice
completed(const CmWanted *w, CmSlice subject)
{
	CmBuf	   *out;
	CmStatus	st = CM_STATUS_INIT;

	if (!fixes_something(w->template))
		return subject;
	out = cm_own_buf(0);
	if (!cm_template_complete_subject(&w->template->rules, subject, out, &st))
		cm_throw(&st, NULL);
	return cm_buf_slice(out);
}

static void
complete_subject(CmWanted *w)
{
	CmSlice		subject = completed(w, w->subject);

	if (cm_slice_equal(subject, w->subject))
		return;
	w->subject = subject;
	fill_subject_text(w);
}

/* ---- who asks ---- */

void
cm_want_subscriber(CmWanted *w, const CmSubscriber *s)
{
	if (s->template_id != 0)
		cm_want_template(w, cm_template_get(s->template_id));
	w->ca_id = s->ca_id;
	w->holder = psprintf("subscriber \"%s\"", s->name);
	w->subscriber = s;
	w->subject_text = s->subject_text;
	w->subject = s->subject;
	w->sans_text = s->sans_text;
	w->san_list = s->san_list;
	w->san_count = s->san_count;
	w->sans = s->sans;
	w->usages_text = s->usages_text;
	w->key_usage = s->key_usage;
	w->ext_key_usage = s->ext_key_usage;
	w->lifetime = s->lifetime;
	w->asked_lifetime = s->has_lifetime ? &s->lifetime : NULL;
	w->key_alg = s->key_alg;
	w->auto_renew = s->auto_renew;
	w->renew_before = s->has_renew_before ? &s->renew_before : NULL;
	complete_subject(w);
}

/* Without a template: TLS servers and clients. */
static void
default_usages(const CmIssueFrom *request, CmKeyAlg alg, char ***usages, int *count)
{
	static char *usual[] = {"digitalSignature", "serverAuth", "clientAuth", "keyEncipherment"};

	*usages = request->usages;
	*count = request->usage_count;
	if (*usages != NULL || request->template != NULL)
		return;
	*usages = usual;
	*count = cm_key_alg_is_rsa(alg) ? 4 : 3;
}

void
cm_want_request(CmWanted *w, const CmIssueFrom *request, int64 ca_id, const char *ca)
{
	CmStatus	st = CM_STATUS_INIT;
	char	  **usages;
	int			usage_count;

	w->key_alg = CM_KEY_EC_P256;
	w->path_length = -1;
	w->lifetime.day = LIFETIME_DEFAULT_DAYS;
	if (request->template != NULL)
	{
		memset(&w->lifetime, 0, sizeof(w->lifetime));
		cm_want_template(w, cm_template_get_by_name(request->template));
	}
	w->ca_id = ca_id;
	w->holder = psprintf("certificate authority \"%s\"", ca);
	if (request->key_algorithm != NULL && !cm_key_alg_parse(request->key_algorithm, &w->key_alg, &st))
		cm_throw(&st, NULL);
	default_usages(request, w->key_alg, &usages, &usage_count);
	want_texts(w, request->subject, request->sans, request->san_count, usages, usage_count);
	if ((w->key_usage & (CM_KU_KEY_CERT_SIGN | CM_KU_CRL_SIGN)) && (w->template == NULL || !w->template->rules.ca))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("usages keyCertSign and cRLSign are for certificate authorities"),
				 errhint("Use certmgr.create_intermediate_ca().")));
	fill_subject_text(w);
	fill_sans_text(w);
	if (request->lifetime != NULL)
	{
		w->lifetime = *request->lifetime;
		w->lifetime_explicit = true;
		w->asked_lifetime = request->lifetime;
	}
	if (request->csr != NULL)
		cm_want_csr(w, cm_csr_der(request->csr), request->subject == NULL, request->san_count == 0, request->usages == NULL);
	else
		complete_subject(w);
	/* Usages that were asked for by name are left to template and lint. */
	if (request->usages == NULL)
		drop_impossible_usages(w);
	if (w->subject.len <= 2 && w->sans.len == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a certificate needs a subject or a subject alternative name"),
				 errhint("Give subject => 'CN=...' or sans => ARRAY['host.example.com'].")));
}

/* A key that is made now is old when its certificate begins. */
#define NOT_BEFORE_DAYS 366

void
cm_want_not_before(CmWanted *w, TimestampTz at)
{
	/* now() is the time of the transaction. */
	if (at < GetCurrentTransactionStartTimestamp() || at - GetCurrentTimestamp() > NOT_BEFORE_DAYS * USECS_PER_DAY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"not_before\" must lie within the next %d days", NOT_BEFORE_DAYS),
				 errdetail("It is %s.", timestamptz_to_str(at)),
				 errhint("Leave it out for a certificate that begins now.")));
	w->not_before = at;
}

void
cm_want_predecessor(CmWanted *w, const CmPredecessor *old)
{
	CmStatus	st = CM_STATUS_INIT;

	w->path_length = -1;
	if (old->template_id != 0)
		cm_want_template(w, cm_template_get(old->template_id));
	w->ca_id = old->ca_id;
	w->holder = psprintf("certificate %lld", (long long) old->id);
	want_texts(w, old->subject, old->sans, old->san_count, old->usages, old->usage_count);
	fill_subject_text(w);
	fill_sans_text(w);
	complete_subject(w);
	if (!cm_key_alg_parse(old->key_algorithm, &w->key_alg, &st))
		cm_throw(&st, NULL);
	w->asked_lifetime = old->has_asked_lifetime ? &old->asked_lifetime : NULL;
	memset(&w->lifetime, 0, sizeof(w->lifetime));
	if (old->not_after > old->not_before && old->not_after != 0)
		/* By a template both ends count. */
		w->lifetime.time = old->not_after - old->not_before + (w->template ? USECS_PER_SEC : 0);
	else
		w->lifetime.day = LIFETIME_DEFAULT_DAYS;
}

/* ---- CSR against what is allowed ---- */

static void
refuse(const CmWanted *w, const char *detail)
{
	CmStatus	st = CM_STATUS_INIT;

	cm_fail(&st, CM_POLICY, "request is not allowed for %s", w->holder);
	cm_fail_detail(&st, "%s", detail);
	cm_throw(&st, w->subscriber == NULL ? NULL : "certmgr.subscriber shows what it may have; an operator changes it by certmgr.alter_subscriber().");
}

char *
cm_wanted_stranger(const CmWanted *w, CmSlice asked)
{
	CmDer		name;
	int			count;

	while (cm_der_next(&asked, &name))
	{
		if (!cm_der_contains(w->sans, name.whole))
			return cm_san_texts(name.whole, &count)[0];
	}
	return NULL;
}

static void
check_csr_names(CmWanted *w, CmSlice asked)
{
	char	   *stranger = cm_wanted_stranger(w, asked);

	if (stranger != NULL)
		refuse(w, psprintf("Name \"%s\" is not among the allowed names.", stranger));
	if (!cm_slice_equal(asked, w->sans))
	{
		w->sans = asked;
		fill_sans_text(w);
	}
}

static void
check_csr_usages(const CmWanted *w, const CmCsr *csr)
{
	CmSlice		rest = csr->ext_key_usage;
	CmDer		oid;
	CmBuf	   *extra = cm_own_buf(0);
	uint32_t	bits = csr->has_key_usage ? csr->key_usage & ~w->key_usage : 0;
	StringInfoData list;
	char	  **usages;
	int			count;

	while (cm_der_next(&rest, &oid))
	{
		if (!cm_der_contains(w->ext_key_usage, oid.whole))
			cm_buf_append(extra, oid.whole.data, oid.whole.len);
	}
	if (bits == 0 && extra->len == 0)
		return;
	initStringInfo(&list);
	usages = cm_usage_texts(bits, cm_slice(extra->data, extra->len), &count);
	for (int i = 0; i < count; i++)
		appendStringInfo(&list, "%s%s", i > 0 ? ", " : "", usages[i]);
	refuse(w, psprintf("Usage %s is not among the allowed usages.", list.data));
}

static void
want_csr_usages(CmWanted *w, const CmCsr *csr)
{
	CmBuf	   *ekus = cm_own_buf(0);
	CmSlice		rest = w->template->rules.required_ext_key_usage;
	CmDer		oid;

	if (csr->has_key_usage)
		w->key_usage = csr->key_usage | w->template->rules.required_key_usage;
	if (csr->ext_key_usage.len > 0)
	{
		cm_buf_append(ekus, csr->ext_key_usage.data, csr->ext_key_usage.len);
		while (cm_der_next(&rest, &oid))
		{
			if (!cm_der_contains(csr->ext_key_usage, oid.whole))
				cm_buf_append(ekus, oid.whole.data, oid.whole.len);
		}
		w->ext_key_usage = cm_buf_slice(ekus);
	}
	fill_usages_text(w);
}

/* One that the template takes from requests, with the criticality that it says. */
static void
append_extension(const CmWanted *w, const CmExtension *ext, CmBuf *all)
{
	const CmExtensionRule *rule = cm_template_extension(&w->template->rules, ext->oid);
	size_t		mark;

	if (rule == NULL || !rule->from_request)
		return;
	/* A web server that asks for must-staple where the template gives it to all. */
	if (w->template->rules.must_staple && cm_slice_equal(ext->oid, cm_slice("\x2b\x06\x01\x05\x05\x07\x01\x18", 8)))
		return;
	mark = cm_der_open(all, CM_DER_SEQUENCE);
	cm_der_put_slice(all, CM_DER_OID, ext->oid);
	if (rule->critical)
		cm_der_put_bool(all, true);
	cm_der_put_slice(all, CM_DER_OCTET_STRING, ext->value);
	cm_der_close(all, mark);
}

static void
want_csr_extensions(CmWanted *w, const CmCsr *csr)
{
	CmBuf	   *all;

	if (csr->other_count == 0)
		return;
	all = cm_own_buf(0);
	cm_buf_append(all, w->extensions.data, w->extensions.len);
	for (int i = 0; i < csr->other_count; i++)
	{
		CmSlice		rest = csr->others[i];
		CmExtension ext;

		if (cm_extension_next(&rest, &ext))
			append_extension(w, &ext, all);
	}
	w->extensions = cm_buf_slice(all);
}

static void
want_csr_subject(CmWanted *w, const CmCsr *csr, bool free_subject)
{
	CmBuf	   *asked;
	CmSlice		subject;
	CmStatus	st = CM_STATUS_INIT;

	if (free_subject)
	{
		w->subject = completed(w, csr->subject);
		fill_subject_text(w);
		return;
	}
	complete_subject(w);
	subject = completed(w, csr->subject);
	if (csr->subject.len <= 2 || cm_slice_equal(subject, w->subject))
		return;
	asked = cm_own_buf(0);
	if (!cm_name_format(subject, asked, &st))
		cm_throw(&st, NULL);
	/* Same attributes in other string types are the same subject. */
	if (strcmp(cm_buf_cstr(asked), TextDatumGetCString(w->subject_text)) != 0)
		refuse(w, psprintf("Subject \"%s\" is not the allowed subject \"%s\".", cm_buf_cstr(asked), TextDatumGetCString(w->subject_text)));
}

void
cm_want_csr(CmWanted *w, CmSlice der, bool free_subject, bool free_names, bool free_usages)
{
	CmCsr		csr;
	CmStatus	st = CM_STATUS_INIT;
	CmBuf	   *sans = cm_own_buf(0);
	bool		for_ca = w->template != NULL && w->template->rules.ca;

	if (!cm_csr_parse_with(der, w->template ? w->template->request_oids : cm_slice(NULL, 0), &csr, &st))
		cm_throw(&st, NULL);
	if (csr.has_basic_constraints && csr.ca && !for_ca)
		refuse(w, "The request asks for a CA certificate (basicConstraints CA:TRUE).");
	if (csr.sans.len > 0 && !cm_san_canonical(csr.sans, sans, &st))
		cm_throw(&st, NULL);
	w->path_length = csr.path_length;
	want_csr_subject(w, &csr, free_subject);
	if (free_names)
	{
		w->sans = cm_buf_slice(sans);
		fill_sans_text(w);
	}
	else if (sans->len > 0)
		check_csr_names(w, cm_buf_slice(sans));
	if (free_usages && w->template != NULL)
		want_csr_usages(w, &csr);
	else
		check_csr_usages(w, &csr);
	want_csr_extensions(w, &csr);
	w->csr = der;
	w->csr_spki = csr.spki;
	w->key_alg = csr.key_alg;
	drop_impossible_usages(w);
}

/* ---- renewal: what the request of the old one asked for ---- */

/* Taken from the certificate, not from the request: which may be of another key, or ask for what the template takes no longer. */
static void
keep_extensions(CmWanted *w, const CmCertificate *cert)
{
	CmBuf	   *all = cm_own_buf(0);
	CmSlice		rest = cert->extensions;
	CmExtension ext;

	cm_buf_append(all, w->extensions.data, w->extensions.len);
	while (cm_extension_next(&rest, &ext))
		append_extension(w, &ext, all);
	w->extensions = cm_buf_slice(all);
	if (cert->ca)
		w->path_length = cert->path_length;
}

/* Every extension of the request that is in the certificate was allowed once: here the request is asked for its names only. */
static CmSlice
oids_of(CmSlice extensions)
{
	CmBuf	   *oids = cm_own_buf(0);
	CmExtension ext;

	while (cm_extension_next(&extensions, &ext))
		cm_der_put_slice(oids, CM_DER_OID, ext.oid);
	return cm_buf_slice(oids);
}

/* A request that asked for some of the subscriber's names asks for these again. When none of them is the subscriber's any more, its own count. */
static void
keep_names(CmWanted *w, CmSlice request, CmSlice oids)
{
	CmCsr		csr;
	CmStatus	st = CM_STATUS_INIT;
	CmBuf	   *asked = cm_own_buf(0);
	CmBuf	   *kept = cm_own_buf(0);
	CmSlice		rest;
	CmDer		name;

	if (!cm_csr_parse_with(request, oids, &csr, &st) || (csr.sans.len > 0 && !cm_san_canonical(csr.sans, asked, &st)))
		cm_throw(&st, NULL);
	w->request_sans = cm_buf_slice(asked);
	rest = w->request_sans;
	while (cm_der_next(&rest, &name))
	{
		if (cm_der_contains(w->sans, name.whole))
			cm_buf_append(kept, name.whole.data, name.whole.len);
	}
	if (kept->len == 0 || cm_slice_equal(cm_buf_slice(kept), w->sans))
		return;
	w->sans = cm_buf_slice(kept);
	fill_sans_text(w);
}

void
cm_want_again(CmWanted *w, const CmPredecessor *old)
{
	bool		brought = w->reuse != NULL && old->sealed_key.len == 0 && old->csr.len > 0;
	CmCertificate cert = {{0}};
	CmStatus	st = CM_STATUS_INIT;

	if (old->der.len > 0 && (brought || w->template != NULL) && !cm_certificate_parse(old->der, &cert, &st))
		cm_throw(&st, NULL);
	if (w->template != NULL)
		keep_extensions(w, &cert);
	if (!brought || w->subscriber == NULL)
		return;
	keep_names(w, old->csr, oids_of(cert.extensions));
	drop_impossible_usages(w);
}

CmSlice
cm_csr_der(const char *pem)
{
	CmBuf	   *der = cm_own_buf(CM_CSR_MAX);
	CmStatus	st = CM_STATUS_INIT;

	if (!cm_csr_from_text(cm_slice(pem, strlen(pem)), der, &st))
		cm_throw(&st, NULL);
	return cm_buf_slice(der);
}
