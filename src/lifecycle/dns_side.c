/*
 * dns_side.c - DNS providers as a step uses them: type, configuration and
 * opened credential, loaded once a step, and operations made of ledger rows.
 * Engines only, in a transaction.
 */
#include "postgres.h"

#include "lifecycle/acme_work.h"
#include "lifecycle/master_key.h"
#include "pg/own.h"
#include "store/dns_provider_row.h"
#include "store/secret.h"

static bool
load(const CmDnsProviderRow *row, CmDnsSide *side, CmStatus *st)
{
	side->provider = cm_dns01_provider(row->type);
	side->config = cm_json_config(row->config, st);
	if (side->provider == NULL)
		return cm_fail(st, CM_UNSUPPORTED, "DNS provider \"%s\" has the unknown type \"%s\"", row->name, row->type);
	if (side->config == NULL)
		return false;
	if (row->secret_id != 0)
	{
		CmBuf	   *secret;

		if (!cm_master_key_load(st))
			return false;
		secret = cm_secret_open(row->secret_id);
		side->secret = cm_slice(secret->data, secret->len);
	}
	return true;
}

CmDnsSide *
cm_dns_side(CmWork *work, int64 provider_id, CmStatus *st)
{
	MemoryContext old;
	CmDnsProviderRow *row;
	CmDnsSide  *side;

	for (side = work->sides; side != NULL; side = side->next)
	{
		if (side->provider_id == provider_id)
			return side;
	}
	old = MemoryContextSwitchTo(work->step_context);
	side = palloc0(sizeof(CmDnsSide));
	side->provider_id = provider_id;
	row = cm_dns_provider_get_by_id(provider_id);
	if (row == NULL)
		cm_fail(st, CM_INVALID, "the DNS provider does not exist any more");
	if (row == NULL || !load(row, side, st))
		side = NULL;
	else
	{
		side->next = work->sides;
		work->sides = side;
	}
	MemoryContextSwitchTo(old);
	return side;
}

CmOp *
cm_dns_side_op(CmWork *work, const CmDnsSide *side, CmOpKind kind)
{
	CmOp	   *op = cm_work_op(work, kind);

	op->provider = side->provider;
	op->provider_id = side->provider_id;
	op->config = side->config;
	op->secret = side->secret;
	return op;
}

static bool
has_record(const CmOp *op, const CmDnsRecordRow *record)
{
	for (int i = 0; i < op->nrecords; i++)
	{
		if (strcmp(op->records[i].name, record->name) == 0 && strcmp(op->records[i].value, record->value) == 0)
			return true;
	}
	return false;
}

bool
cm_dns_side_ops(CmWork *work, CmDnsRecordRow *records, int count, bool remove, CmStatus *st)
{
	CmOp	   *op = NULL;
	bool		ok = true;

	/* The list is sorted by provider and zone. */
	for (int i = 0; i < count; i++)
	{
		CmDns01Record *record;

		if (op == NULL || op->provider_id != records[i].provider_id || strcmp(op->zone, records[i].zone) != 0)
		{
			CmDnsSide  *side = cm_dns_side(work, records[i].provider_id, st);

			if (side == NULL)
			{
				ok = false;
				continue;
			}
			op = cm_dns_side_op(work, side, CM_OP_APPLY);
			op->zone = records[i].zone;
			op->zone_id = records[i].zone_id;
			op->records = MemoryContextAllocZero(work->step_context, sizeof(CmDns01Record) * count);
			op->record_ids = MemoryContextAllocZero(work->step_context, sizeof(int64) * count);
		}
		/* Two names led to one, and the CA gave both one token: the second one's turn is the next. */
		if (has_record(op, &records[i]))
			continue;
		record = &op->records[op->nrecords];
		record->name = records[i].name;
		record->value = records[i].value;
		record->remove = remove;
		record->id = records[i].record_id;
		record->domain = records[i].domain;
		record->key_authorization = records[i].key_authorization;
		op->record_ids[op->nrecords++] = records[i].id;
		op->again = op->again || records[i].sent;
	}
	return ok;
}
