/*
 * certificate.c - see store/certificate.h. The column numbers below are those
 * of sql/extension/25_certificate.sql.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "crypto/digest.h"
#include "pg/query.h"
#include "store/certificate.h"
#include "store/insert.h"
#include "utils/timestamp.h"

#define CERTIFICATE_COLUMNS 26
#define BODY_COLUMNS 7
#define AUDIT_COLUMNS 7

int64
cm_certificate_next_id(void)
{
	return cm_inserter_next_id("certificate");
}

static void
set_id(Datum *values, bool *nulls, int column, int64 id)
{
	values[column] = Int64GetDatum(id);
	nulls[column] = id == 0;
}

static void
set_time(Datum *values, bool *nulls, int column, TimestampTz at)
{
	values[column] = TimestampTzGetDatum(at);
	nulls[column] = at == 0;
}

static void
set_bytes(Datum *values, bool *nulls, int column, CmSlice bytes)
{
	nulls[column] = bytes.len == 0;
	values[column] = nulls[column] ? (Datum) 0 : cm_datum_bytea(bytes.data, bytes.len);
}

static void
put_audit(const CmCertificateNew *c)
{
	CmInserter	writer;
	Datum		values[AUDIT_COLUMNS] = {0};
	bool		nulls[AUDIT_COLUMNS] = {0};

	cm_inserter_open(&writer, "audit_event", AUDIT_COLUMNS);
	values[0] = Int64GetDatum(cm_inserter_next_id("audit_event"));
	values[1] = TimestampTzGetDatum(c->created_at);
	values[2] = cm_datum_text(c->requested_by);
	values[3] = cm_datum_text(c->action);
	values[4] = cm_datum_text("certificate");
	values[5] = Int64GetDatum(c->id);
	nulls[6] = true;
	cm_inserter_put(&writer, values, nulls);
	cm_inserter_close(&writer);
}

void
cm_certificate_put(const CmCertificateNew *c)
{
	CmInserter	writer;
	Datum		values[CERTIFICATE_COLUMNS] = {0};
	bool		nulls[CERTIFICATE_COLUMNS] = {0};

	cm_inserter_open(&writer, "certificate", CERTIFICATE_COLUMNS);
	values[0] = Int64GetDatum(c->id);
	set_id(values, nulls, 1, c->ca_id);
	set_id(values, nulls, 2, c->issuer_id);
	set_id(values, nulls, 3, c->subscriber_id);
	values[4] = cm_datum_text(c->state);
	values[5] = cm_datum_text(c->source);
	set_bytes(values, nulls, 6, c->serial);
	values[7] = c->subject;
	values[8] = c->sans;
	values[9] = c->usages;
	values[10] = cm_datum_text(c->key_algorithm);
	set_time(values, nulls, 11, c->not_before);
	set_time(values, nulls, 12, c->not_after);
	values[13] = TimestampTzGetDatum(c->created_at);
	values[14] = cm_datum_text(c->requested_by);
	set_id(values, nulls, 15, c->renewed_from);
	set_time(values, nulls, 16, c->renew_at);
	values[17] = Int32GetDatum(0);	/* renew_attempts */
	nulls[18] = true;			/* revoked_at */
	nulls[19] = true;			/* revocation_reason */
	nulls[20] = c->status_message == NULL;
	values[20] = cm_datum_text(c->status_message);
	nulls[21] = true;			/* metadata */
	set_id(values, nulls, 22, c->template_id);
	nulls[23] = !c->has_shard;
	values[23] = Int32GetDatum(c->shard);
	nulls[24] = true;			/* invalid_since */
	values[25] = BoolGetDatum(c->is_ca);
	cm_inserter_put(&writer, values, nulls);
	cm_inserter_close(&writer);
	put_audit(c);
}

CmInserter *
cm_body_open(void)
{
	CmInserter *writer = palloc(sizeof(CmInserter));

	cm_inserter_open(writer, "certificate_body", BODY_COLUMNS);
	return writer;
}

void
cm_body_put(CmInserter *writer, const CmBodyNew *body)
{
	Datum		values[BODY_COLUMNS] = {0};
	bool		nulls[BODY_COLUMNS] = {0};
	uint8		fingerprint[32];

	values[0] = Int64GetDatum(body->certificate_id);
	set_bytes(values, nulls, 1, body->der);
	nulls[2] = body->der.len == 0;
	if (!nulls[2])
	{
		if (!cm_sha256(body->der, fingerprint))
			ereport(ERROR,
					(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
					 errmsg("could not compute the fingerprint of a certificate")));
		values[2] = cm_datum_bytea(fingerprint, sizeof(fingerprint));
	}
	set_bytes(values, nulls, 3, body->chain);
	set_bytes(values, nulls, 4, body->spki);
	set_bytes(values, nulls, 5, body->csr);
	set_bytes(values, nulls, 6, body->sealed_key);
	cm_inserter_put(writer, values, nulls);
}

void
cm_body_close(CmInserter *writer)
{
	cm_inserter_close(writer);
	pfree(writer);
}

void
cm_body_insert(const CmBodyNew *body)
{
	CmInserter *writer = cm_body_open();

	cm_body_put(writer, body);
	cm_body_close(writer);
}

void
cm_certificate_renewal_done(int64 id)
{
	static CmQuery update = {"UPDATE certmgr.certificate SET renew_at = NULL, renew_attempts = 0 WHERE id = $1", 1, {INT8OID}};

	cm_query(&update, (Datum[]) {Int64GetDatum(id)}, NULL);
}
