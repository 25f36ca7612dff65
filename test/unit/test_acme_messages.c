/*
 * test_acme_messages.c - payloads and answers of ACME without a network: RFC
 * vectors, odd servers, hostile bodies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "acme/internal.h"
#include "base/der.h"
#include "base/encode.h"
#include "crypto/jws.h"

static CmSlice
body(const char *text)
{
	return cm_slice(text, strlen(text));
}

/* The RSA key of RFC 7638 3.1. */
static CmKey *
rfc7638_key(void)
{
	static const char n[] =
		"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBX"
		"Arwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4l"
		"Fd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
	CmBuf		modulus;
	CmBuf		rsa;
	CmBuf		spki;
	CmKey	   *key = NULL;
	CmStatus	st = CM_STATUS_INIT;
	size_t		outer;
	size_t		inner;

	cm_buf_init(&modulus, 0);
	cm_buf_init(&rsa, 0);
	cm_buf_init(&spki, 0);
	assert_true(cm_base64_decode(&modulus, n, strlen(n)));
	outer = cm_der_open(&rsa, CM_DER_SEQUENCE);
	cm_der_put_unsigned(&rsa, modulus.data, modulus.len);
	cm_der_put_uint(&rsa, 65537);
	cm_der_close(&rsa, outer);
	outer = cm_der_open(&spki, CM_DER_SEQUENCE);
	inner = cm_der_open(&spki, CM_DER_SEQUENCE);
	cm_der_put_oid(&spki, "1.2.840.113549.1.1.1");
	cm_der_put(&spki, CM_DER_NULL, "", 0);
	cm_der_close(&spki, inner);
	cm_der_put_bit_string(&spki, rsa.data, rsa.len);
	cm_der_close(&spki, outer);
	if (!cm_key_from_spki(cm_slice(spki.data, spki.len), &key, &st))
		fail_msg("%s: %s", st.reason, st.detail);
	cm_buf_free(&modulus);
	cm_buf_free(&rsa);
	cm_buf_free(&spki);
	return key;
}

/* RFC 8555 8.4 with the token of its example and the thumbprint of RFC 7638: the hash was computed apart. */
static void
test_dns01_value(void **state)
{
	CmKey	   *key = rfc7638_key();
	CmStatus	st = CM_STATUS_INIT;
	CmBuf		out;

	(void) state;
	cm_buf_init(&out, 0);
	assert_true(cm_acme_dns01_value(key, "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA", &out, &st));
	assert_string_equal(cm_buf_cstr(&out), "ZTRx1Ckl1-tM05o5zaizTTA0yUy5AGereMgSNWC6Ll8");
	assert_false(cm_acme_dns01_value(key, "short", &out, &st));
	assert_int_equal(st.code, CM_INVALID);
	assert_false(cm_acme_dns01_value(key, "../../../etc/passwd/aaaaaaaaaaaaaaa", &out, &st));
	cm_buf_free(&out);
	cm_key_free(key);
}

/* The example of draft-ietf-acme-dns-account-label. */
static void
test_account_label(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	CmBuf		out;

	(void) state;
	cm_buf_init(&out, 0);
	assert_true(cm_acme_account_label("https://example.com/acme/acct/ExampleAccount", &out, &st));
	assert_string_equal(cm_buf_cstr(&out), "_ujmmovf2vn55tgye");
	cm_buf_free(&out);
}

#define PERSIST(members) \
	"{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.example\"},\"challenges\":[" \
	"{\"type\":\"dns-01\",\"url\":\"https://ca.example/c/1\",\"token\":\"evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA\"}," \
	"{\"type\":\"dns-persist-01\",\"url\":\"https://ca.example/c/2\"" members "}]}"

static void
test_other_challenges(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	CmAcmeAuthorization a;

	(void) state;
	assert_true(cm_acme_authorization_parse(body(PERSIST(",\"issuer-domain-names\":[\"CA.example\",7,\"a b\",\"other.example\"]")), "dns-persist-01", &a, &st));
	assert_string_equal(a.challenge_url, "https://ca.example/c/2");
	assert_null(a.token);
	assert_int_equal(a.issuer_count, 2);
	assert_string_equal(a.issuers[0], "ca.example");
	assert_string_equal(a.issuers[1], "other.example");
	assert_true(cm_acme_authorization_parse(body(PERSIST(",\"issuerDomainNames\":[\"ca.example\"]")), "dns-persist-01", &a, &st));
	assert_int_equal(a.issuer_count, 1);
	assert_false(cm_acme_authorization_parse(body(PERSIST("")), "dns-persist-01", &a, &st));
	assert_non_null(strstr(st.reason, "does not say the CA's domain names"));
	assert_false(cm_acme_authorization_parse(body(PERSIST(",\"issuer-domain-names\":[\"a b\"]")), "dns-persist-01", &a, &st));
	assert_non_null(strstr(st.reason, "no usable domain name"));
	/* it does not matter to who answers dns-01 */
	assert_true(cm_acme_authorization_parse(body(PERSIST("")), "dns-01", &a, &st));
	assert_string_equal(a.challenge_url, "https://ca.example/c/1");
	assert_true(cm_acme_authorization_parse(body(PERSIST("")), "http-01", &a, &st));
	assert_null(a.challenge_url);
}

static void
test_urls(void **state)
{
	static const char *const good[] = {"https://a", "https://ca.example/dir?action=renew&orderId=1", "HTTPS://CA.example:8443/x/%41", "http://[::1]:80/", "http://127.0.0.1/"};
	static const char *const bad[] = {
		"", "/x", "//ca.example/x", "ftp://a/", "https://", "https:///x", "https://:80/", "https://?x", "https://u:p@a/", "https://ca.example@evil.example/", "https://a/#f",
		"https://a b/", "https://a/\n", "https://a/\"", "https://a/\\b", "javascript:alert(1)", "https:/a", "https://a/\xc3\xa4", "https://a/<x>"
	};
	char		longest[CM_ACME_URL_SIZE + 1];
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(cm_acme_url_valid(good[i]));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(cm_acme_url_valid(bad[i]));
	memset(longest, 'a', sizeof(longest));
	memcpy(longest, "https://", 8);
	longest[CM_ACME_URL_SIZE] = '\0';
	assert_false(cm_acme_url_valid(longest));
	longest[CM_ACME_URL_SIZE - 1] = '\0';
	assert_true(cm_acme_url_valid(longest));
	assert_true(cm_acme_url_allowed("https://a/@", false));
	assert_false(cm_acme_url_allowed("https://a/", true));
	assert_false(cm_acme_url_allowed("HTTP://a/", false));
}

static void
test_account(void **state)
{
	static const char *const contacts[] = {"mailto:a@example.org", "b@example.org"};
	static const char *const bad[] = {"a b"};
	CmStatus	st = CM_STATUS_INIT;
	CmAcmeAccount account;
	CmBuf		out;

	(void) state;
	cm_buf_init(&out, 0);
	assert_true(cm_acme_new_account_payload(contacts, 2, true, false, &out, &st));
	assert_string_equal(cm_buf_cstr(&out), "{\"termsOfServiceAgreed\":true,\"contact\":[\"mailto:a@example.org\",\"mailto:b@example.org\"]}");
	cm_buf_reset(&out);
	assert_true(cm_acme_new_account_payload(NULL, 0, false, true, &out, &st));
	assert_string_equal(cm_buf_cstr(&out), "{\"onlyReturnExisting\":true}");
	cm_buf_reset(&out);
	assert_true(cm_acme_new_account_payload(NULL, 0, false, false, &out, &st));
	assert_string_equal(cm_buf_cstr(&out), "{}");
	cm_buf_reset(&out);
	assert_false(cm_acme_new_account_payload(bad, 1, true, false, &out, &st));
	assert_int_equal(st.code, CM_INVALID);
	cm_buf_free(&out);

	assert_true(cm_acme_account_parse(body("{\"status\":\"deactivated\",\"orders\":\"https://ca.example/orders/1\",\"x\":[1]}"), &account, &st));
	assert_string_equal(account.status, "deactivated");
	assert_string_equal(account.orders, "https://ca.example/orders/1");
	free(account.orders);
	assert_true(cm_acme_account_parse(body(" \r\n"), &account, &st));
	assert_string_equal(account.status, "valid");
	assert_true(cm_acme_account_parse(body("{\"orders\":\"javascript:x\"}"), &account, &st));
	assert_string_equal(account.status, "valid");
	assert_null(account.orders);
	assert_false(cm_acme_account_parse(body("[]"), &account, &st));
	assert_int_equal(st.code, CM_PROTOCOL);
	assert_false(cm_acme_account_parse(body("{\"status\":7}"), &account, &st));
	assert_false(cm_acme_account_parse(body("<html>"), &account, &st));
}

static void
test_eab(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	CmKey	   *key = NULL;
	CmBuf		out;
	CmJson	   *json;
	const CmJson *eab;
	static const char *const payloads[] = {"{}", "{ \n}", "{\"termsOfServiceAgreed\":true}"};
	size_t		i;

	(void) state;
	assert_true(cm_key_generate(CM_KEY_EC_P256, &key, &st));
	cm_buf_init(&out, 0);
	for (i = 0; i < 3; i++)
	{
		cm_buf_reset(&out);
		assert_true(cm_acme_bind_account(payloads[i], key, NULL, "kid-1", body("0123456789abcdef0123456789abcdef"), "https://ca.example/new", &out, &st));
		json = cm_json_parse(cm_slice(out.data, out.len), 10000, &st);
		assert_non_null(json);
		assert_int_equal(cm_json_length(json), i == 2 ? 2 : 1);
		eab = cm_json_get(json, "externalAccountBinding");
		assert_non_null(cm_json_get_string(eab, "protected"));
		assert_non_null(cm_json_get_string(eab, "payload"));
		assert_non_null(cm_json_get_string(eab, "signature"));
		cm_json_free(json);
	}
	cm_buf_free(&out);
	cm_key_free(key);
}

static void
test_directory(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	CmAcmeDirectory d;

	(void) state;
	assert_true(cm_acme_directory_parse(body("{\"newNonce\":\"https://a/n\",\"newAccount\":\"https://a/a\",\"newOrder\":\"https://a/o\",\"revokeCert\":\"http://a/r\","
											 "\"renewalInfo\":\"https://a/ari\",\"keyChange\":7,\"meta\":{\"termsOfService\":\"http://a/tos\",\"externalAccountRequired\":true,"
											 "\"profiles\":{\"classic\":\"https://a/p\",\"\":7,\"two\\nlines\":1,\"short\":null},\"x\":{},\"caaIdentities\":[\"CA.Example\",7,\"a b\",\"two.example\",null]},\"AbCd\":\"https://random\"}"), false, &d, &st));
	assert_string_equal(d.new_nonce, "https://a/n");
	assert_string_equal(d.new_account, "https://a/a");
	assert_string_equal(d.new_order, "https://a/o");
	assert_null(d.revoke_cert);
	assert_null(d.key_change);
	assert_string_equal(d.renewal_info, "https://a/ari");
	assert_string_equal(d.terms_of_service, "http://a/tos");
	assert_true(d.external_account_required);
	assert_int_equal(d.profile_count, 2);
	assert_string_equal(d.profiles[0], "classic");
	assert_string_equal(d.profiles[1], "short");
	assert_int_equal(d.caa_count, 2);
	assert_string_equal(d.caa_identities[0], "ca.example");
	assert_string_equal(d.caa_identities[1], "two.example");
	cm_acme_directory_free(&d);
	assert_false(cm_acme_directory_parse(body("{\"newNonce\":\"https://a/n\",\"newAccount\":\"https://a/a\"}"), false, &d, &st));
	assert_int_equal(st.code, CM_PROTOCOL);
	assert_false(cm_acme_directory_parse(body("{\"newNonce\":\"https://a/n\",\"newAccount\":\"http://a/a\",\"newOrder\":\"https://a/o\"}"), false, &d, &st));
	assert_non_null(strstr(st.reason, "newAccount"));
	assert_false(cm_acme_directory_parse(body("\"x\""), false, &d, &st));
}

static void
test_new_order_payload(void **state)
{
	CmAcmeIdentifier ids[] = {{"dns", "WWW.Example.org."}, {"dns", "*.example.org"}, {"ip", "2001:DB8:0::1"}};
	CmAcmeIdentifier many[CM_ACME_MAX_IDENTIFIERS + 1];
	CmAcmeIdentifier bad = {"dns", "a\"b.example"};
	CmAcmeIdentifier type = {"email", "a@b"};
	CmAcmeOrderWish wish = {"shortlived", "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE", INT64_C(1771027200), INT64_C(1772323199)};
	CmAcmeOrderWish none = {0};
	CmStatus	st = CM_STATUS_INIT;
	CmBuf		out;
	int			i;

	(void) state;
	cm_buf_init(&out, 0);
	assert_true(cm_acme_new_order_payload(ids, 3, &wish, &out, &st));
	assert_string_equal(cm_buf_cstr(&out),
						"{\"identifiers\":[{\"type\":\"dns\",\"value\":\"www.example.org\"},{\"type\":\"dns\",\"value\":\"*.example.org\"},"
						"{\"type\":\"ip\",\"value\":\"2001:db8::1\"}],\"notBefore\":\"2026-02-14T00:00:00Z\",\"notAfter\":\"2026-02-28T23:59:59Z\",\"profile\":\"shortlived\",\"replaces\":\"aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE\"}");
	cm_buf_reset(&out);
	assert_true(cm_acme_new_order_payload(ids, 1, &none, &out, &st));
	assert_string_equal(cm_buf_cstr(&out), "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"www.example.org\"}]}");
	assert_false(cm_acme_new_order_payload(ids, 0, &none, &out, &st));
	assert_false(cm_acme_new_order_payload(&bad, 1, &none, &out, &st));
	assert_false(cm_acme_new_order_payload(&type, 1, &none, &out, &st));
	assert_int_equal(st.code, CM_UNSUPPORTED);
	for (i = 0; i <= CM_ACME_MAX_IDENTIFIERS; i++)
		many[i] = ids[0];
	assert_false(cm_acme_new_order_payload(many, CM_ACME_MAX_IDENTIFIERS + 1, &none, &out, &st));
	assert_int_equal(st.code, CM_LIMIT);
	cm_buf_free(&out);
}

static void
problem_free(CmAcmeProblem *problem)
{
	free(problem->detail);
	free(problem->json);
	free(problem->instance);
}

/* Which identifiers a problem speaks of, hostile documents included. */
static void
test_subproblems(void **state)
{
	static const struct
	{
		const char *json;
		const char *names;		/* "name=words;" each */
	}			cases[] = {
		{"{\"type\":\"urn:ietf:params:acme:error:compound\",\"subproblems\":[{\"type\":\"urn:ietf:params:acme:error:caa\",\"detail\":\"no\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.example\"}},"
			"{\"detail\":\"of nobody\"},7,{\"identifier\":{\"value\":\"*.b.example\"}}]}", "a.example=caa: no;*.b.example=;"},
		{"{\"type\":\"urn:ietf:params:acme:error:rejectedIdentifier\",\"detail\":\"no\",\"identifier\":{\"value\":\"a.example\"}}", "a.example=rejectedIdentifier: no;"},
		{"{\"type\":\"urn:ietf:params:acme:error:rejectedIdentifier\",\"detail\":\"Cannot issue for \\\"a.example\\\": no\"}", "a.example=rejectedIdentifier: Cannot issue for \"a.example\": no;"},
		{"{\"type\":\"urn:ietf:params:acme:error:malformed\",\"detail\":\"see \\\"a.example\\\"\"}", ""},
		{"{\"type\":\"urn:ietf:params:acme:error:rejectedIdentifier\",\"detail\":\"open \\\"a.example\"}", ""},
		{"{\"type\":\"urn:ietf:params:acme:error:rejectedIdentifier\",\"detail\":\"empty \\\"\\\"\"}", ""},
		{"{\"subproblems\":{\"identifier\":{\"value\":\"a.example\"}}}", ""},
		{"{\"subproblems\":[{\"identifier\":\"a.example\"},{\"identifier\":{\"value\":7}}]}", ""},
		{"<html>", ""},
		{"", ""}
	};
	CmAcmeSubproblem subs[3];
	char		seen[512];

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		int			count = cm_acme_subproblems(cm_slice(cases[i].json, strlen(cases[i].json)), subs, 3);

		seen[0] = '\0';
		for (int j = 0; j < count; j++)
		{
			snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%s=%s;", subs[j].identifier, subs[j].words);
			free(subs[j].identifier);
			free(subs[j].words);
		}
		assert_string_equal(seen, cases[i].names);
	}
	/* No more than asked for. */
	assert_int_equal(cm_acme_subproblems(cm_slice(cases[0].json, strlen(cases[0].json)), subs, 1), 1);
	free(subs[0].identifier);
	free(subs[0].words);
	assert_int_equal(cm_acme_subproblems(cm_slice(cases[1].json, strlen(cases[1].json)), subs, 0), 0);
}

static void
order_free(CmAcmeOrder *order)
{
	int			i;

	for (i = 0; i < order->authorization_count; i++)
		free(order->authorizations[i]);
	free(order->finalize);
	free(order->certificate);
	if (order->error != NULL)
		problem_free(order->error);
	free(order->error);
}

static const char order_text[] =
"{\"status\":\"invalid\",\"expires\":\"2026-01-20T14:09:07.99Z\",\"identifiers\":[{\"type\":\"dns\",\"value\":\"www.example.org\"}],"
"\"authorizations\":[\"https://ca.example/a/1\",\"https://ca.example/a/2\"],\"finalize\":\"https://ca.example/f/1\","
"\"certificate\":\"https://ca.example/c/1\",\"error\":{\"type\":\"urn:ietf:params:acme:error:caa\",\"detail\":\"no\"},\"unknown\":{\"a\":[1,2,{}]}}";

static void
test_order(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	CmAcmeOrder order;
	CmBuf		buf;
	int			i;
	int			n;

	(void) state;
	assert_true(cm_acme_order_parse(body(order_text), &order, &st));
	assert_string_equal(order.status, "invalid");
	assert_int_equal(order.expires, 1768918147);
	assert_int_equal(order.authorization_count, 2);
	assert_string_equal(order.authorizations[1], "https://ca.example/a/2");
	assert_string_equal(order.finalize, "https://ca.example/f/1");
	assert_string_equal(order.certificate, "https://ca.example/c/1");
	assert_string_equal(order.error->type, "caa");
	assert_string_equal(order.error->detail, "caa: no");
	order_free(&order);

	/* o05, o07, o10, a date that is none, null members */
	assert_true(cm_acme_order_parse(body("{\"status\":\"on-hold\",\"expires\":\"soon\",\"error\":null,\"certificate\":null}"), &order, &st));
	assert_string_equal(order.status, "on-hold");
	assert_int_equal(order.expires, 0);
	assert_int_equal(order.authorization_count, 0);
	assert_null(order.finalize);
	assert_null(order.certificate);
	assert_null(order.error);

	assert_false(cm_acme_order_parse(body("{}"), &order, &st));
	assert_false(cm_acme_order_parse(body(""), &order, &st));
	assert_false(cm_acme_order_parse(body("{\"status\":\"a status that is longer than any we know\"}"), &order, &st));
	assert_false(cm_acme_order_parse(body("{\"status\":\"valid\",\"certificate\":\"/c/1\"}"), &order, &st));
	assert_int_equal(st.code, CM_PROTOCOL);
	assert_false(cm_acme_order_parse(body("{\"status\":\"valid\",\"finalize\":1}"), &order, &st));
	assert_false(cm_acme_order_parse(body("{\"status\":\"valid\",\"authorizations\":{}}"), &order, &st));
	assert_false(cm_acme_order_parse(body("{\"status\":\"valid\",\"authorizations\":[null]}"), &order, &st));

	cm_buf_init(&buf, 0);
	for (n = CM_ACME_MAX_IDENTIFIERS; n <= CM_ACME_MAX_IDENTIFIERS + 1; n++)
	{
		cm_buf_reset(&buf);
		cm_buf_append_str(&buf, "{\"status\":\"pending\",\"authorizations\":[");
		for (i = 0; i < n; i++)
			cm_buf_printf(&buf, "%s\"https://ca.example/%d\"", i > 0 ? "," : "", i);
		cm_buf_append_str(&buf, "]}");
		assert_true(cm_acme_order_parse(cm_slice(buf.data, buf.len), &order, &st) == (n == CM_ACME_MAX_IDENTIFIERS));
		order_free(&order);
	}
	cm_buf_free(&buf);
}

static void
authorization_free(CmAcmeAuthorization *a)
{
	free(a->identifier_type);
	free(a->identifier);
	free(a->challenge_url);
	free(a->token);
	if (a->error != NULL)
		problem_free(a->error);
	free(a->error);
}

#define TOKEN "DGyRejmCefe7v4NfDGDKfA"

static const char authorization_text[] =
"{\"status\":\"pending\",\"expires\":\"2026-01-02T14:09:30Z\",\"identifier\":{\"type\":\"dns\",\"value\":\"WWW.Example.ORG\"},\"wildcard\":true,"
"\"challenges\":[{\"type\":\"http-01\",\"url\":\"https://ca.example/h\",\"token\":\"x\",\"error\":{\"type\":\"urn:ietf:params:acme:error:connection\"}},{\"type\":\"dns-01\","
"\"url\":\"https://ca.example/chall/prV\",\"status\":\"invalid\",\"token\":\"" TOKEN "\",\"error\":{\"type\":\"urn:ietf:params:acme:error:dns\",\"detail\":\"NXDOMAIN\"}}]}";

static void
test_authorization(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	CmAcmeAuthorization a;
	CmBuf		buf;
	int			i;

	(void) state;
	assert_true(cm_acme_authorization_parse(body(authorization_text), "dns-01", &a, &st));
	assert_string_equal(a.status, "pending");
	assert_string_equal(a.identifier_type, "dns");
	assert_string_equal(a.identifier, "www.example.org");
	assert_true(a.wildcard);
	assert_int_equal(a.expires, 1767362970);
	assert_string_equal(a.challenge_url, "https://ca.example/chall/prV");
	assert_string_equal(a.challenge_status, "invalid");
	assert_string_equal(a.token, TOKEN);
	assert_string_equal(a.error->detail, "dns: NXDOMAIN");
	authorization_free(&a);

	/* a01: valid without a challenge we know */
	assert_true(cm_acme_authorization_parse(body("{\"status\":\"valid\",\"identifier\":{\"type\":\"ip\",\"value\":\"192.0.2.1\"},\"challenges\":[{\"type\":\"x-01\"}]}"), "dns-01", &a, &st));
	assert_string_equal(a.identifier, "192.0.2.1");
	assert_null(a.challenge_url);
	assert_false(a.wildcard);
	authorization_free(&a);

	/* a star in the name means the same as the flag */
	assert_true(cm_acme_authorization_parse(body("{\"status\":\"valid\",\"identifier\":{\"type\":\"dns\",\"value\":\"*.a.example\"}}"), "dns-01", &a, &st));
	assert_string_equal(a.identifier, "a.example");
	assert_true(a.wildcard);
	authorization_free(&a);

	/* a04: tokens that are none; harmless once the authorization is valid */
	cm_buf_init(&buf, 0);
	for (i = 0; i < 6; i++)
	{
		static const char *const tokens[] = {"\"../../../../etc/passwd-aaaaaa\"", "\"short\"", "7", "null", "\"DGyRejmCefe7v4NfDGDKfA=\"", "\"DGyRejmCefe7v4NfDGDK A\""};

		cm_buf_reset(&buf);
		cm_buf_printf(&buf, "{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.example\"},\"challenges\":[{\"type\":\"dns-01\",\"url\":\"https://ca/c\",\"token\":%s}]}",
					  tokens[i]);
		assert_false(cm_acme_authorization_parse(cm_slice(buf.data, buf.len), "dns-01", &a, &st));
		assert_int_equal(st.code, CM_PROTOCOL);
		authorization_free(&a);
		memcpy(strstr((char *) buf.data, "pending"), "invalid", 7);
		assert_true(cm_acme_authorization_parse(cm_slice(buf.data, buf.len), "dns-01", &a, &st));
		assert_null(a.challenge_url);
		authorization_free(&a);
	}
	cm_buf_reset(&buf);
	cm_buf_append_str(&buf, "{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.example\"},\"challenges\":[{\"type\":\"dns-01\",\"url\":\"https://ca/c\",\"token\":\"");
	for (i = 0; i < 10240; i++)
		cm_buf_append_byte(&buf, 'a');
	cm_buf_append_str(&buf, "\"}]}");
	assert_false(cm_acme_authorization_parse(cm_slice(buf.data, buf.len), "dns-01", &a, &st));
	authorization_free(&a);
	cm_buf_free(&buf);

	assert_false(cm_acme_authorization_parse(body("{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":\"a b\"}}"), "dns-01", &a, &st));
	assert_false(cm_acme_authorization_parse(body("{\"status\":\"pending\"}"), "dns-01", &a, &st));
	assert_false(cm_acme_authorization_parse(body("{\"status\":\"pending\",\"identifier\":[\"dns\"]}"), "dns-01", &a, &st));
}

static void
test_problem(void **state)
{
	CmAcmeProblem p;
	CmBuf		buf;
	int			i;

	(void) state;
	/* RFC 8555 6.7.1 */
	assert_true(cm_acme_problem_parse(body("{\"type\":\"urn:ietf:params:acme:error:malformed\",\"detail\":\"Some of the identifiers requested were rejected\","
										   "\"instance\":\"https://ca.example/help\",\"subproblems\":[{\"type\":\"urn:ietf:params:acme:error:malformed\",\"detail\":\"Invalid underscore\","
										   "\"identifier\":{\"type\":\"dns\",\"value\":\"_example.org\"}},{\"type\":\"urn:ietf:params:acme:error:rejectedIdentifier\",\"detail\":\"no\","
										   "\"identifier\":{\"type\":\"dns\",\"value\":\"example.net\"}}]}"), &p));
	assert_string_equal(p.type, "malformed");
	assert_string_equal(p.detail, "malformed: Some of the identifiers requested were rejected (_example.org: malformed: Invalid underscore; example.net: rejectedIdentifier: no)");
	assert_string_equal(p.instance, "https://ca.example/help");
	assert_non_null(strstr(p.json, "\"subproblems\":[{\"type\":"));
	problem_free(&p);

	/* n07: another case, another namespace */
	assert_true(cm_acme_problem_parse(body("{\"type\":\"URN:ACME:ERROR:BADNONCE\"}"), &p));
	assert_string_equal(p.type, "badNonce");
	assert_string_equal(p.detail, "badNonce");
	problem_free(&p);
	assert_true(cm_acme_problem_parse(body("{\"type\":\"about:blank\",\"title\":\"Not\\nfound \\u00e4\\u001b[31m\",\"instance\":\"javascript:x\"}"), &p));
	assert_string_equal(p.type, "");
	assert_string_equal(p.detail, "Not found ? [31m");
	assert_null(p.instance);
	assert_string_equal(p.json, "{\"type\":\"about:blank\",\"title\":\"Not\\u000afound ?\\u001b[31m\",\"instance\":\"javascript:x\"}");
	problem_free(&p);
	assert_true(cm_acme_problem_parse(body("{\"detail\":\"only this\",\"subproblems\":[1,\"x\",{}]}"), &p));
	assert_string_equal(p.type, "");
	problem_free(&p);

	/* what no numeric can hold */
	assert_true(cm_acme_problem_parse(body("{\"type\":\"x\",\"status\":403,\"a\":-1.5,\"b\":[1e999999,1E-999999],\"c\":123456789012345678901234567890}"), &p));
	assert_non_null(strstr(p.json, "\"status\":403,\"a\":-1.5,\"b\":[\"1e999999\",\"1E-999999\"],\"c\":\"123456789012345678901234567890\""));
	problem_free(&p);

	assert_false(cm_acme_problem_parse(body("{\"status\":\"valid\"}"), &p));
	assert_false(cm_acme_problem_parse(body("{\"type\":7}"), &p));
	assert_false(cm_acme_problem_parse(body("[\"type\"]"), &p));
	assert_false(cm_acme_problem_parse(body("<html>type</html>"), &p));
	assert_false(cm_acme_problem_parse(body(""), &p));

	/* as long as it likes */
	cm_buf_init(&buf, 0);
	cm_buf_append_str(&buf, "{\"type\":\"");
	for (i = 0; i < 200; i++)
		cm_buf_append_byte(&buf, 't');
	cm_buf_append_str(&buf, "\",\"detail\":\"");
	for (i = 0; i < 20000; i++)
		cm_buf_append_byte(&buf, 'd');
	cm_buf_append_str(&buf, "\"}");
	assert_true(cm_acme_problem_parse(cm_slice(buf.data, buf.len), &p));
	assert_int_equal(strlen(p.type), 63);
	assert_int_equal(strlen(p.detail), 1024);
	assert_string_equal(p.detail + 1021, "...");
	assert_null(p.json);
	problem_free(&p);
	cm_buf_free(&buf);
}

static void
test_der_payloads(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	CmBuf		out;
	uint8_t	   *big = calloc(1, 30000);

	(void) state;
	cm_buf_init(&out, 0);
	assert_true(cm_acme_finalize_payload(cm_slice("\x30\xff\xfe", 3), &out, &st));
	assert_string_equal(cm_buf_cstr(&out), "{\"csr\":\"MP_-\"}");
	cm_buf_reset(&out);
	assert_true(cm_acme_revoke_payload(cm_slice("\x30\xff\xfe", 3), 4, &out, &st));
	assert_string_equal(cm_buf_cstr(&out), "{\"certificate\":\"MP_-\",\"reason\":4}");
	cm_buf_reset(&out);
	assert_true(cm_acme_revoke_payload(cm_slice("\x30\xff\xfe", 3), 0, &out, &st));
	assert_string_equal(cm_buf_cstr(&out), "{\"certificate\":\"MP_-\"}");
	assert_false(cm_acme_revoke_payload(cm_slice("\x30", 1), 7, &out, &st));
	assert_false(cm_acme_revoke_payload(cm_slice("\x30", 1), -1, &out, &st));
	assert_false(cm_acme_revoke_payload(cm_slice("\x30", 1), 11, &out, &st));
	assert_false(cm_acme_finalize_payload(cm_slice(NULL, 0), &out, &st));
	assert_false(cm_acme_finalize_payload(cm_slice(big, 30000), &out, &st));
	assert_int_equal(st.code, CM_LIMIT);
	cm_buf_free(&out);
	free(big);
}

/* Every prefix of a good answer, and every byte of it replaced, is refused or understood, never more. */
static void
test_hostile(void **state)
{
	static const char others[] = "\"\\[]{},:u0 \x80\xff\x01";
	const char *texts[] = {order_text, authorization_text};
	CmStatus	st;
	int			t;

	(void) state;
	for (t = 0; t < 2; t++)
	{
		size_t		len = strlen(texts[t]);
		size_t		i;
		size_t		j;

		for (i = 0; i < len * 2; i++)
		{
			for (j = 0; j < (i < len ? 1 : sizeof(others)); j++)
			{
				size_t		n = i < len ? i : len;
				uint8_t    *copy = malloc(n > 0 ? n : 1);
				CmAcmeOrder order;
				CmAcmeAuthorization authorization;
				CmAcmeProblem problem;
				bool		ok;

				memcpy(copy, texts[t], n);
				if (i >= len)
					copy[i - len] = (uint8_t) others[j];
				ok = cm_acme_order_parse(cm_slice(copy, n), &order, &st);
				assert_false(ok && i < len);
				order_free(&order);
				ok = cm_acme_authorization_parse(cm_slice(copy, n), "dns-01", &authorization, &st);
				assert_false(ok && i < len);
				authorization_free(&authorization);
				if (cm_acme_problem_parse(cm_slice(copy, n), &problem))
					problem_free(&problem);
				free(copy);
			}
		}
	}
}

static void
test_nonces(void **state)
{
	CmNoncePool pool = {0};
	CmNonce		nonce;
	char		name[CM_NONCE_SIZE + 1];
	int			i;

	(void) state;
	assert_false(cm_nonce_take(&pool, 0, &nonce));
	assert_false(cm_nonce_put(&pool, "", 0));
	assert_false(cm_nonce_put(&pool, "a b", 0));
	assert_false(cm_nonce_put(&pool, "a=", 0));
	memset(name, 'a', CM_NONCE_SIZE);
	name[CM_NONCE_SIZE] = '\0';
	assert_false(cm_nonce_put(&pool, name, 0));
	for (i = 0; i < CM_NONCE_POOL + 2; i++)
	{
		snprintf(name, sizeof(name), "n%d", i);
		assert_true(cm_nonce_put(&pool, name, i));
		assert_false(cm_nonce_put(&pool, name, i));
	}
	assert_int_equal(pool.count, CM_NONCE_POOL);
	assert_true(cm_nonce_take(&pool, CM_NONCE_POOL + 2, &nonce));
	assert_string_equal(nonce.value, "n257");
	cm_nonce_drop_until(&pool, CM_NONCE_POOL - 2);
	assert_int_equal(pool.count, 2);
	assert_true(cm_nonce_take(&pool, CM_NONCE_LIFETIME_MS + CM_NONCE_POOL - 1, &nonce));
	assert_string_equal(nonce.value, "n256");
	assert_false(cm_nonce_take(&pool, CM_NONCE_LIFETIME_MS + CM_NONCE_POOL - 1, &nonce));
	assert_int_equal(pool.count, 0);
}

static void
account_updates(void **state)
{
	static const char *const contacts[] = {"a@example.com", "mailto:b@example.com"};
	static const char *const bad[] = {"a b"};
	CmStatus	st = CM_STATUS_INIT;
	CmBuf		out;

	(void) state;
	cm_buf_init(&out, 0);
	assert_true(cm_acme_account_update_payload(contacts, 2, true, &out, &st));
	assert_string_equal(cm_buf_cstr(&out), "{\"contact\":[\"mailto:a@example.com\",\"mailto:b@example.com\"],\"termsOfServiceAgreed\":true}");
	cm_buf_reset(&out);
	assert_true(cm_acme_account_update_payload(NULL, 0, false, &out, &st));
	assert_string_equal(cm_buf_cstr(&out), "{\"contact\":[]}");
	assert_false(cm_acme_account_update_payload(bad, 1, false, &out, &st));
	assert_false(cm_acme_account_update_payload(contacts, 17, false, &out, &st));
	cm_buf_free(&out);
}

static void
eab_answers(void **state)
{
	static const char *const bad[] = {
		"", "[]", "{}", "{\"eab_kid\":\"x\"}", "{\"eab_kid\":\"\",\"eab_hmac_key\":\"c2VjcmV0\"}", "{\"eab_kid\":\"x\",\"eab_hmac_key\":\"!\"}",
		"{\"eab_kid\":\"x\",\"eab_hmac_key\":\"\"}", "{\"eab_kid\":1,\"eab_hmac_key\":2}",
		"{\"success\":false,\"error\":{\"code\":2900,\"type\":\"invalid_email\"}}"
	};
	CmStatus	st = CM_STATUS_INIT;
	CmBuf		mac_key;
	char	   *kid = NULL;

	(void) state;
	cm_buf_init_secret(&mac_key, 0);
	assert_true(cm_acme_eab_parse(body("{\"success\":true,\"eab_kid\":\"kid-7\",\"eab_hmac_key\":\"c2VjcmV0-_8\"}"), &kid, &mac_key, &st));
	assert_string_equal(kid, "kid-7");
	assert_string_equal(cm_buf_cstr(&mac_key), "c2VjcmV0-_8");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		cm_buf_reset(&mac_key);
		st.code = CM_OK;
		if (cm_acme_eab_parse(body(bad[i]), &kid, &mac_key, &st))
			fail_msg("taken: %s", bad[i]);
		assert_true(st.code != CM_OK);
	}
	assert_non_null(strstr(st.detail, "invalid_email"));
	cm_buf_free(&mac_key);
}

/* RFC 8555 7.3.5: the inner JWS is of the new key, has its JWK, the same URL and no nonce. */
static void
key_changes(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	CmKey	   *key = NULL;
	CmKey	   *new_key = NULL;
	CmBuf		out;
	CmBuf		plain;
	CmBuf		jwk;
	CmJson	   *jws;
	CmJson	   *part;
	const char *text;

	(void) state;
	assert_true(cm_key_generate(CM_KEY_EC_P256, &key, &st) && cm_key_generate(CM_KEY_EC_P384, &new_key, &st));
	cm_buf_init(&out, 0);
	cm_buf_init(&plain, 0);
	cm_buf_init(&jwk, 0);
	assert_true(cm_acme_key_change("https://ca.example/acct/1", key, new_key, "https://ca.example/key-change", &out, &st));
	jws = cm_json_parse(cm_slice(out.data, out.len), 65536, &st);
	text = cm_json_get_string(jws, "protected");
	assert_true(cm_base64_decode(&plain, text, strlen(text)));
	part = cm_json_parse(cm_slice(plain.data, plain.len), 65536, &st);
	assert_string_equal(cm_json_get_string(part, "alg"), "ES384");
	assert_string_equal(cm_json_get_string(part, "url"), "https://ca.example/key-change");
	assert_null(cm_json_get(part, "nonce"));
	assert_null(cm_json_get(part, "kid"));
	assert_string_equal(cm_json_get_string(cm_json_get(part, "jwk"), "crv"), "P-384");
	cm_json_free(part);
	cm_buf_reset(&plain);
	text = cm_json_get_string(jws, "payload");
	assert_true(cm_base64_decode(&plain, text, strlen(text)));
	assert_true(cm_jwk(key, &jwk, &st));
	assert_non_null(strstr(cm_buf_cstr(&plain), cm_buf_cstr(&jwk)));
	assert_non_null(strstr(cm_buf_cstr(&plain), "\"account\":\"https://ca.example/acct/1\""));
	cm_json_free(jws);
	cm_buf_free(&out);
	cm_buf_free(&plain);
	cm_buf_free(&jwk);
	cm_key_free(key);
	cm_key_free(new_key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dns01_value),
		cmocka_unit_test(test_account_label),
		cmocka_unit_test(test_other_challenges),
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_account),
		cmocka_unit_test(test_eab),
		cmocka_unit_test(test_directory),
		cmocka_unit_test(test_new_order_payload),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_authorization),
		cmocka_unit_test(test_problem),
		cmocka_unit_test(test_subproblems),
		cmocka_unit_test(test_der_payloads),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_nonces),
		cmocka_unit_test(account_updates),
		cmocka_unit_test(eab_answers),
		cmocka_unit_test(key_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
