/*
 * hooks.c - commands that need a database, or our extension in it, for
 * themselves: for as long as their transaction lasts no worker is started
 * there, and one that runs is told to leave. Whatever becomes of the command,
 * the end of its transaction lets the launcher look again. Runs in sessions,
 * only with shared_preload_libraries. Reads catalogs, takes no lock on them,
 * decides nothing: permissions are checked by the command itself, and again
 * here so that only somebody who may run the command can disturb a worker.
 *
 * DROP DATABASE and DROP EXTENSION in all their disguises (DROP OWNED, DROP
 * SCHEMA ... CASCADE) are seen by object_access_hook. CREATE DATABASE ...
 * TEMPLATE and the forms of ALTER DATABASE have no such event before they
 * look for other sessions, so the statement is read. So is DROP EXTENSION: its
 * event comes after it has locked our tables one by one, which is late for a
 * worker that holds one of them and waits for another.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "pg/compat.h"
#include "pg/wake.h"
#include "worker/launcher.h"
#include "worker/slot.h"

static object_access_hook_type previous_object_access = NULL;
static ProcessUtility_hook_type previous_utility = NULL;

/* Which slots this transaction has blocked; one a slot, allocated at first use and kept. */
static bool *blocked = NULL;

static void
unblock_all(XactEvent event, void *arg)
{
	int			i;

	switch (event)
	{
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			for (i = 0; i < cm_slot_max(); i++)
			{
				if (blocked[i])
				{
					blocked[i] = false;
					cm_slot_unblock(i);
				}
			}
			break;
		default:
			break;
	}
}

static void
block(Oid database)
{
	int			slot;

	if (cm_slot_max() == 0)
		return;
	if (blocked == NULL)
	{
		bool	   *flags = MemoryContextAllocZero(TopMemoryContext, sizeof(bool) * cm_slot_max());

		RegisterXactCallback(unblock_all, NULL);
		blocked = flags;
	}
	/* A second block by one transaction sends another SIGTERM but is counted once. */
	slot = cm_slot_block(database);
	if (slot >= 0 && blocked[slot])
		cm_slot_unblock(slot);
	else if (slot >= 0)
		blocked[slot] = true;
}

static void
object_access(ObjectAccessType access, Oid class, Oid object, int subobject, void *arg)
{
	if (previous_object_access)
		previous_object_access(access, class, object, subobject, arg);

	if (access != OAT_DROP)
		return;
	if (class == DatabaseRelationId)
		block(object);
	else if (class == ExtensionRelationId)
	{
		char	   *name = get_extension_name(object);

		if (name != NULL && strcmp(name, "certmgr") == 0)
			block(MyDatabaseId);
	}
}

/* The last one counts nowhere: PostgreSQL refuses duplicates. */
static const char *
option_string(List *options, const char *name)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *element = lfirst_node(DefElem, cell);

		if (strcmp(element->defname, name) == 0)
			return element->arg != NULL ? defGetString(element) : "";
	}
	return NULL;
}

/* PostgreSQL's own have_createdb_privilege() can be called since 15.19 only. */
static bool
may_create_databases(void)
{
	HeapTuple	role;
	bool		may;

	if (superuser())
		return true;
	role = SearchSysCache1(AUTHOID, ObjectIdGetDatum(GetUserId()));
	may = HeapTupleIsValid(role) && ((Form_pg_authid) GETSTRUCT(role))->rolcreatedb;
	if (HeapTupleIsValid(role))
		ReleaseSysCache(role);
	return may;
}

static void
block_source_of(CreatedbStmt *stmt)
{
	const char *source = option_string(stmt->options, "template");

	if (may_create_databases())
		block(get_database_oid(source != NULL && source[0] != '\0' ? source : "template1", true));
}

static void
block_own(const char *name)
{
	Oid			database = get_database_oid(name, true);

	if (OidIsValid(database) && cm_database_ownercheck(database, GetUserId()))
		block(database);
}

static void
block_drop_extension(DropStmt *stmt)
{
	ListCell   *cell;

	foreach(cell, stmt->objects)
	{
		const char *name = strVal(lfirst(cell));
		Oid			extension = strcmp(name, "certmgr") == 0 ? get_extension_oid(name, true) : InvalidOid;

		if (OidIsValid(extension) && cm_extension_ownercheck(extension, GetUserId()))
			block(MyDatabaseId);
	}
}

/* Settings that end with the database moved, closed or opened; the others do not concern a worker. */
static bool
concerns_worker(AlterDatabaseStmt *stmt)
{
	return option_string(stmt->options, "tablespace") != NULL ||
		option_string(stmt->options, "allow_connections") != NULL ||
		option_string(stmt->options, "is_template") != NULL;
}

static void
before_utility(Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_CreatedbStmt:
			block_source_of((CreatedbStmt *) stmt);
			break;
		case T_RenameStmt:
			if (((RenameStmt *) stmt)->renameType == OBJECT_DATABASE)
				block_own(((RenameStmt *) stmt)->subname);
			break;
		case T_AlterDatabaseStmt:
			if (concerns_worker((AlterDatabaseStmt *) stmt))
				block_own(((AlterDatabaseStmt *) stmt)->dbname);
			break;
		case T_DropStmt:
			if (((DropStmt *) stmt)->removeType == OBJECT_EXTENSION)
				block_drop_extension((DropStmt *) stmt);
			break;
		default:
			break;
	}
}

static void
process_utility(PlannedStmt *pstmt, const char *query, bool read_only_tree, ProcessUtilityContext context,
				ParamListInfo params, QueryEnvironment *environment, DestReceiver *dest, QueryCompletion *completion)
{
	Node	   *stmt = pstmt->utilityStmt;
	bool		our_update = IsA(stmt, AlterExtensionStmt) && strcmp(((AlterExtensionStmt *) stmt)->extname, "certmgr") == 0;

	before_utility(stmt);
	if (previous_utility)
		previous_utility(pstmt, query, read_only_tree, context, params, environment, dest, completion);
	else
		standard_ProcessUtility(pstmt, query, read_only_tree, context, params, environment, dest, completion);

	/* A worker may have refused the version of before. */
	if (our_update)
		cm_wake_at_commit();
}

void
cm_hooks_install(void)
{
	previous_object_access = object_access_hook;
	object_access_hook = object_access;
	previous_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}
