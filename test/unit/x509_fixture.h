/*
 * x509_fixture.h - CAs and leaves for the tests of floor 3, made with the
 * module's own functions and held by fixed-size structs.
 */
#ifndef X509_FIXTURE_H
#define X509_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/x509.h>

#include "base/buf.h"
#include "base/der.h"
#include "base/encode.h"
#include "crypto/key.h"
#include "x509/certificate.h"
#include "x509/name.h"
#include "x509/san.h"
#include "x509/tbs.h"
#include "x509/usage.h"

/* 2026-01-01 and ten years later; a leaf lives in the first 90 days. */
#define FIXTURE_START INT64_C(1767225600)
#define FIXTURE_END (FIXTURE_START + INT64_C(3650) * 86400)
#define FIXTURE_LEAF_END (FIXTURE_START + INT64_C(90) * 86400)

typedef struct Entity
{
	CmKey	   *key;
	CmBuf		spki;
	CmBuf		name;
	CmBuf		der;
	CmCertificate cert;
	uint8_t		key_id[20];
} Entity;

static inline CmSlice
of(const CmBuf *buf)
{
	return cm_slice(buf->data, buf->len);
}

/* Fails the test with what the status says. */
#define assert_good(call, st) \
	do { if (!(call)) fail_msg("%s: %s. %s", #call, (st)->reason, (st)->detail); } while (0)

static inline void
entity_free(Entity *e)
{
	cm_key_free(e->key);
	cm_buf_free(&e->spki);
	cm_buf_free(&e->name);
	cm_buf_free(&e->der);
}

/* Key and name. */
static inline void
entity_begin(Entity *e, CmKeyAlg alg, const char *subject)
{
	CmStatus	st = CM_STATUS_INIT;

	memset(e, 0, sizeof(*e));
	assert_good(cm_key_generate(alg, &e->key, &st), &st);
	assert_good(cm_key_spki(e->key, &e->spki, &st), &st);
	assert_good(cm_name_parse(subject, &e->name, &st), &st);
	assert_good(cm_key_identifier(of(&e->spki), e->key_id, &st), &st);
}

/* Signs tbs with the issuer's key into e->der and reads it. */
static inline void
entity_sign(Entity *e, const Entity *issuer, const CmTbs *tbs)
{
	CmStatus	st = CM_STATUS_INIT;
	CmBuf		bytes;

	cm_buf_init(&bytes, 0);
	assert_good(cm_tbs_build(tbs, &bytes, &st), &st);
	cm_buf_reset(&e->der);
	assert_good(cm_certificate_sign(issuer->key, of(&bytes), &e->der, &st), &st);
	assert_good(cm_certificate_parse(of(&e->der), &e->cert, &st), &st);
	cm_buf_free(&bytes);
}

static const uint8_t fixture_serial[20] = {0x5a, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19};

/* A TBS of e, issued by issuer (NULL: by itself), to be adjusted. */
static inline CmTbs
fixture_tbs(const Entity *e, const Entity *issuer, bool ca)
{
	CmTbs		tbs;

	if (issuer == NULL)
		issuer = e;
	memset(&tbs, 0, sizeof(tbs));
	tbs.serial = cm_slice(fixture_serial, sizeof(fixture_serial));
	tbs.issuer_alg = cm_key_alg(issuer->key);
	tbs.issuer = of(&issuer->name);
	tbs.subject = of(&e->name);
	tbs.spki = of(&e->spki);
	tbs.not_before = FIXTURE_START;
	tbs.not_after = ca ? FIXTURE_END : FIXTURE_LEAF_END;
	tbs.ca = ca;
	tbs.path_length = -1;
	tbs.key_usage = ca ? CM_KU_KEY_CERT_SIGN | CM_KU_CRL_SIGN : CM_KU_DIGITAL_SIGNATURE;
	tbs.authority_key_id = cm_slice(issuer->key_id, sizeof(issuer->key_id));
	return tbs;
}

static inline void
make_ca(Entity *e, CmKeyAlg alg, const char *subject, const Entity *issuer)
{
	CmTbs		tbs;

	entity_begin(e, alg, subject);
	tbs = fixture_tbs(e, issuer, true);
	entity_sign(e, issuer == NULL ? e : issuer, &tbs);
}

static inline void
make_leaf(Entity *e, CmKeyAlg alg, const char *subject, const char *san, const Entity *issuer)
{
	CmStatus	st = CM_STATUS_INIT;
	CmBuf		sans;
	CmTbs		tbs;

	cm_buf_init(&sans, 0);
	entity_begin(e, alg, subject);
	if (san != NULL)
		assert_good(cm_san_parse(san, &sans, &st), &st);
	tbs = fixture_tbs(e, issuer, false);
	tbs.sans = of(&sans);
	entity_sign(e, issuer, &tbs);
	cm_buf_free(&sans);
}

static inline X509 *
to_x509(const CmBuf *der)
{
	const unsigned char *p = der->data;
	X509	   *x509 = d2i_X509(NULL, &p, (long) der->len);

	assert_non_null(x509);
	assert_ptr_equal(p, der->data + der->len);
	return x509;
}

/* A copy on the heap of exactly these bytes, so that the sanitizer sees every read behind them. */
static inline uint8_t *
exact_copy(const void *data, size_t len)
{
	uint8_t    *copy = malloc(len > 0 ? len : 1);

	assert_non_null(copy);
	if (len > 0)
		memcpy(copy, data, len);
	return copy;
}

#endif
