/*
 * predecessor.c - see predecessor.h. Must run as certmgr_owner.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "pg/query.h"
#include "store/predecessor.h"
#include "utils/timestamp.h"

CmPredecessor *
cm_predecessor_get(int64 id)
{
	static CmQuery select = {"SELECT c.ca_id, c.subscriber_id, c.state, c.source, c.subject, c.sans, c.usages, c.key_algorithm, c.not_before, c.not_after, "
		"b.der, b.spki, b.csr, b.sealed_key, c.template_id, c.requested_by, "
		"(SELECT o.lifetime FROM certmgr.acme_order o WHERE o.certificate_id = c.id ORDER BY o.id DESC LIMIT 1) FROM certmgr.certificate c LEFT JOIN certmgr.certificate_body b ON b.certificate_id = c.id "
	"WHERE c.id = $1 FOR NO KEY UPDATE OF c", 1, {INT8OID}};
	CmRows		rows = cm_query(&select, (Datum[]) {Int64GetDatum(id)}, NULL);
	CmPredecessor *p;

	if (rows.count == 0)
		return NULL;
	p = palloc0(sizeof(CmPredecessor));
	p->id = id;
	p->ca_id = cm_rows_int64(&rows, 0, 0);
	p->subscriber_id = cm_rows_int64(&rows, 0, 1);
	p->state = cm_rows_text(&rows, 0, 2);
	p->source = cm_rows_text(&rows, 0, 3);
	p->subject = cm_rows_text(&rows, 0, 4);
	p->sans = cm_text_array(cm_rows_value(&rows, 0, 5), &p->san_count);
	p->usages = cm_text_array(cm_rows_value(&rows, 0, 6), &p->usage_count);
	p->key_algorithm = cm_rows_text(&rows, 0, 7);
	p->not_before = cm_rows_time(&rows, 0, 8, 0);
	p->not_after = cm_rows_time(&rows, 0, 9, 0);
	p->der = cm_rows_slice(&rows, 0, 10);
	p->spki = cm_rows_slice(&rows, 0, 11);
	p->csr = cm_rows_slice(&rows, 0, 12);
	p->sealed_key = cm_rows_slice(&rows, 0, 13);
	p->template_id = cm_rows_int64(&rows, 0, 14);
	p->requested_by = cm_rows_text(&rows, 0, 15);
	p->has_asked_lifetime = !cm_rows_null(&rows, 0, 16);
	if (p->has_asked_lifetime)
		p->asked_lifetime = *DatumGetIntervalP(cm_rows_value(&rows, 0, 16));
	return p;
}
