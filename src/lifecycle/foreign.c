/*
 * foreign.c - see foreign.h. Backends and engines, in a transaction; locks
 * nothing. A certificate that breaks the rules of its template exists all the
 * same, so it is in the inventory whatever is thought of it.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "lifecycle/foreign.h"
#include "lifecycle/lint.h"
#include "lifecycle/texts.h"
#include "pg/error.h"
#include "pg/own.h"
#include "pg/query.h"
#include "store/import.h"
#include "utils/timestamp.h"
#include "x509/name.h"

/* Of the sentences on a row: some six of them; whoever breaks more has been told enough. */
#define WORDS_MAX 1024

void
cm_foreign_row(const CmCertificate *cert, CmCertificateNew *row)
{
	CmBuf	   *subject = cm_own_buf(0);
	char	  **texts;
	int			count;
	CmStatus	st = CM_STATUS_INIT;

	if (!cm_name_format(cert->subject, subject, &st))
		cm_throw(&st, NULL);
	row->state = "issued";
	row->source = "imported";
	row->serial = cert->serial;
	row->subject = cm_datum_text(cm_buf_cstr(subject));
	texts = cm_san_texts(cert->sans, &count);
	row->sans = cm_datum_text_array(texts, count);
	texts = cm_usage_texts(cert->has_key_usage ? cert->key_usage : 0, cert->ext_key_usage, &count);
	row->usages = cm_datum_text_array(texts, count);
	row->key_algorithm = cm_key_alg_name(cert->key_alg);
	row->is_ca = cert->ca;
	row->not_before = time_t_to_timestamptz(cert->not_before);
	row->not_after = time_t_to_timestamptz(cert->not_after);
	row->created_at = GetCurrentTimestamp();
	row->action = "import";
}

/* What calls this holds memory of its own: it must not throw. */
static bool
add_breach(void *arg, const char *rule, bool kept, const char *detail)
{
	char	   *words = arg;

	if (kept)
		return true;
	strlcat(words, words[0] == '\0' ? "policy: " : " ", WORDS_MAX);
	/* Of an extension: "It is missing." */
	if (strncmp(detail, "It is ", 6) == 0)
	{
		strlcat(words, rule, WORDS_MAX);
		strlcat(words, ": ", WORDS_MAX);
	}
	strlcat(words, detail, WORDS_MAX);
	return true;
}

char *
cm_foreign_judge(const CmTemplateEntry *t, const CmCertificate *cert, const char *breach, bool *refused)
{
	CmTemplateCase what = {cert, {0}, true};
	char	   *words;
	char	   *lint;
	const CmLintRule *worst;

	*refused = false;
	if (t == NULL)
		return NULL;
	words = palloc0(WORDS_MAX);
	if (breach != NULL)
		add_breach(words, "policy", false, breach);
	if (!cm_template_check_choices(&t->rules, &what, add_breach, words) || breach != NULL)
		*refused = t->refuse_external;
	if (cm_lint_wanted(t))
	{
		lint = cm_lint_words(cert->der, false, &worst);
		if (worst != NULL && cm_lint_refuses(t))
			*refused = true;
		if (lint != NULL)
			words = psprintf("%s%s%s", words, words[0] == '\0' ? "" : " ", lint);
	}
	return words[0] == '\0' ? NULL : words;
}

int64
cm_foreign_keep(const CmCertificate *cert, CmSlice chain, int64 ca_id, const char *why)
{
	CmCertificateNew row = {0};
	CmBodyNew	body = {0};
	int64		there = cm_import_find(cert);

	if (there != 0)
		return there;
	cm_foreign_row(cert, &row);
	row.id = cm_certificate_next_id();
	row.ca_id = ca_id;
	row.source = "issued";
	row.requested_by = "worker";
	row.status_message = why;
	row.action = "refuse";
	cm_certificate_put(&row);
	body.certificate_id = row.id;
	body.der = cert->der;
	body.chain = chain;
	cm_body_insert(&body);
	return row.id;
}
