/*
 * template.c - making, changing and dropping templates, and who may use one.
 *
 * Runs in backends, in the caller's transaction; locks the template's row when
 * it is changed. A template is compiled before it is written: nothing is
 * stored that could not be used.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lifecycle/template.h"
#include "mb/pg_wchar.h"
#include "pg/caller.h"
#include "pg/error.h"
#include "pg/query.h"
#include "store/audit.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"

/* Shown in one line of a table and quoted in messages. */
#define NAME_MAX_CHARS 200

static void
check_name(const char *name)
{
	if (name[0] == '\0' || pg_mbstrlen(name) > NAME_MAX_CHARS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("name of a template must have 1 to %d characters", NAME_MAX_CHARS)));
}

static void
check_roles(const CmTemplateRow *row)
{
	int			count;
	char	  **roles = cm_text_array(row->values[CM_TEMPLATE_ALLOWED_ROLES], &count);

	for (int i = 0; i < count; i++)
	{
		if (!OidIsValid(get_role_oid(roles[i], true)))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("role \"%s\" does not exist", roles[i])));
	}
}

/* An empty list where NULL means "no bound" is a way to say it in alter_template, and so are a path length of -1 and a lifetime of 0. */
static void
normalize(CmTemplateRow *row)
{
	static const CmTemplateColumn lists[] = {CM_TEMPLATE_ALLOWED_USAGES, CM_TEMPLATE_KEY_ALGORITHMS};
	static const CmTemplateColumn spans[] = {CM_TEMPLATE_MIN_LIFETIME, CM_TEMPLATE_MAX_LIFETIME};
	int			count;

	for (int i = 0; i < lengthof(lists); i++)
	{
		if (row->nulls[lists[i]])
			continue;
		(void) cm_text_array(row->values[lists[i]], &count);
		row->nulls[lists[i]] = count == 0;
	}
	for (int i = 0; i < lengthof(spans); i++)
	{
		Interval   *span = row->nulls[spans[i]] ? NULL : DatumGetIntervalP(row->values[spans[i]]);

		if (span != NULL && span->month == 0 && span->day == 0 && span->time == 0)
			row->nulls[spans[i]] = true;
	}
	/* Of function 0, which takes one away, the text is empty. */
	if (!row->nulls[CM_TEMPLATE_CHECK_FUNCTION] && TextDatumGetCString(row->values[CM_TEMPLATE_CHECK_FUNCTION])[0] == '\0')
		row->nulls[CM_TEMPLATE_CHECK_FUNCTION] = row->nulls[CM_TEMPLATE_CHECK_FUNCTION_OWNER] = true;
	if (!row->nulls[CM_TEMPLATE_PATH_LENGTH] && DatumGetInt32(row->values[CM_TEMPLATE_PATH_LENGTH]) == -1)
		row->nulls[CM_TEMPLATE_PATH_LENGTH] = true;
}

static void
check(CmTemplateRow *row)
{
	CmTemplateEntry entry;

	normalize(row);
	for (int i = 0; i < CM_TEMPLATE_COLUMNS; i++)
	{
		if (row->nulls[i] && !cm_template_column_nullable(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("\"%s\" must not be null", cm_template_column_name(i))));
	}
	check_roles(row);
	cm_template_compile(row, &entry);
}

static void
audit(const char *actor, const char *action, const CmTemplateRow *row)
{
	StringInfoData detail;

	initStringInfo(&detail);
	appendStringInfoString(&detail, "{\"name\": ");
	escape_json(&detail, TextDatumGetCString(row->values[CM_TEMPLATE_NAME]));
	appendStringInfoChar(&detail, '}');
	cm_audit(actor, action, "template", row->id, detail.data);
}

/* What a certificate gets when the template does not say: servers and clients of TLS, or what every CA needs. */
static void
default_usages(CmTemplateRow *row)
{
	static char *leaf[] = {"digitalSignature", "serverAuth", "clientAuth"};
	static char *ca[] = {"keyCertSign", "cRLSign"};
	bool		is_ca = !row->nulls[CM_TEMPLATE_CA] && DatumGetBool(row->values[CM_TEMPLATE_CA]);

	if (!row->nulls[CM_TEMPLATE_USAGES])
		return;
	row->nulls[CM_TEMPLATE_USAGES] = false;
	row->values[CM_TEMPLATE_USAGES] = cm_datum_text_array(is_ca ? ca : leaf, is_ca ? 2 : 3);
}

int64
cm_template_create(CmTemplateRow *row, const char *actor)
{
	char	   *name = TextDatumGetCString(row->values[CM_TEMPLATE_NAME]);

	check_name(name);
	default_usages(row);
	check(row);
	row->id = cm_template_row_insert(row);
	if (row->id == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("template \"%s\" already exists", name),
				 errhint("SELECT certmgr.alter_template(%s, ...) changes it.", quote_literal_cstr(name))));
	audit(actor, "create-template", row);
	return row->id;
}

static void
lock_template(const char *name, CmTemplateRow *row)
{
	if (!cm_template_row_lock(name, row))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("template \"%s\" does not exist", name),
				 errhint("SELECT name FROM certmgr.template lists them.")));
}

void
cm_template_alter(const CmTemplateRow *changes, const char *actor)
{
	CmTemplateRow row;

	lock_template(TextDatumGetCString(changes->values[CM_TEMPLATE_NAME]), &row);
	for (int i = 0; i < CM_TEMPLATE_COLUMNS; i++)
	{
		if (changes->nulls[i])
			continue;
		row.values[i] = changes->values[i];
		row.nulls[i] = false;
	}
	check(&row);
	cm_template_row_update(&row);
	audit(actor, "alter-template", &row);
}

void
cm_template_drop(const char *name, const char *actor)
{
	CmTemplateRow row;
	char	   *user;

	lock_template(name, &row);
	user = cm_template_row_in_use(row.id);
	if (user != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("cannot drop template \"%s\" because something depends on it", name),
				 errdetail("%c%s.", pg_toupper((unsigned char) user[0]), user + 1),
				 errhint("certmgr.alter_subscriber(name, template => '') takes it away from a subscriber.")));
	cm_template_row_delete(row.id);
	audit(actor, "drop-template", &row);
}

/* ---- who may use it ---- */

static bool
is_in(char *const *names, int count, const char *name)
{
	for (int i = 0; i < count; i++)
	{
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

void
cm_template_check_ca(const CmTemplateEntry *t, const char *ca)
{
	if (t->ca_count == 0 || is_in(t->cas, t->ca_count, ca))
		return;
	ereport(ERROR,
			(errcode(CM_ERRCODE_POLICY),
			 errmsg("template \"%s\" is not for certificate authority \"%s\"", t->name, ca),
			 errhint("SELECT cas FROM certmgr.template WHERE name = %s; shows which it is for.", quote_literal_cstr(t->name))));
}

void
cm_template_check_access(const CmTemplateEntry *t, const char *ca)
{
	bool		granted = false;

	cm_template_check_ca(t, ca);
	if (cm_caller_is_operator())
		return;
	for (int i = 0; !granted && i < t->role_count; i++)
		granted = cm_caller_acts_for(t->roles[i]);
	if (!granted)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to issue by template \"%s\"", t->name),
				 errdetail("Role \"%s\" is neither a member of a role that the template is granted to nor of certmgr_operator.", cm_caller_name()),
				 errhint("An administrator can add it to allowed_roles by certmgr.alter_template().")));
	/* Without a list a requester would reach every CA there is, the roots as well. */
	if (t->ca_count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to issue by template \"%s\" from certificate authority \"%s\"", t->name, ca),
				 errdetail("The template names no CAs, so it is for operators."),
				 errhint("An administrator can run SELECT certmgr.alter_template(%s, cas => ARRAY[%s]);", quote_literal_cstr(t->name), quote_literal_cstr(ca))));
}
