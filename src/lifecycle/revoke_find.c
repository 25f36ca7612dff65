/*
 * revoke_find.c - which certificate is meant: by its serial number, by itself,
 * by the word of who has its key. Backends, as certmgr_owner; reads only.
 */
#include "postgres.h"

#include "base/encode.h"
#include "crypto/digest.h"
#include "lifecycle/revoke.h"
#include "lifecycle/wanted.h"
#include "pg/error.h"
#include "pg/own.h"
#include "store/ca.h"
#include "utils/builtins.h"
#include "x509/certificate.h"
#include "x509/csr.h"
#include "x509/name.h"
#include "x509/serial.h"

int64
cm_certificate_by_serial(const char *ca, const char *serial)
{
	CmStatus	st = CM_STATUS_INIT;
	CmBuf	   *hex = cm_own_buf(0);
	CmBuf	   *dec = cm_own_buf(0);
	int64		ca_id = cm_ca_require(ca, false)->id;
	int64		ids[2] = {0, 0};

	if (!cm_serial_parse(serial, hex, dec, &st))
		cm_throw(&st, NULL);
	if (hex->len > 0)
		ids[0] = cm_revocation_find_serial(ca_id, cm_slice(hex->data, hex->len));
	if (dec->len > 0)
		ids[1] = cm_revocation_find_serial(ca_id, cm_slice(dec->data, dec->len));
	if (ids[0] == 0 && ids[1] == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("certificate authority \"%s\" has no certificate with serial number %s", ca, serial)));
	if (ids[0] != 0 && ids[1] != 0 && ids[0] != ids[1])
		ereport(ERROR,
				(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
				 errmsg("serial number %s is that of two certificates", serial),
				 errdetail("Read as hexadecimal it is certificate %lld, as decimal certificate %lld.", (long long) ids[0], (long long) ids[1]),
				 errhint("Write 0x before hexadecimal digits, or give the certificate's id.")));
	return ids[0] != 0 ? ids[0] : ids[1];
}

static int64
find(const char *pem, CmCertificate *cert)
{
	CmStatus	st = CM_STATUS_INIT;
	CmBuf	   *ders = cm_own_buf(0);
	int			count;
	int64		id;

	if (!cm_certificates_from_text(cm_slice(pem, strlen(pem)), 1, ders, &count, &st) ||
		!cm_certificate_parse(cm_slice(ders->data, ders->len), cert, &st))
		cm_throw(&st, NULL);
	id = cm_revocation_find_der(cert->serial, cert->der);
	if (id == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("this certificate was not issued by a CA of this database")));
	return id;
}

int64
cm_certificate_by_pem(const char *pem)
{
	CmCertificate cert;

	return find(pem, &cert);
}

int64
cm_certificate_by_proof(const char *pem, const char *proof)
{
	CmStatus	st = CM_STATUS_INIT;
	CmCertificate cert;
	CmCsr		csr;
	int64		id = find(pem, &cert);
	CmBuf	   *wanted = cm_own_buf(0);
	CmBuf	   *hex = cm_own_buf(0);
	CmBuf	   *subject = cm_own_buf(0);
	uint8_t		fingerprint[32];

	if (!cm_csr_parse(cm_csr_der(proof), &csr, &st))
		cm_throw(&st, NULL);
	if (!cm_slice_equal(csr.spki, cert.spki))
		ereport(ERROR,
				(errcode(CM_ERRCODE_MISMATCH),
				 errmsg("proof is not signed with the key of the certificate")));
	/* A request that was made for something else, and is known to others, proves no wish to revoke. */
	if (!cm_sha256(cert.der, fingerprint))
		elog(ERROR, "could not compute the fingerprint of a certificate");
	cm_hex_encode(hex, fingerprint, sizeof(fingerprint));
	cm_buf_printf(wanted, "CN=%s,O=revoke", cm_buf_cstr(hex));
	if (!cm_name_format(csr.subject, subject, &st))
		cm_throw(&st, NULL);
	if (pg_strcasecmp(cm_buf_cstr(subject), cm_buf_cstr(wanted)) != 0)
		ereport(ERROR,
				(errcode(CM_ERRCODE_MISMATCH),
				 errmsg("proof does not say that this certificate is to be revoked"),
				 errhint("openssl req -new -key KEY -subj /O=revoke/CN=%s", cm_buf_cstr(hex))));
	return id;
}
