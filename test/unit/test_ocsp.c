/* test_ocsp.c - OCSP requests that OpenSSL makes, read by ocsp.c; its answers, checked by OpenSSL; hostile input. */
#include "x509_fixture.h"

#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#include "x509/ocsp.h"

static const char *const digests[] = {"SHA1", "SHA256", "SHA384", "SHA512"};

static OCSP_CERTID *
make_id(const Entity *ca, const Entity *leaf, const char *digest)
{
	X509	   *issuer = to_x509(&ca->der);
	X509	   *subject = to_x509(&leaf->der);
	OCSP_CERTID *id = OCSP_cert_to_id(EVP_get_digestbyname(digest), subject, issuer);

	assert_non_null(id);
	X509_free(issuer);
	X509_free(subject);
	return id;
}

/* count CertIDs of the leaf, in all hashes; nonce_len 0: none. */
static CmBuf
make_request(const Entity *ca, const Entity *leaf, int count, int nonce_len)
{
	OCSP_REQUEST *request = OCSP_REQUEST_new();
	uint8_t		nonce[200];
	unsigned char *der = NULL;
	CmBuf		out;
	int			len;

	memset(nonce, 0x5a, sizeof(nonce));
	for (int i = 0; i < count; i++)
		assert_non_null(OCSP_request_add0_id(request, make_id(ca, leaf, digests[i % 4])));
	if (nonce_len > 0)
		assert_int_equal(OCSP_request_add1_nonce(request, nonce, nonce_len), 1);
	len = i2d_OCSP_REQUEST(request, &der);
	cm_buf_init(&out, 0);
	cm_buf_append(&out, der, (size_t) len);
	OPENSSL_free(der);
	OCSP_REQUEST_free(request);
	return out;
}

static void
test_request(void **state)
{
	static CmOcspRequest request;
	Entity		ca;
	Entity		leaf;
	CmBuf		der;

	(void) state;
	make_ca(&ca, CM_KEY_EC_P256, "CN=OCSP CA", NULL);
	make_leaf(&leaf, CM_KEY_EC_P256, "CN=leaf", "DNS:leaf.example", &ca);
	der = make_request(&ca, &leaf, 4, 32);
	assert_true(cm_ocsp_request_parse(of(&der), &request));
	assert_int_equal(request.count, 4);
	assert_true(request.nonce.len > 32);
	for (int i = 0; i < 4; i++)
	{
		uint8_t		hash[CM_DIGEST_MAX];
		size_t		len;

		assert_true(request.ids[i].known_hash);
		assert_int_equal(request.ids[i].hash, i);
		assert_true(cm_digest((CmDigestAlg) i, of(&ca.name), hash, &len));
		assert_true(cm_slice_equal(request.ids[i].name_hash, cm_slice(hash, len)));
		assert_true(cm_slice_equal(request.ids[i].serial, leaf.cert.serial));
	}
	cm_buf_free(&der);
	der = make_request(&ca, &leaf, CM_OCSP_IDS_MAX, 0);
	assert_true(cm_ocsp_request_parse(of(&der), &request));
	assert_int_equal(request.count, CM_OCSP_IDS_MAX);
	assert_int_equal(request.nonce.len, 0);
	cm_buf_free(&der);
	der = make_request(&ca, &leaf, CM_OCSP_IDS_MAX + 1, 0);
	assert_false(cm_ocsp_request_parse(of(&der), &request));
	cm_buf_free(&der);
	der = make_request(&ca, &leaf, 1, CM_OCSP_NONCE_MAX);
	assert_true(cm_ocsp_request_parse(of(&der), &request));
	cm_buf_free(&der);
	der = make_request(&ca, &leaf, 1, CM_OCSP_NONCE_MAX + 1);
	assert_false(cm_ocsp_request_parse(of(&der), &request));
	cm_buf_free(&der);
	entity_free(&leaf);
	entity_free(&ca);
}

/* Every truncation, every octet changed: never a read beyond the end, and a truncation is never a request. */
static void
test_hostile(void **state)
{
	static CmOcspRequest request;
	Entity		ca;
	Entity		leaf;
	CmBuf		der;

	(void) state;
	make_ca(&ca, CM_KEY_EC_P256, "CN=OCSP CA", NULL);
	make_leaf(&leaf, CM_KEY_EC_P256, "CN=leaf", "DNS:leaf.example", &ca);
	der = make_request(&ca, &leaf, 2, 16);
	for (size_t len = 0; len < der.len; len++)
	{
		/* Of exactly that size, so that the sanitizer sees the end. */
		uint8_t    *copy = malloc(len > 0 ? len : 1);

		memcpy(copy, der.data, len);
		assert_false(cm_ocsp_request_parse(cm_slice(copy, len), &request));
		free(copy);
	}
	for (size_t at = 0; at < der.len; at++)
	{
		uint8_t		was = der.data[at];

		for (int value = 0; value < 256; value += 5)
		{
			der.data[at] = (uint8_t) value;
			if (cm_ocsp_request_parse(of(&der), &request))
				assert_in_range(request.count, 1, CM_OCSP_IDS_MAX);
		}
		der.data[at] = was;
	}
	assert_true(cm_ocsp_request_parse(of(&der), &request));
	cm_buf_append_byte(&der, 0);
	assert_false(cm_ocsp_request_parse(of(&der), &request));
	cm_buf_free(&der);
	entity_free(&leaf);
	entity_free(&ca);
}

static void
check_answer(const CmBuf *der, const Entity *ca, const Entity *leaf, bool nonce)
{
	const unsigned char *p = der->data;
	OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &p, (long) der->len);
	OCSP_BASICRESP *basic;
	OCSP_CERTID *id = make_id(ca, leaf, "SHA256");
	X509_STORE *store = X509_STORE_new();
	X509	   *root = to_x509(&ca->der);
	STACK_OF(X509) *certs = sk_X509_new_null();
	ASN1_GENERALIZEDTIME *at;
	ASN1_GENERALIZEDTIME *this_update;
	ASN1_GENERALIZEDTIME *next_update;
	int			status;
	int			reason;

	assert_non_null(response);
	assert_ptr_equal(p, der->data + der->len);
	assert_int_equal(OCSP_response_status(response), 0);
	basic = OCSP_response_get1_basic(response);
	assert_non_null(basic);
	X509_STORE_add_cert(store, root);
	sk_X509_push(certs, root);
	X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store), FIXTURE_START + 1000);
	assert_int_equal(OCSP_basic_verify(basic, certs, store, 0), 1);
	assert_int_equal(OCSP_resp_find_status(basic, id, &status, &reason, &at, &this_update, &next_update), 1);
	assert_int_equal(status, V_OCSP_CERTSTATUS_REVOKED);
	assert_int_equal(reason, 1);
	assert_int_equal(ASN1_STRING_length(at), 15);
	assert_non_null(next_update);
	assert_int_equal(OCSP_resp_count(basic), 3);
	assert_int_equal(OCSP_BASICRESP_get_ext_by_NID(basic, NID_id_pkix_OCSP_Nonce, -1) >= 0, nonce);
	sk_X509_free(certs);
	X509_free(root);
	X509_STORE_free(store);
	OCSP_CERTID_free(id);
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(response);
}

static void
test_answer(void **state)
{
	static CmOcspRequest request;
	static const CmKeyAlg algs[] = {CM_KEY_EC_P256, CM_KEY_EC_P384, CM_KEY_ED25519, CM_KEY_RSA_2048};

	(void) state;
	for (size_t a = 0; a < sizeof(algs) / sizeof(algs[0]); a++)
	{
		CmStatus	st = CM_STATUS_INIT;
		CmOcspAnswer answer;
		CmOcspSingle singles[3];
		Entity		ca;
		Entity		leaf;
		CmBuf		asked;
		CmBuf		der;

		make_ca(&ca, algs[a], "CN=OCSP CA", NULL);
		make_leaf(&leaf, CM_KEY_EC_P256, "CN=leaf", "DNS:leaf.example", &ca);
		asked = make_request(&ca, &leaf, 3, a % 2 == 0 ? 20 : 0);
		assert_true(cm_ocsp_request_parse(of(&asked), &request));
		memset(&answer, 0, sizeof(answer));
		memset(singles, 0, sizeof(singles));
		for (int i = 0; i < 3; i++)
		{
			singles[i].id = request.ids[i].whole;
			singles[i].this_update = FIXTURE_START;
			singles[i].next_update = FIXTURE_START + 3600;
		}
		singles[1].status = CM_OCSP_REVOKED;
		singles[1].revoked_at = FIXTURE_START - 1;
		singles[1].reason = 1;
		singles[2].status = CM_OCSP_UNKNOWN;
		memcpy(answer.responder, ca.key_id, 20);
		answer.produced_at = FIXTURE_START;
		answer.singles = singles;
		answer.count = 3;
		answer.nonce = request.nonce;
		cm_buf_init(&der, 0);
		assert_good(cm_ocsp_answer_build(&answer, ca.key, &der, &st), &st);
		check_answer(&der, &ca, &leaf, a % 2 == 0);
		/* no room: nothing is left behind, and it is said */
		cm_buf_free(&der);
		cm_buf_init(&der, 100);
		assert_false(cm_ocsp_answer_build(&answer, ca.key, &der, &st));
		assert_string_equal(st.reason, "OCSP response would be too large");
		assert_int_equal(der.len, 0);
		cm_buf_free(&der);
		cm_buf_free(&asked);
		entity_free(&leaf);
		entity_free(&ca);
	}
}

static void
test_errors(void **state)
{
	static const CmOcspError errors[] = {CM_OCSP_MALFORMED, CM_OCSP_INTERNAL, CM_OCSP_TRY_LATER, CM_OCSP_UNAUTHORIZED};

	(void) state;
	for (size_t i = 0; i < 4; i++)
	{
		const unsigned char *p;
		OCSP_RESPONSE *response;
		CmBuf		der;

		cm_buf_init(&der, 0);
		cm_ocsp_error_build(errors[i], &der);
		p = der.data;
		response = d2i_OCSP_RESPONSE(NULL, &p, (long) der.len);
		assert_non_null(response);
		assert_int_equal(OCSP_response_status(response), errors[i]);
		OCSP_RESPONSE_free(response);
		cm_buf_free(&der);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
