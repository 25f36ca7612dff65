/*
 * subscriber.c - making, changing and removing subscribers.
 *
 * Runs in backends, as certmgr_owner, in the caller's transaction. Texts are
 * stored in canonical form, so that issuing need not look at them twice. Locks
 * the subscriber's row when it is changed or removed.
 */
#include "postgres.h"

#include "access/xact.h"
#include "crypto/key.h"
#include "lib/stringinfo.h"
#include "lifecycle/acme_request.h"
#include "lifecycle/ca_config.h"
#include "lifecycle/revoke.h"
#include "lifecycle/subscriber.h"
#include "lifecycle/template.h"
#include "lifecycle/texts.h"
#include "mb/pg_wchar.h"
#include "pg/error.h"
#include "pg/interval.h"
#include "pg/own.h"
#include "pg/query.h"
#include "store/audit.h"
#include "store/subscriber.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/timestamp.h"
#include "x509/name.h"
#include "x509/san.h"
#include "x509/usage.h"

/* Shown in one line of a table and quoted in messages. */
#define NAME_MAX_CHARS 200
/* RFC 5280 appendix A, ub-common-name. */
#define COMMON_NAME_MAX 64
/* A certificate with 1000 names has some 30 kB; public CAs stop at 100, TLS stacks soon after. */
#define SANS_MAX 1000
#define LIFETIME_DEFAULT_DAYS 90
#define LIFETIME_MAX_MONTHS (100 * 12)
/* As ACME's requests take it. */
#define PROFILE_MAX 128

static void
check_name(const char *name)
{
	if (name[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("name of a subscriber must not be empty")));
	if (pg_mbstrlen(name) > NAME_MAX_CHARS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("name of a subscriber is too long"),
				 errdetail("It has %d characters; %d are allowed.", pg_mbstrlen(name), NAME_MAX_CHARS)));
}

/* ---- names ---- */

static char *
canonical_subject(const char *subject)
{
	CmStatus	st = CM_STATUS_INIT;
	CmBuf	   *der = cm_own_buf(0);
	CmBuf	   *out = cm_own_buf(0);

	if (!cm_name_parse(subject, der, &st) || !cm_name_format(cm_slice(der->data, der->len), out, &st))
		cm_throw(&st, "Subjects are written as in RFC 4514: 'CN=api.example.com,O=Example'.");
	return pstrdup(cm_buf_cstr(out));
}

/* The first host name or address as CN; no subject at all where it does not fit or there is none. sans: canonical. */
static char *
default_subject(char *const *sans, int count)
{
	for (int i = 0; i < count; i++)
	{
		const char *value = NULL;

		if (strncmp(sans[i], "DNS:", 4) == 0)
			value = sans[i] + 4;
		else if (strncmp(sans[i], "IP:", 3) == 0)
			value = sans[i] + 3;
		if (value == NULL)
			continue;
		if (strlen(value) > COMMON_NAME_MAX)
			return pstrdup("");
		return canonical_subject(psprintf("CN=%s", value));
	}
	return pstrdup("");
}

static void
set_sans(CmSubscriberRow *row, char *const *sans, int count)
{
	CmStatus	st = CM_STATUS_INIT;
	CmBuf	   *all = cm_own_buf(0);
	CmBuf	   *one = cm_own_buf(0);
	CmBuf	   *shown = cm_own_buf(0);

	if (count > SANS_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many names"),
				 errdetail("There are %d; %d are allowed.", count, SANS_MAX)));
	row->sans = palloc(sizeof(char *) * (count + 1));
	row->san_count = 0;
	for (int i = 0; i < count; i++)
	{
		CmSlice		name;

		cm_buf_reset(one);
		cm_buf_reset(shown);
		if (!cm_san_parse(sans[i], one, &st))
			cm_throw(&st, NULL);
		name = cm_slice(one->data, one->len);
		if (cm_der_contains(cm_slice(all->data, all->len), name))
			continue;
		if (!cm_san_format(name, shown, &st))
			cm_throw(&st, NULL);
		cm_buf_append(all, name.data, name.len);
		row->sans[row->san_count++] = pstrdup(cm_buf_cstr(shown));
	}
	row->sans[row->san_count] = NULL;
}

/* ---- usages and key ---- */

static void
set_usages(CmSubscriberRow *row, char *const *usages, int count)
{
	CmStatus	st = CM_STATUS_INIT;
	CmBuf	   *purposes = cm_own_buf(0);
	uint32_t	key_usage = 0;

	for (int i = 0; i < count; i++)
	{
		if (!cm_usage_parse(usages[i], &key_usage, purposes, &st))
			cm_throw(&st, NULL);
	}
	if (key_usage & (CM_KU_KEY_CERT_SIGN | CM_KU_CRL_SIGN))
		ereport(ERROR,
				(errcode(CM_ERRCODE_POLICY),
				 errmsg("usage \"%s\" is for CAs only", key_usage & CM_KU_KEY_CERT_SIGN ? "keyCertSign" : "cRLSign"),
				 errhint("SELECT certmgr.create_intermediate_ca(...) makes a CA.")));
	row->usages = cm_usage_texts(key_usage, cm_slice(purposes->data, purposes->len), &row->usage_count);
	if (row->usage_count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a subscriber needs at least one usage"),
				 errdetail("A certificate without usages may be used for everything."),
				 errhint("The default is '{digitalSignature,serverAuth,clientAuth}'.")));
}

/* TLS servers and clients; an RSA key may also be used for key transport, which TLS 1.2 still knows. */
static void
set_default_usages(CmSubscriberRow *row)
{
	char	   *usages[] = {"digitalSignature", "serverAuth", "clientAuth", "keyEncipherment"};

	set_usages(row, usages, strncmp(row->key_algorithm, "RSA-", 4) == 0 ? 4 : 3);
}

static bool
has_default_usages(const CmSubscriberRow *row)
{
	CmSubscriberRow usual = *row;

	set_default_usages(&usual);
	if (usual.usage_count != row->usage_count)
		return false;
	for (int i = 0; i < row->usage_count; i++)
	{
		if (strcmp(usual.usages[i], row->usages[i]) != 0)
			return false;
	}
	return true;
}

static bool
is_external(const CmSubscriberRow *row)
{
	return strcmp(row->ca_type, "acme") == 0;
}

/* External CAs have a lifetime of their own: zero goes back to it. */
static void
set_lifetime(CmSubscriberRow *row, const Interval *lifetime)
{
	row->has_lifetime = !is_external(row) || !cm_interval_is_zero(lifetime);
	row->lifetime = *lifetime;
	if (is_external(row) && row->has_lifetime)
		cm_acme_check_lifetime(row->ca_id);
}

static void
set_profile(CmSubscriberRow *row, const char *profile)
{
	if (strlen(profile) > PROFILE_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"profile\" is longer than %d bytes", PROFILE_MAX)));
	row->profile = profile[0] != '\0' ? pstrdup(profile) : NULL;
}

static void
set_key_algorithm(CmSubscriberRow *row, const char *name)
{
	CmStatus	st = CM_STATUS_INIT;
	CmKeyAlg	alg;

	if (!cm_key_alg_parse(name, &alg, &st))
		cm_throw(&st, NULL);
	row->key_algorithm = pstrdup(cm_key_alg_name(alg));
}

/* ---- times ---- */

/* Months have no fixed length: intervals are compared by what they do to this moment. */
static void
check_times(const CmSubscriberRow *row)
{
	TimestampTz now = GetCurrentTransactionStartTimestamp();
	Interval	century = {0, 0, LIFETIME_MAX_MONTHS};
	TimestampTz end;
	TimestampTz early;

	end = row->has_lifetime ? cm_timestamp_plus(now, &row->lifetime) : DT_NOEND;
	if (row->has_lifetime && (end <= now || end > cm_timestamp_plus(now, &century)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("lifetime must be above zero and at most 100 years")));
	if (!row->has_renew_before)
		return;
	early = cm_timestamp_plus(now, &row->renew_before);
	if (early <= now || early >= end)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("renew_before must be above zero and below the lifetime"),
				 errhint("Leave it out: certificates are then renewed when a third of the lifetime is left.")));
}

/* ---- the template ---- */

static const CmTemplateEntry *
template_of(const CmSubscriberRow *row)
{
	return row->template_id == 0 ? NULL : cm_template_get(row->template_id);
}

/* What was not said comes from the template; changes are judged by it. */
static void
set_template(CmSubscriberRow *row, const char *name, bool defaults)
{
	const CmTemplateEntry *t;

	if (name[0] == '\0')
	{
		row->template_id = 0;
		return;
	}
	t = cm_template_get_by_name(name);
	if (t->rules.ca)
		ereport(ERROR,
				(errcode(CM_ERRCODE_POLICY),
				 errmsg("template \"%s\" is for CA certificates", name),
				 errhint("SELECT certmgr.issue_from(ca, csr => '...', template => %s) signs the request of a CA.", quote_literal_cstr(name))));
	cm_template_check_ca(t, row->ca_name);
	row->template_id = t->id;
	if (!defaults)
		return;
	row->lifetime = t->lifetime;
	row->key_algorithm = pstrdup(cm_key_alg_name(t->key_alg));
	row->usages = cm_text_array(t->usages_text, &row->usage_count);
}

typedef struct Refusal
{
	char		detail[512];
} Refusal;

static bool
keep_refusal(void *arg, const char *rule, bool kept, const char *detail)
{
	Refusal    *refusal = arg;

	if (!kept)
		strlcpy(refusal->detail, detail, sizeof(refusal->detail));
	return kept;
}

static void
refuse_by_template(const CmTemplateEntry *t, const CmSubscriberRow *row, const char *detail)
{
	ereport(ERROR,
			(errcode(CM_ERRCODE_POLICY),
			 errmsg("subscriber \"%s\" is not allowed by template \"%s\"", row->name, t->name),
			 errdetail("%s", detail)));
}

static void
check_usages_by_template(const CmTemplateEntry *t, const CmSubscriberRow *row)
{
	CmBuf	   *purposes = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;

	for (int i = 0; i < row->usage_count; i++)
	{
		uint32_t	bits = 0;

		cm_buf_reset(purposes);
		if (!cm_usage_parse(row->usages[i], &bits, purposes, &st))
			cm_throw(&st, NULL);
		/* It is a key usage or an extended one. */
		if (purposes->len == 0 ? (bits & ~t->rules.key_usage) != 0 : bits != 0 || !cm_der_contains(t->rules.ext_key_usage, cm_buf_slice(purposes)))
			refuse_by_template(t, row, psprintf("Usage \"%s\" is not among the allowed ones.", row->usages[i]));
	}
}

/* As far as it can be told without a certificate; the rest is found when one is issued. */
static void
check_by_template(const CmSubscriberRow *row)
{
	const CmTemplateEntry *t = template_of(row);
	CmBuf	   *name = cm_own_buf(0);
	CmBuf	   *subject = cm_own_buf(0);
	CmBuf	   *sans = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;
	Refusal		refusal = {""};
	CmKeyAlg	alg;
	TimestampTz now = GetCurrentTransactionStartTimestamp();
	int64_t		start = timestamptz_to_time_t(now);
	int64_t		end = timestamptz_to_time_t(cm_timestamp_plus(now, &row->lifetime));

	if (t == NULL)
		return;
	if (!cm_name_parse(row->subject, name, &st) ||
		!cm_template_complete_subject(&t->rules, cm_slice(name->data, name->len), subject, &st) ||
		!cm_key_alg_parse(row->key_algorithm, &alg, &st))
		cm_throw(&st, NULL);
	for (int i = 0; i < row->san_count; i++)
	{
		if (!cm_san_parse(row->sans[i], sans, &st))
			cm_throw(&st, NULL);
	}
	if (!cm_template_check_names(&t->rules, cm_slice(subject->data, subject->len), cm_slice(sans->data, sans->len), false, keep_refusal, &refusal))
		refuse_by_template(t, row, refusal.detail);
	if (t->rules.key_algs != 0 && (t->rules.key_algs & CM_KEY_ALG_BIT(alg)) == 0)
		refuse_by_template(t, row, psprintf("Key algorithm %s is not among the allowed ones.", row->key_algorithm));
	check_usages_by_template(t, row);
	/* What an external CA makes of it is judged when it comes. */
	if (!row->has_lifetime)
		return;
	if (t->rules.has_max_lifetime && end > cm_span_after(start, &t->rules.max_lifetime))
		refuse_by_template(t, row, "The lifetime is longer than allowed.");
	if (t->rules.has_min_lifetime && end < cm_span_after(start, &t->rules.min_lifetime))
		refuse_by_template(t, row, "The lifetime is shorter than allowed.");
}

/* A template that has no place for a common name: then the names are all there is. */
static bool
may_have_common_name(const CmSubscriberRow *row)
{
	const CmTemplateEntry *t = template_of(row);

	if (t == NULL || t->rules.other_attributes)
		return true;
	for (int i = 0; i < t->rules.subject_count; i++)
	{
		if (strcmp(t->rules.subject[i].name, "CN") == 0)
			return !t->rules.subject[i].denied;
	}
	return false;
}

/* ---- the rest ---- */

static void
set_owner(CmSubscriberRow *row, const char *owner)
{
	if (owner[0] == '\0')
	{
		row->owner = NULL;
		return;
	}
	if (!OidIsValid(get_role_oid(owner, true)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role \"%s\" does not exist", owner)));
	row->owner = pstrdup(owner);
}

/* What an external CA would refuse hours later is refused now. */
static void
check_acme(const CmSubscriberRow *row, const CmSubscriberChange *change)
{
	if (row->san_count == 0)
		ereport(ERROR,
				(errcode(CM_ERRCODE_POLICY),
				 errmsg("a subscriber of ACME CA \"%s\" needs at least one host name", row->ca_name),
				 errhint("Give sans => '{www.example.com}'.")));
	/* What the CA can do may have changed: that is no reason not to disable a subscriber. */
	if (row->id == 0 || change->has_sans)
		cm_acme_check_names(row->ca_id, row->sans, row->san_count);
	if (strcmp(row->key_algorithm, "EC-P521") == 0 || strcmp(row->key_algorithm, "Ed25519") == 0)
		ereport(ERROR,
				(errcode(CM_ERRCODE_POLICY),
				 errmsg("key algorithm \"%s\" is not accepted by public CAs", row->key_algorithm),
				 errhint("Use EC-P256, EC-P384, RSA-2048, RSA-3072 or RSA-4096.")));
	if (strcmp(row->subject, default_subject(row->sans, row->san_count)) != 0)
		ereport(ERROR,
				(errcode(CM_ERRCODE_POLICY),
				 errmsg("the subject of a certificate from ACME CA \"%s\" cannot be chosen", row->ca_name),
				 errdetail("Such CAs certify host names and nothing else."),
				 errhint("Leave subject out.")));
}

static void
check_row(const CmSubscriberRow *row, const CmSubscriberChange *change)
{
	if (row->san_count == 0 && row->subject[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a subscriber needs a subject or names"),
				 errhint("Give sans => '{www.example.com}' or subject => 'CN=joe,O=Example'.")));
	check_times(row);
	if (is_external(row))
		check_acme(row, change);
	else if (row->profile != NULL || row->partial_issue)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is for subscribers of ACME CAs", row->profile != NULL ? "profile" : "partial_issue"),
				 errdetail("\"%s\" is a private CA.", row->ca_name)));
	check_by_template(row);
}

/* Puts what was said into the row; what was not stays, but follows where it had been derived. */
static void
apply(CmSubscriberRow *row, const CmSubscriberChange *change)
{
	bool		usual_subject = strcmp(row->subject, default_subject(row->sans, row->san_count)) == 0;
	bool		usual_usages = row->template_id == 0 && has_default_usages(row);

	if (change->template != NULL)
	{
		set_template(row, change->template, row->id == 0);
		usual_usages = usual_usages && row->template_id == 0;
	}
	if (change->has_sans)
		set_sans(row, change->sans, change->san_count);
	if (change->subject != NULL)
		row->subject = canonical_subject(change->subject);
	else if (usual_subject)
		row->subject = may_have_common_name(row) ? default_subject(row->sans, row->san_count) : pstrdup("");
	if (change->key_algorithm != NULL)
		set_key_algorithm(row, change->key_algorithm);
	if (change->has_usages)
		set_usages(row, change->usages, change->usage_count);
	else if (usual_usages)
		set_default_usages(row);
	if (change->lifetime != NULL)
		set_lifetime(row, change->lifetime);
	if (change->profile != NULL)
		set_profile(row, change->profile);
	if (change->has_partial_issue)
		row->partial_issue = change->partial_issue;
	if (change->renew_before != NULL)
	{
		row->has_renew_before = true;
		row->renew_before = *change->renew_before;
	}
	if (change->has_auto_renew)
		row->auto_renew = change->auto_renew;
	if (change->owner != NULL)
		set_owner(row, change->owner);
	if (change->state != NULL)
	{
		if (strcmp(change->state, "active") != 0 && strcmp(change->state, "disabled") != 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("\"%s\" is not a state of a subscriber", change->state),
					 errdetail("States are active, disabled.")));
		row->state = pstrdup(change->state);
	}
	check_row(row, change);
}

static void
audit(const char *actor, const char *action, const CmSubscriberRow *row)
{
	StringInfoData detail;

	initStringInfo(&detail);
	appendStringInfoString(&detail, "{\"name\": ");
	escape_json(&detail, row->name);
	appendStringInfoString(&detail, ", \"ca\": ");
	escape_json(&detail, row->ca_name);
	appendStringInfoString(&detail, ", \"subject\": ");
	escape_json(&detail, row->subject);
	appendStringInfoString(&detail, ", \"sans\": [");
	for (int i = 0; i < row->san_count; i++)
	{
		if (i > 0)
			appendStringInfoString(&detail, ", ");
		escape_json(&detail, row->sans[i]);
	}
	appendStringInfoString(&detail, "], \"owner\": ");
	if (row->owner != NULL)
		escape_json(&detail, row->owner);
	else
		appendStringInfoString(&detail, "null");
	appendStringInfo(&detail, ", \"state\": \"%s\"}", row->state);
	cm_audit(actor, action, "subscriber", row->id, detail.data);
}

int64
cm_subscriber_create(const CmSubscriberChange *change, const char *actor)
{
	CmSubscriberRow row = {0};

	check_name(change->name);
	row.name = pstrdup(change->name);
	if (!cm_subscriber_row_ca(change->ca, &row))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("certificate authority \"%s\" does not exist", change->ca),
				 errhint("SELECT name, type, state FROM certmgr.ca lists them.")));

	/* The defaults; apply() derives subject and usages from them as long as nobody says otherwise. */
	row.state = "active";
	row.subject = "";
	row.key_algorithm = pstrdup(cm_key_alg_name(CM_KEY_EC_P256));
	set_sans(&row, NULL, 0);
	set_default_usages(&row);
	row.has_lifetime = !is_external(&row);
	row.lifetime.day = LIFETIME_DEFAULT_DAYS;
	row.auto_renew = true;
	apply(&row, change);

	row.id = cm_subscriber_row_insert(&row);
	if (row.id == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("subscriber \"%s\" already exists", row.name),
				 errhint("SELECT certmgr.alter_subscriber(%s, ...) changes it.", quote_literal_cstr(row.name))));
	audit(actor, "create-subscriber", &row);
	return row.id;
}

static void
lock_subscriber(const char *name, CmSubscriberRow *row)
{
	if (!cm_subscriber_row_lock(name, row))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("subscriber \"%s\" does not exist", name),
				 errhint("SELECT name, state FROM certmgr.subscriber;")));
}

void
cm_subscriber_alter(const CmSubscriberChange *change, const char *actor)
{
	CmSubscriberRow row;

	lock_subscriber(change->name, &row);
	apply(&row, change);
	cm_subscriber_row_update(&row);
	/* Who turns renewal off does not expect the next one to come. */
	if (change->has_auto_renew && !change->auto_renew)
		(void) cm_subscriber_row_stop_renewal(row.id);
	audit(actor, "alter-subscriber", &row);
}

void
cm_subscriber_drop(const char *name, const char *actor)
{
	CmSubscriberRow row;

	lock_subscriber(name, &row);
	/* Nobody is left to have what is on order; a challenge that goes on would be one that nobody expects. */
	cm_cancel_of_subscriber(row.id, actor);
	(void) cm_subscriber_row_stop_renewal(row.id);
	cm_subscriber_row_delete(row.id);
	audit(actor, "drop-subscriber", &row);
}
