/*
 * insert.c - see insert.h. Runs in sessions and in the worker, inside a
 * transaction; takes RowExclusiveLock on the table until commit.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/sequence.h"
#include "commands/trigger.h"
#include "nodes/makefuncs.h"
#include "store/insert.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "pg/compat.h"

static Oid
relation_of(const char *name)
{
	Oid			schema = get_namespace_oid("certmgr", false);
	Oid			oid = get_relname_relid(name, schema);

	if (!OidIsValid(oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation certmgr.\"%s\" does not exist", name),
				 errhint("Run CREATE EXTENSION certmgr.")));
	return oid;
}

void
cm_inserter_open(CmInserter *inserter, const char *table, int columns)
{
	RangeTblEntry *entry = makeNode(RangeTblEntry);
	Oid			oid = relation_of(table);

	inserter->rel = table_open(oid, RowExclusiveLock);
	if (RelationGetDescr(inserter->rel)->natts != columns)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table certmgr.\"%s\" is not of this library's version", table),
				 errhint("Run ALTER EXTENSION certmgr UPDATE, and restart sessions that loaded the old library.")));

	inserter->estate = CreateExecutorState();
	entry->rtekind = RTE_RELATION;
	entry->relid = oid;
	entry->relkind = RELKIND_RELATION;
	entry->rellockmode = RowExclusiveLock;
	cm_exec_init_range_table(inserter->estate, list_make1(entry));
	inserter->estate->es_output_cid = GetCurrentCommandId(true);

	inserter->result_rel = makeNode(ResultRelInfo);
	InitResultRelInfo(inserter->result_rel, inserter->rel, 1, NULL, 0);
	ExecOpenIndices(inserter->result_rel, false);
	/* Where the triggers of foreign keys look for it; they would open it once more, and nobody would close that. */
	inserter->estate->es_opened_result_relations = list_make1(inserter->result_rel);
	inserter->slot = table_slot_create(inserter->rel, &inserter->estate->es_tupleTable);
	AfterTriggerBeginQuery();
}

void
cm_inserter_put(CmInserter *inserter, const Datum *values, const bool *nulls)
{
	int			columns = RelationGetDescr(inserter->rel)->natts;

	ExecClearTuple(inserter->slot);
	memcpy(inserter->slot->tts_values, values, sizeof(Datum) * columns);
	memcpy(inserter->slot->tts_isnull, nulls, sizeof(bool) * columns);
	ExecStoreVirtualTuple(inserter->slot);
	ExecSimpleRelationInsert(inserter->result_rel, inserter->estate, inserter->slot);
	ResetPerTupleExprContext(inserter->estate);
}

void
cm_inserter_close(CmInserter *inserter)
{
	AfterTriggerEndQuery(inserter->estate);
	ExecCloseIndices(inserter->result_rel);
	ExecResetTupleTable(inserter->estate->es_tupleTable, false);
	FreeExecutorState(inserter->estate);
	table_close(inserter->rel, NoLock);
}

int64
cm_inserter_next_id(const char *table)
{
	char		sequence[NAMEDATALEN];

	snprintf(sequence, sizeof(sequence), "%s_id_seq", table);
	return nextval_internal(relation_of(sequence), false);
}
