/* test_chain.c - ordering a CA's answer, and verifying it against trust anchors. */
#include "x509_fixture.h"

#include "x509/chain.h"

/* root > sub > leaf; crossed is root's key and name signed by old_root; stranger is of no one's. */
static Entity root;
static Entity old_root;
static Entity crossed;
static Entity sub;
static Entity leaf;
static Entity stranger;

static int
set_up(void **state)
{
	CmTbs		tbs;

	(void) state;
	make_ca(&root, CM_KEY_EC_P256, "CN=Root", NULL);
	make_ca(&old_root, CM_KEY_RSA_2048, "CN=Old Root", NULL);
	make_ca(&sub, CM_KEY_EC_P384, "CN=Sub", &root);
	make_ca(&stranger, CM_KEY_ED25519, "CN=Stranger", NULL);
	make_leaf(&leaf, CM_KEY_EC_P256, "CN=leaf", "DNS:leaf.example.com", &sub);
	memset(&crossed, 0, sizeof(crossed));
	tbs = fixture_tbs(&root, &old_root, true);
	entity_sign(&crossed, &old_root, &tbs);
	return 0;
}

static int
tear_down(void **state)
{
	(void) state;
	entity_free(&root);
	entity_free(&old_root);
	entity_free(&crossed);
	entity_free(&sub);
	entity_free(&leaf);
	entity_free(&stranger);
	return 0;
}

/* Certificates one after the other, NULL at the end. */
static void
join(CmBuf *out, const Entity *first,...)
{
	const Entity *e;
	va_list		args;

	cm_buf_reset(out);
	va_start(args, first);
	for (e = first; e != NULL; e = va_arg(args, const Entity *))
		cm_buf_append(out, e->der.data, e->der.len);
	va_end(args);
}

static void
check_order(const CmBuf *in, const CmBuf *expected)
{
	CmStatus	st = CM_STATUS_INIT;
	CmBuf		out;
	size_t		leaf_len;

	cm_buf_init(&out, 0);
	assert_good(cm_chain_order(of(in), of(&leaf.spki), &out, &leaf_len, &st), &st);
	assert_int_equal(leaf_len, leaf.der.len);
	assert_int_equal(out.len, expected->len);
	assert_memory_equal(out.data, expected->data, out.len);
	cm_buf_free(&out);
}

static void
test_order(void **state)
{
	CmBuf		in;
	CmBuf		expected;

	(void) state;
	cm_buf_init(&in, 0);
	cm_buf_init(&expected, 0);
	join(&expected, &leaf, &sub, &root, NULL);
	join(&in, &leaf, &sub, &root, NULL);
	check_order(&in, &expected);
	join(&in, &root, &stranger, &sub, &leaf, NULL);
	check_order(&in, &expected);
	/* everything twice: a loop that does not end otherwise */
	join(&in, &root, &root, &sub, &leaf, &sub, &leaf, NULL);
	check_order(&in, &expected);
	/* as far as they go */
	join(&in, &sub, &leaf, NULL);
	join(&expected, &leaf, &sub, NULL);
	check_order(&in, &expected);
	join(&in, &leaf, &root, NULL);
	join(&expected, &leaf, NULL);
	check_order(&in, &expected);
	/* over the cross-certificate to the old root */
	join(&in, &old_root, &crossed, &sub, &leaf, NULL);
	join(&expected, &leaf, &sub, &crossed, &old_root, NULL);
	check_order(&in, &expected);
	cm_buf_free(&in);
	cm_buf_free(&expected);
}

/* Two CAs that certify each other: the path ends when all are used. */
static void
test_loop(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	Entity		a;
	Entity		b;
	Entity		below;
	CmTbs		tbs;
	CmBuf		in;
	CmBuf		out;
	size_t		len;

	(void) state;
	cm_buf_init(&in, 0);
	cm_buf_init(&out, 0);
	entity_begin(&a, CM_KEY_EC_P256, "CN=A");
	entity_begin(&b, CM_KEY_EC_P256, "CN=B");
	tbs = fixture_tbs(&a, &b, true);
	entity_sign(&a, &b, &tbs);
	tbs = fixture_tbs(&b, &a, true);
	entity_sign(&b, &a, &tbs);
	make_leaf(&below, CM_KEY_EC_P256, "CN=below", NULL, &a);
	join(&in, &b, &a, &below, NULL);
	assert_good(cm_chain_order(of(&in), of(&below.spki), &out, &len, &st), &st);
	assert_int_equal(out.len, in.len);
	/* The leaf may be a CA's certificate. */
	cm_buf_reset(&out);
	assert_good(cm_chain_order(of(&in), of(&a.spki), &out, &len, &st), &st);
	assert_int_equal(out.len, a.der.len + b.der.len);
	entity_free(&below);
	entity_free(&b);
	entity_free(&a);
	cm_buf_free(&in);
	cm_buf_free(&out);
}

static void
test_order_refused(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	Entity		forged;
	CmBuf		in;
	CmBuf		out;
	CmBuf		small;
	size_t		len;
	size_t		cut;
	int			i;

	(void) state;
	cm_buf_init(&in, 0);
	cm_buf_init(&out, 0);
	cm_buf_append_str(&out, "x");
	join(&in, &sub, &root, NULL);
	assert_false(cm_chain_order(of(&in), of(&leaf.spki), &out, &len, &st));
	assert_int_equal(st.code, CM_MISMATCH);
	assert_false(cm_chain_order(cm_slice(NULL, 0), of(&leaf.spki), &out, &len, &st));

	/* the issuer's signature below the leaf is broken: name and key identifier fit */
	memset(&forged, 0, sizeof(forged));
	cm_buf_append(&forged.der, leaf.der.data, leaf.der.len);
	forged.der.data[forged.der.len - 1] ^= 1;
	join(&in, &forged, &sub, &root, NULL);
	assert_false(cm_chain_order(of(&in), of(&leaf.spki), &out, &len, &st));
	assert_int_equal(st.code, CM_MISMATCH);
	entity_free(&forged);

	/* a leaf in the place of an issuer */
	make_leaf(&forged, CM_KEY_EC_P384, "CN=Sub", NULL, &root);
	cm_buf_reset(&in);
	cm_buf_append(&in, leaf.der.data, leaf.der.len);
	cm_buf_append(&in, forged.der.data, forged.der.len);
	assert_good(cm_chain_order(of(&in), of(&leaf.spki), &out, &len, &st), &st);	/* told apart by its key identifier */
	assert_int_equal(out.len, 1 + leaf.der.len);
	out.len = 1;
	entity_free(&forged);

	join(&in, &leaf, &sub, NULL);
	for (cut = 0; cut < in.len; cut++)
	{
		uint8_t    *copy = exact_copy(in.data, cut);

		if (cut != leaf.der.len)
			assert_false(cm_chain_order(cm_slice(copy, cut), of(&leaf.spki), &out, &len, &st));
		free(copy);
	}
	assert_int_equal(out.len, 1);

	cm_buf_init(&small, leaf.der.len + 10);
	assert_false(cm_chain_order(of(&in), of(&leaf.spki), &small, &len, &st));
	assert_string_equal(st.reason, "certificate chain is too large");
	assert_int_equal(small.len, 0);
	cm_buf_free(&small);

	cm_buf_reset(&in);
	for (i = 0; i < 17; i++)
		cm_buf_append(&in, sub.der.data, sub.der.len);
	assert_false(cm_chain_order(of(&in), of(&sub.spki), &out, &len, &st));
	assert_int_equal(st.code, CM_LIMIT);
	in.len -= sub.der.len;
	assert_good(cm_chain_order(of(&in), of(&sub.spki), &out, &len, &st), &st);
	assert_int_equal(out.len, 1 + sub.der.len);
	while (in.len <= 512 * 1024)
		cm_buf_append(&in, sub.der.data, sub.der.len);
	assert_false(cm_chain_order(of(&in), of(&sub.spki), &out, &len, &st));
	assert_int_equal(st.code, CM_LIMIT);
	assert_false(cm_chain_verify(of(&in), of(&in), FIXTURE_START, &st));
	assert_int_equal(st.code, CM_LIMIT);
	cm_buf_free(&in);
	cm_buf_free(&out);
}

static void
check_verify(const CmBuf *chain, const Entity *anchor, int64_t at, const char *words)
{
	CmStatus	st = CM_STATUS_INIT;
	CmBuf		pem;

	cm_buf_init(&pem, 0);
	cm_pem_encode(&pem, "CERTIFICATE", anchor->der.data, anchor->der.len);
	if (words == NULL)
		assert_good(cm_chain_verify(of(chain), of(&pem), at, &st), &st);
	else
	{
		assert_false(cm_chain_verify(of(chain), of(&pem), at, &st));
		assert_int_equal(st.code, CM_MISMATCH);
		if (strstr(st.reason, words) == NULL)
			fail_msg("\"%s\" is not about \"%s\"", st.reason, words);
	}
	cm_buf_free(&pem);
}

static void
test_verify(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	CmBuf		chain;
	CmBuf		pem;

	(void) state;
	cm_buf_init(&chain, 0);
	join(&chain, &leaf, &sub, NULL);
	check_verify(&chain, &root, FIXTURE_START, NULL);
	/* OpenSSL takes the last second for over, RFC 5280 does not: neither is asked here. */
	check_verify(&chain, &root, FIXTURE_LEAF_END - 1, NULL);
	check_verify(&chain, &root, FIXTURE_LEAF_END + 1, "expired");
	check_verify(&chain, &root, FIXTURE_START - 1, "not yet valid");
	check_verify(&chain, &stranger, FIXTURE_START, "local issuer");
	check_verify(&chain, &old_root, FIXTURE_START, "local issuer");
	/* an intermediate as the anchor */
	check_verify(&chain, &sub, FIXTURE_START, NULL);
	join(&chain, &leaf, NULL);
	check_verify(&chain, &sub, FIXTURE_START, NULL);
	check_verify(&chain, &root, FIXTURE_START, "local issuer");
	/* over the cross-certificate, in any order behind the leaf */
	join(&chain, &leaf, &crossed, &sub, NULL);
	check_verify(&chain, &old_root, FIXTURE_START, NULL);

	/* damaged and absent anchors */
	join(&chain, &leaf, &sub, NULL);
	assert_false(cm_chain_verify(of(&chain), cm_slice("none", 4), FIXTURE_START, &st));
	assert_int_equal(st.code, CM_INVALID);
	assert_false(cm_chain_verify(of(&chain), cm_slice(NULL, 0), FIXTURE_START, &st));
	cm_buf_init(&pem, 0);
	cm_pem_encode(&pem, "CERTIFICATE", root.der.data, root.der.len);
	cm_pem_encode(&pem, "CERTIFICATE", root.der.data, root.der.len);
	cm_pem_encode(&pem, "CERTIFICATE", stranger.der.data, stranger.der.len);
	assert_good(cm_chain_verify(of(&chain), of(&pem), FIXTURE_START, &st), &st);
	assert_false(cm_chain_verify(cm_slice(NULL, 0), of(&pem), FIXTURE_START, &st));
	assert_false(cm_chain_verify(cm_slice(chain.data, chain.len - 1), of(&pem), FIXTURE_START, &st));
	cm_pem_encode(&pem, "CERTIFICATE", "\x30\x00", 2);
	assert_false(cm_chain_verify(of(&chain), of(&pem), FIXTURE_START, &st));

	/* a signature that was changed on the way */
	chain.data[leaf.der.len - 1] ^= 1;
	check_verify(&chain, &root, FIXTURE_START, "signature failure");
	cm_buf_free(&pem);
	cm_buf_free(&chain);
}

/* Below a CA with path length 0 there is no other. */
static void
test_path_length(void **state)
{
	Entity		narrow;
	Entity		below;
	Entity		end;
	CmTbs		tbs;
	CmBuf		chain;

	(void) state;
	cm_buf_init(&chain, 0);
	entity_begin(&narrow, CM_KEY_EC_P256, "CN=Narrow");
	tbs = fixture_tbs(&narrow, &root, true);
	tbs.path_length = 0;
	entity_sign(&narrow, &root, &tbs);
	make_ca(&below, CM_KEY_EC_P256, "CN=Below", &narrow);
	make_leaf(&end, CM_KEY_EC_P256, "CN=end", NULL, &below);
	join(&chain, &end, &below, &narrow, NULL);
	check_verify(&chain, &root, FIXTURE_START, "path length");
	entity_free(&end);
	entity_free(&below);
	entity_free(&narrow);
	cm_buf_free(&chain);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_loop),
		cmocka_unit_test(test_order_refused),
		cmocka_unit_test(test_verify),
		cmocka_unit_test(test_path_length),
	};

	return cmocka_run_group_tests_name("chain", tests, set_up, tear_down);
}
