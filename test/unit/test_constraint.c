/* test_constraint.c - name constraints: text, bytes, and what they permit and exclude; certificate policies; addresses with placeholders. */
#include "x509_fixture.h"

#include "x509/certificate_policy.h"
#include "x509/constraint.h"
#include "x509/url.h"

#include <openssl/x509v3.h>

/* Content of NameConstraints from two lists of texts, "" between blanks. */
static void
constraints(const char *permitted, const char *excluded, CmBuf *out)
{
	const char *lists[2] = {permitted, excluded};
	CmBuf		subtrees[2];
	int			i;

	for (i = 0; i < 2; i++)
	{
		char		copy[512];
		char	   *word;

		cm_buf_init(&subtrees[i], 0);
		snprintf(copy, sizeof(copy), "%s", lists[i]);
		for (word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
		{
			CmStatus	st = CM_STATUS_INIT;

			assert_good(cm_constraint_parse(word, &subtrees[i], &st), &st);
		}
	}
	cm_constraints_put(of(&subtrees[0]), of(&subtrees[1]), out);
	cm_buf_free(&subtrees[0]);
	cm_buf_free(&subtrees[1]);
}

/* san: one name, or NULL; subject: RFC 4514 text. */
static void
check(const char *permitted, const char *excluded, const char *subject, const char *san, bool fine)
{
	CmStatus	st = CM_STATUS_INIT;
	CmBuf		nc;
	CmBuf		name;
	CmBuf		sans;

	cm_buf_init(&nc, 0);
	cm_buf_init(&name, 0);
	cm_buf_init(&sans, 0);
	constraints(permitted, excluded, &nc);
	assert_good(cm_name_parse(subject, &name, &st), &st);
	if (san != NULL)
		assert_good(cm_san_parse(san, &sans, &st), &st);
	if (cm_constraints_allow(of(&nc), of(&name), of(&sans), &st) != fine)
		fail_msg("permitted %s, excluded %s: %s %s", permitted, excluded, san != NULL ? san : subject, fine ? st.detail : "was let through");
	if (!fine)
		assert_int_equal(st.code, CM_POLICY);
	cm_buf_free(&nc);
	cm_buf_free(&name);
	cm_buf_free(&sans);
}

static void
test_allow(void **state)
{
	(void) state;
	check("DNS:example.com", "", "", "DNS:example.com", true);
	check("DNS:example.com", "", "", "DNS:a.b.example.com", true);
	check("DNS:example.com", "", "", "DNS:*.example.com", true);
	check("DNS:example.com", "", "", "DNS:notexample.com", false);
	check("DNS:example.com", "", "", "DNS:example.com.evil.org", false);
	check("DNS:.example.com", "", "", "DNS:example.com", false);
	check("DNS:.example.com", "", "", "DNS:a.example.com", true);
	check("DNS:", "", "", "DNS:a", true);
	check("", "DNS:", "", "DNS:a", false);
	check("DNS:example.com", "DNS:secret.example.com", "", "DNS:x.secret.example.com", false);
	check("DNS:example.com", "DNS:secret.example.com", "", "DNS:*.example.com", false);	/* it would be good for secret.example.com */
	check("DNS:example.com", "DNS:secret.example.com", "", "DNS:public.example.com", true);
	/* kinds that nothing is said of are free */
	check("DNS:example.com", "", "", "IP:10.1.2.3", true);
	check("IP:10.0.0.0/8", "", "", "IP:10.255.0.1", true);
	check("IP:10.0.0.0/8", "", "", "IP:11.0.0.1", false);
	check("IP:10.0.0.0/8", "", "", "IP:2001:db8::1", false);
	check("IP:0.0.0.0/0 IP:2001:db8::/33", "", "", "IP:2001:db8:7fff::1", true);
	check("IP:2001:db8::/33", "", "", "IP:2001:db8:8000::1", false);
	check("", "IP:0.0.0.0/0", "", "IP:1.2.3.4", false);
	check("email:example.com", "", "", "email:joe@example.com", true);
	check("email:example.com", "", "", "email:joe@sub.example.com", false);
	check("email:.example.com", "", "", "email:joe@sub.example.com", true);
	check("email:.example.com", "", "", "email:joe@example.com", false);
	check("email:joe@example.com", "", "", "email:joe@example.com", true);
	check("email:joe@example.com", "", "", "email:Joe@example.com", false);
	check("URI:example.com", "", "", "URI:https://u@example.com:8443/x", true);
	check("URI:.example.com", "", "", "URI:spiffe://a.example.com/x", true);
	check("URI:.example.com", "", "", "URI:https://example.com/", false);
	check("URI:example.com", "", "", "URI:https://evil.org/?https://example.com", false);
	check("URI:example.com", "", "", "URI:https://example.com@evil.org/", false);
	check("URI:example.com", "", "", "URI:urn:x:y", false);
	check("URI:.example.com", "", "", "URI:http:/evil.org/://a.example.com/", false);	/* no authority at all */
	check("URI:.example.com", "", "", "URI:urn:x:y://a.example.com", false);
	check("URI:.example.com", "", "", "URI:https://evil.org%2f.example.com/", false);
	check("", "URI:example.com", "", "URI:urn:x:y", false);	/* it cannot be judged */
	check("dirName:O=Example,C=DE", "", "CN=joe,O=Example,C=DE", NULL, true);
	check("dirName:O=Example,C=DE", "", "CN=joe,o=EXAMPLE,C=DE", NULL, true);
	check("dirName:O=Example,C=DE", "", "CN=joe,O=Evil,C=DE", NULL, false);
	check("dirName:O=Example,C=DE", "", "O=Example", NULL, false);
	check("dirName:O=Example,C=DE", "", "", "dirName:CN=x,O=Example,C=DE", true);
	check("dirName:O=Example,C=DE", "", "", "dirName:CN=x,C=DE", false);
	check("", "dirName:OU=Board+O=Example", "CN=joe,o=example+ou=board", NULL, false);
	check("", "dirName:OU=Board", "CN=joe,OU=Staff", NULL, true);
	/* mailboxes in the subject count */
	check("email:example.com", "", "CN=joe,emailAddress=joe@evil.org", NULL, false);
	check("email:example.com", "", "CN=joe,emailAddress=joe@EXAMPLE.com", NULL, true);
}

static bool
add_text(bool permitted, const char *text, void *arg)
{
	CmBuf	   *list = arg;

	return cm_buf_printf(list, "%c%s;", permitted ? '+' : '-', text);
}

static void
test_text(void **state)
{
	static const char *const good = "DNS:example.com DNS:.example.com IP:10.0.0.0/8 IP:2001:db8::/33 IP:1.2.3.4/32 IP:0.0.0.0/0 email:example.com "
		"email:joe@example.com URI:.example.com dirName:CN=x,O=y";
	static const struct {const char *text; const char *words;} bad[] = {
		{"example.com", "must begin with DNS:"}, {"DNS:a b", "host name"}, {"DNS:*.example.com", "host name"}, {"IP:10.0.0.1", "prefix length"},
		{"IP:10.0.0.1/8", "bits behind"}, {"IP:10.0.0.0/33", "prefix length"}, {"IP:10.0.0.0/-1", "prefix length"}, {"IP:10.0.0.0/8x", "prefix length"},
		{"IP:x/8", "prefix length"}, {"email:a@@b", "exactly one"}, {"URI:http://x/", "host name"}, {"dirName:x", "missing"}, {"UPN:x", "must begin"},
	};
	CmStatus	st = CM_STATUS_INIT;
	CmBuf		nc;
	CmBuf		list;
	CmBuf		whole;
	const unsigned char *p;
	NAME_CONSTRAINTS *openssl;
	size_t		i;

	(void) state;
	cm_buf_init(&nc, 0);
	cm_buf_init(&list, 0);
	cm_buf_init(&whole, 0);
	constraints(good, "DNS:", &nc);
	assert_true(cm_constraints_each(of(&nc), add_text, &list));
	assert_string_equal(cm_buf_cstr(&list), "+DNS:example.com;+DNS:.example.com;+IP:10.0.0.0/8;+IP:2001:db8::/33;+IP:1.2.3.4/32;+IP:0.0.0.0/0;"
						"+email:example.com;+email:joe@example.com;+URI:.example.com;+dirName:CN=x,O=y;-DNS:;");
	cm_der_put(&whole, CM_DER_SEQUENCE, nc.data, nc.len);
	p = whole.data;
	openssl = (NAME_CONSTRAINTS *) ASN1_item_d2i(NULL, &p, (long) whole.len, ASN1_ITEM_rptr(NAME_CONSTRAINTS));
	assert_non_null(openssl);
	assert_int_equal(sk_GENERAL_SUBTREE_num(openssl->permittedSubtrees), 10);
	assert_int_equal(sk_GENERAL_SUBTREE_num(openssl->excludedSubtrees), 1);
	NAME_CONSTRAINTS_free(openssl);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		size_t		before = nc.len;

		if (cm_constraint_parse(bad[i].text, &nc, &st))
			fail_msg("%s was taken", bad[i].text);
		assert_int_equal(st.code, CM_INVALID);
		if (strstr(st.detail, bad[i].words) == NULL)
			fail_msg("%s: \"%s\" is not about \"%s\"", bad[i].text, st.detail, bad[i].words);
		assert_int_equal(nc.len, before);
	}
	cm_buf_free(&nc);
	cm_buf_free(&list);
	cm_buf_free(&whole);
}

/* Whatever the bytes, no crash, and cut ones refuse. */
static void
test_hostile(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	CmBuf		nc;
	CmBuf		name;
	CmBuf		sans;
	size_t		i;
	unsigned	seed = 4711;

	(void) state;
	cm_buf_init(&nc, 0);
	cm_buf_init(&name, 0);
	cm_buf_init(&sans, 0);
	constraints("DNS:example.com IP:10.0.0.0/8 email:a@b.c URI:x dirName:CN=x", "DNS:y.example.com dirName:O=z", &nc);
	assert_good(cm_name_parse("CN=x,emailAddress=a@b.c", &name, &st), &st);
	assert_good(cm_san_parse("DNS:www.example.com", &sans, &st), &st);
	assert_good(cm_san_parse("IP:10.0.0.1", &sans, &st), &st);
	assert_good(cm_san_parse("URI:https://x/", &sans, &st), &st);
	assert_good(cm_constraints_allow(of(&nc), cm_slice("\x30\x00", 2), of(&sans), &st), &st);
	assert_false(cm_constraints_allow(of(&nc), cm_slice("\x30\x00", 2), cm_slice(sans.data, sans.len - 1), &st));
	assert_string_equal(st.reason, "subject alternative names are malformed");
	for (i = 1; i < nc.len; i++)
	{
		uint8_t    *copy = exact_copy(nc.data, i);
		CmDer		first;
		CmSlice		rest = cm_slice(copy, i);

		/* cut behind the permitted ones it is a whole again */
		if (!cm_der_next(&rest, &first) || rest.len != 0)
			assert_false(cm_constraints_allow(cm_slice(copy, i), of(&name), of(&sans), &st));
		free(copy);
	}
	for (i = 0; i < 20000; i++)
	{
		uint8_t    *copy = exact_copy(nc.data, nc.len);
		CmBuf		list;

		copy[rand_r(&seed) % nc.len] = (uint8_t) rand_r(&seed);
		copy[rand_r(&seed) % nc.len] = (uint8_t) rand_r(&seed);
		(void) cm_constraints_allow(cm_slice(copy, nc.len), of(&name), of(&sans), &st);
		cm_buf_init(&list, 0);
		(void) cm_constraints_each(cm_slice(copy, nc.len), add_text, &list);
		cm_buf_free(&list);
		free(copy);
	}
	cm_buf_free(&nc);
	cm_buf_free(&name);
	cm_buf_free(&sans);
}

static void
test_policies(void **state)
{
	char		notice[202];
	CmStatus	st = CM_STATUS_INIT;
	CmBuf		out;

	(void) state;
	cm_buf_init(&out, 0);
	assert_good(cm_certificate_policy_put(&out, "2.5.29.32.0", NULL, NULL, &st), &st);
	assert_memory_equal(out.data, "\x30\x06\x06\x04\x55\x1d\x20\x00", 8);
	assert_false(cm_certificate_policy_put(&out, "2.5.29.32.0", NULL, NULL, &st));
	assert_non_null(strstr(st.reason, "twice"));
	assert_false(cm_certificate_policy_put(&out, "x", NULL, NULL, &st));
	assert_non_null(strstr(st.reason, "object identifier"));
	assert_false(cm_certificate_policy_put(&out, "1.2.3", "http://a b/", NULL, &st));
	assert_false(cm_certificate_policy_put(&out, "1.2.3", "http://{ca}/", NULL, &st));
	assert_false(cm_certificate_policy_put(&out, "1.2.3", "", NULL, &st));
	assert_false(cm_certificate_policy_put(&out, "1.2.3", NULL, "", &st));
	memset(notice, 'x', 201);
	notice[201] = '\0';
	assert_false(cm_certificate_policy_put(&out, "1.2.3", NULL, notice, &st));
	notice[200] = '\0';
	assert_true(cm_certificate_policy_put(&out, "1.2.3", NULL, notice, &st));
	cm_buf_free(&out);
}

static void
test_urls(void **state)
{
	static const char *const bad[] = {"http://a/{", "http://a/}", "http://a/{x}", "http://\xc3\xbc/", "", "  "};
	CmStatus	st = CM_STATUS_INIT;
	size_t		i;

	(void) state;
	assert_good(cm_url_check(NULL, "x", &st), &st);
	assert_good(cm_url_check("http://a/{ca}/{serial}/{issuer}/{shard}.crl ldap://b", "x", &st), &st);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		assert_false(cm_url_check(bad[i], "CRL address", &st));
		assert_non_null(strstr(st.reason, "CRL address"));
	}
}

/* O=AB is not O=XY, in BMPStrings either: their characters begin with a NUL. */
static void
two_octets_a_character(void **state)
{
	static const uint8_t nc[] = {0xa0, 0x15, 0x30, 0x13, 0xa4, 0x11,
	0x30, 0x0f, 0x31, 0x0d, 0x30, 0x0b, 0x06, 0x03, 0x55, 0x04, 0x0a, 0x1e, 0x04, 0, 'A', 0, 'B'};
	uint8_t		subject[] = {0x30, 0x0f, 0x31, 0x0d, 0x30, 0x0b, 0x06, 0x03, 0x55, 0x04, 0x0a, 0x1e, 0x04, 0, 'a', 0, 'B'};
	CmStatus	st = CM_STATUS_INIT;

	(void) state;
	assert_good(cm_constraints_allow(cm_slice(nc, sizeof(nc)), cm_slice(subject, sizeof(subject)), cm_slice(NULL, 0), &st), &st);
	subject[14] = 'X';
	assert_false(cm_constraints_allow(cm_slice(nc, sizeof(nc)), cm_slice(subject, sizeof(subject)), cm_slice(NULL, 0), &st));
	assert_int_equal(st.code, CM_POLICY);
}

static void
excluded_by(const char *what, const uint8_t *subject, size_t len)
{
	CmStatus	st = CM_STATUS_INIT;
	CmBuf		nc;

	cm_buf_init(&nc, 0);
	constraints("", what, &nc);
	assert_false(cm_constraints_allow(of(&nc), cm_slice(subject, len), cm_slice(NULL, 0), &st));
	assert_int_equal(st.code, CM_POLICY);
	cm_buf_free(&nc);
}

/* Another string type is no way around what is excluded. */
static void
other_string_types(void **state)
{
	static const uint8_t organization[] = {0x30, 0x0f, 0x31, 0x0d, 0x30, 0x0b, 0x06, 0x03, 0x55, 0x04, 0x0a, 0x1e, 0x04, 0, 'a', 0, 'B'};
	static const uint8_t mailbox[] = {0x30, 0x1b, 0x31, 0x19, 0x30, 0x17, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1,
	0x1e, 0x0a, 0, 'j', 0, '@', 0, 'a', 0, '.', 0, 'b'};

	(void) state;
	excluded_by("dirName:O=AB", organization, sizeof(organization));
	excluded_by("email:a.b", mailbox, sizeof(mailbox));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_octets_a_character),
		cmocka_unit_test(other_string_types),
		cmocka_unit_test(test_allow),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_policies),
		cmocka_unit_test(test_urls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
