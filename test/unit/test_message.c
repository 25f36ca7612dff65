/*
 * test_message.c - the words of errors that other tests provoke by their code alone, and of those that no other test provokes:
 * keys, addresses, DNS, HTTP, ACME, certificates.
 */
#include "x509_fixture.h"

#include "acme/internal.h"
#include "acme/messages.h"
#include "crypto/jws.h"
#include "crypto/pkcs.h"
#include "crypto/seal.h"
#include "crypto/ssh.h"
#include "crypto/weak_list.h"
#include "net/address.h"
#include "net/http.h"
#include "net/internal.h"
#include "net/listen.h"
#include "net/xml.h"
#include "pg/json.h"
#include "x509/constraint.h"
#include "x509/chain.h"
#include "x509/crl.h"
#include "x509/csr.h"

/* The call fails, and says exactly this. */
#define assert_says(call, st, text) \
	do { \
		*(st) = (CmStatus) CM_STATUS_INIT; \
		if (call) \
			fail_msg("taken: %s", #call); \
		assert_string_equal((st)->reason, text); \
	} while (0)

static Entity root;
static Entity leaf;

static int
set_up(void **state)
{
	(void) state;
	make_ca(&root, CM_KEY_EC_P256, "CN=Root", NULL);
	make_leaf(&leaf, CM_KEY_ED25519, "CN=Leaf", "leaf.example.com", &root);
	return 0;
}

static int
tear_down(void **state)
{
	(void) state;
	entity_free(&leaf);
	entity_free(&root);
	return 0;
}

static CmSlice
text_of(const char *text)
{
	return cm_slice(text, strlen(text));
}

static void
spki_says(const char *hex, const char *text)
{
	CmStatus	st;
	CmBuf		bytes;
	CmKeyAlg	alg;

	cm_buf_init(&bytes, 0);
	assert_true(cm_hex_decode(&bytes, hex, strlen(hex)));
	assert_says(cm_key_spki_alg(of(&bytes), &alg, &st), &st, text);
	cm_buf_free(&bytes);
}

/* An RSA key of so many bits that ends with this byte. */
static void
rsa_says(size_t bits, uint8_t last, const char *exponent, size_t exponent_len, const char *text)
{
	uint8_t		modulus[1024];
	size_t		len = (bits + 7) / 8;
	size_t		marks[2];
	CmStatus	st;
	CmBuf		numbers;
	CmBuf		spki;
	CmKeyAlg	alg;

	memset(modulus, 0x5b, sizeof(modulus));
	modulus[0] = (uint8_t) (1 << ((bits - 1) % 8));
	modulus[len - 1] = last;
	cm_buf_init(&numbers, 0);
	cm_buf_init(&spki, 0);
	marks[0] = cm_der_open(&numbers, CM_DER_SEQUENCE);
	cm_der_put_unsigned(&numbers, modulus, len);
	cm_der_put_unsigned(&numbers, (const uint8_t *) exponent, exponent_len);
	cm_der_close(&numbers, marks[0]);
	marks[0] = cm_der_open(&spki, CM_DER_SEQUENCE);
	marks[1] = cm_der_open(&spki, CM_DER_SEQUENCE);
	cm_der_put_oid(&spki, "1.2.840.113549.1.1.1");
	cm_der_put(&spki, CM_DER_NULL, "", 0);
	cm_der_close(&spki, marks[1]);
	cm_der_put_bit_string(&spki, numbers.data, numbers.len);
	cm_der_close(&spki, marks[0]);
	assert_says(cm_key_spki_alg(of(&spki), &alg, &st), &st, text);
	cm_buf_free(&numbers);
	cm_buf_free(&spki);
}

static void
public_keys(void **state)
{
	char		long_exponent[33];

	(void) state;
	memset(long_exponent, 1, sizeof(long_exponent));
	spki_says("301a301306072a8648ce3d020106082a8648ce3d0301070303000400", "public key is not a point of EC-P256");
	spki_says("300c300506032b65700303000102", "public key is not of the size of Ed25519");
	spki_says("3010300906072a8648ce3d02010303000400", "public key has parameters that are not allowed");
	spki_says("3014300d06092a864886f70d01010105000303000500", "RSA public key is not valid");
	rsa_says(1024, 1, "\1\0\1", 3, "RSA key of 1024 bits is too short, at least 2048 are needed");
	rsa_says(2048, 2, "\1\0\1", 3, "RSA modulus is even");
	rsa_says(2048, 1, "\1\0\2", 3, "RSA public exponent is even");
	rsa_says(2048, 1, "\3", 1, "RSA public exponent is smaller than 65537");
	rsa_says(2048, 1, long_exponent, 33, "RSA public exponent is too large");
}

/* PKCS #8 of this content. */
static void
pkcs8_says(const char *hex, const char *text)
{
	CmStatus	st;
	CmBuf		der;
	CmBuf		pem;
	CmKey	   *key = NULL;

	cm_buf_init_secret(&der, 0);
	cm_buf_init_secret(&pem, 0);
	assert_true(cm_hex_decode(&der, hex, strlen(hex)));
	cm_buf_append_str(&pem, "-----BEGIN PRIVATE KEY-----\n");
	assert_true(cm_base64_encode(&pem, der.data, der.len));
	cm_buf_append_str(&pem, "\n-----END PRIVATE KEY-----\n");
	assert_says(cm_key_from_pem(of(&pem), &key, &st), &st, text);
	cm_buf_free(&der);
	cm_buf_free(&pem);
}

#define SCALAR "0420" "0101010101010101010101010101010101010101010101010101010101010101"

static void
private_key_files(void **state)
{
	(void) state;
	/* P-256 outside, P-384 inside; no curve */
	pkcs8_says("304a020100" "301306072a8648ce3d020106082a8648ce3d030107" "0430" "302e020101" SCALAR "a007" "06052b81040022" , "private key names another curve inside than outside");
	pkcs8_says("3012020100" "300906072a8648ce3d0201" "0402" "3000", "private key has parameters that are not allowed");
}

/* X25519 (RFC 7748): it agrees on keys and signs nothing. */
#define X25519 "302a300506032b656e032100" "0909090909090909090909090909090909090909090909090909090909090909"

static void
keys_that_do_not_sign(void **state)
{
	static const uint8_t ed25519[] = {0x06, 0x03, 0x2b, 0x65, 0x70};
	static const uint8_t none[] = {0};
	uint8_t		entries[CM_WEAK_LIST_ENTRY];
	size_t		marks[2];
	size_t		count;
	CmStatus	st;
	CmBuf		spki;
	CmBuf		out;
	CmCertificate cert = leaf.cert;
	CmCsr		csr;
	CmKey	   *key;

	(void) state;
	cm_buf_init(&spki, 0);
	cm_buf_init(&out, 0);
	assert_true(cm_hex_decode(&spki, X25519, strlen(X25519)));
	assert_good(cm_key_from_spki(of(&spki), &key, &st), &st);
	assert_says(cm_sshfp(key, &out, &st), &st, "public key is of another sort");
	assert_says(cm_csr_build(key, of(&leaf.name), cm_slice(NULL, 0), false, -1, &out, &st), &st, "key of this kind cannot sign a certificate request");
	cm_key_free(key);

	marks[0] = cm_der_open(&out, CM_DER_SEQUENCE);
	marks[1] = cm_der_open(&out, CM_DER_SEQUENCE);
	cm_der_put_uint(&out, 0);
	cm_buf_append(&out, leaf.name.data, leaf.name.len);
	cm_buf_append(&out, spki.data, spki.len);
	cm_der_close(&out, marks[1]);
	cm_der_put(&out, CM_DER_SEQUENCE, ed25519, sizeof(ed25519));
	cm_der_put_bit_string(&out, none, sizeof(none));
	cm_der_close(&out, marks[0]);
	assert_says(cm_csr_parse(of(&out), &csr, &st), &st, "public key of the certificate request is not supported");

	cert.signature_alg = cm_sign_algorithm(CM_KEY_ED25519);
	assert_says(cm_certificate_issued_by(&cert, &root.cert, &st), &st, "signature of the certificate does not go with the key of its issuer");
	assert_says(cm_weak_list_read("xyz", 3, entries, &count, &st), &st, "list of weak keys is not valid");
	cm_buf_free(&spki);
	cm_buf_free(&out);
}

static void
private_keys(void **state)
{
	uint8_t    *large = calloc(1, 1024 * 1024);
	CmStatus	st;
	CmBuf		out;
	CmKey	   *key;

	(void) state;
	assert_non_null(large);
	cm_buf_init_secret(&out, 0);
	assert_says(cm_key_from_private(CM_KEY_EC_P256, text_of("abc"), of(&root.spki), &key, &st), &st, "private key is not of the size of EC-P256");
	assert_says(cm_key_from_private(CM_KEY_ED25519, text_of("abc"), of(&leaf.spki), &key, &st), &st, "private key is not of the size of Ed25519");
	assert_says(cm_key_from_private(CM_KEY_RSA_2048, text_of("abc"), of(&root.spki), &key, &st), &st, "private key is not a PKCS#1 RSA key");
	assert_says(cm_key_from_private(CM_KEY_RSA_2048, cm_slice(large, 1024 * 1024), of(&root.spki), &key, &st), &st, "private key is too large");
	assert_says(cm_key_set_sign_alg(root.key, CM_SIGN_RSA_SHA256, &st), &st, "signature algorithm does not go with a key of algorithm \"EC-P256\"");
	assert_says(cm_verify_with(root.key, CM_SIGN_RSA_SHA256, text_of("m"), text_of("s"), &st), &st, "signatures of this sort of key cannot be verified");
	assert_says(cm_jws_eab(root.key, "MD5", "kid", text_of("key"), "https://ca.example/", &out, &st), &st,
				"external account binding knows HS256, HS384 and HS512 only");
	assert_says(cm_jws_eab(root.key, NULL, "kid", cm_slice(NULL, 0), "https://ca.example/", &out, &st), &st, "MAC key of the external account is empty");
	assert_says(cm_pkcs12_build(root.key, text_of("x"), NULL, "password", CM_PKCS12_MODERN, &out, &st), &st, "list of certificates is not valid");
	cm_buf_free(&out);
	free(large);
}

static void
sealed_secrets(void **state)
{
	static const CmSealPlace place = {"t", 1, "c", "secret", {NULL, 0}};
	uint8_t		kek[CM_KEK_SIZE];
	CmStatus	st;
	CmBuf		sealed;
	CmBuf		plain;

	(void) state;
	memset(kek, 7, sizeof(kek));
	cm_buf_init(&sealed, 0);
	cm_buf_init_secret(&plain, 0);
	assert_true(cm_kek_set(kek, &st));
	assert_true(cm_seal(text_of("secret"), &place, &sealed, &st));
	sealed.data[0] = 9;
	assert_says(cm_unseal(of(&sealed), &place, &plain, &st), &st, "sealed secret has version 9, this server knows 1");
	cm_kek_clear();
	cm_buf_free(&sealed);
	cm_buf_free(&plain);
}

static void
addresses(void **state)
{
	CmListenAddress out[CM_LISTEN_MAX];
	CmNetwork	network;
	CmStatus	st;
	int			count;

	(void) state;
	assert_says(cm_network_parse("a.example", &network, &st), &st, "\"a.example\" is not a network");
	assert_says(cm_network_parse("10.0.0.1/8", &network, &st), &st, "\"10.0.0.1/8\" has bits set to the right of its prefix");
	assert_says(cm_listen_parse("localhost:80", out, &count, &st), &st, "\"localhost:80\" is not an address to listen at");
	assert_says(cm_listen_parse("*:1,*:2,*:3,*:4,*:5", out, &count, &st), &st, "there are more than 8 addresses to listen at");
	assert_says(cm_listen_parse("[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:80", out, &count, &st), &st,
				"an address to listen at is too long");
}

static void
dns_messages(void **state)
{
	static const CmDnsUpdate update = {"a.example.com", "v", false};
	static const CmTsig tsig = {"key.example.com", NULL, ""};
	CmDnsAnswer answer = {0};
	CmTsigKey	key;
	CmStatus	st;
	CmBuf		out;
	CmBuf		small;

	(void) state;
	cm_buf_init(&out, 0);
	cm_buf_init(&small, 16);
	assert_says(cm_dns_build_update(&out, 1, "example.com", &update, 0, 60, &st), &st, "a DNS update has 1 to 65535 records");
	assert_says(cm_dns_build_update(&out, 1, "example.com", &update, 1, -1, &st), &st, "a TTL is not negative");
	assert_says(cm_dns_build_update(&small, 1, "example.com", &update, 1, 60, &st), &st, "the DNS message is too large");
	assert_says(cm_dns_parse(text_of("abc"), "example.com", 16, &answer, &st), &st, "the DNS answer is malformed");
	assert_says(cm_tsig_key_load(&tsig, &key, &st), &st, "the secret of TSIG key \"key.example.com\" is missing");
	cm_buf_free(&out);
	cm_buf_free(&small);
}

static void
never(CmHttpResponse *response, void *arg)
{
	(void) response;
	(void) arg;
	fail_msg("done is called for a request that did not start");
}

static void
http_requests(void **state)
{
	static const CmLoopHooks hooks = {NULL, NULL, NULL};
	static const char *const headers[] = {"no header", NULL};
	CmLoop	   *loop;
	CmHttpRequest request = {0};
	CmStatus	st;
	CmBuf		large;

	(void) state;
	loop = cm_loop_create(&hooks, &st);
	assert_non_null(loop);
	request.method = "get";
	request.url = "https://127.0.0.1/";
	assert_says(cm_http_start(loop, &request, never, NULL, &st), &st, "HTTP method is not one");
	request.method = "GET";
	request.url = "https:///";
	assert_says(cm_http_start(loop, &request, never, NULL, &st), &st, "this is not a URL of a web server");
	request.url = "https://127.0.0.1/";
	request.headers = headers;
	assert_says(cm_http_start(loop, &request, never, NULL, &st), &st, "an HTTP header is not one line of name and value");
	cm_loop_destroy(loop);

	cm_buf_init(&large, 0);
	while (large.len <= 1024 * 1024)
		cm_buf_append_str(&large, "                                                                ");
	assert_says(cm_xml_parse(of(&large), &st), &st, "an XML answer is larger than 1048576 bytes");
	assert_says(cm_xml_parse(text_of("x"), &st), &st, "an answer is not XML: syntax error");
	cm_buf_free(&large);
}

static void
json_texts(void **state)
{
	CmStatus	st;
	CmBuf		many;

	(void) state;
	assert_says(cm_json_parse(text_of("{"), 1000, &st), &st, "text is not valid JSON");
	assert_says(cm_json_parse(text_of("\"\\udc00\""), 1000, &st), &st, "JSON text contains an invalid escape sequence");
	cm_buf_init(&many, 0);
	cm_buf_append_byte(&many, '[');
	for (int i = 0; i < 262200; i++)
		cm_buf_append_str(&many, "1,");
	cm_buf_append_str(&many, "1]");
	assert_says(cm_json_parse(of(&many), many.len, &st), &st, "JSON text has more than 262144 values");
	cm_buf_free(&many);
}

static void
acme_requests(void **state)
{
	static const CmAcmeIdentifier none = {NULL, NULL};
	static const CmAcmeIdentifier mail = {"email", "a@example.com"};
	static const CmAcmeIdentifier address = {"ip", "a.example.com"};
	static const CmAcmeIdentifier name = {"dns", "a.example.com"};
	static const CmAcmeOrderWish empty = {.profile = ""};
	static const CmAcmeOrderWish wrong = {.profile = "\xff"};
	static const CmAcmeOrderWish nothing = {NULL};
	const char *contacts[] = {""};
	uint8_t		bytes[65] = {1};
	CmStatus	st;
	CmBuf		out;

	(void) state;
	cm_buf_init(&out, 0);
	assert_says(cm_acme_new_order_payload(&name, 0, &nothing, &out, &st), &st, "an order has 1 to 100 identifiers");
	assert_says(cm_acme_new_order_payload(&none, 1, &nothing, &out, &st), &st, "an identifier needs type and value");
	assert_says(cm_acme_new_order_payload(&mail, 1, &nothing, &out, &st), &st, "identifiers are of type \"dns\" or \"ip\"");
	assert_says(cm_acme_new_order_payload(&address, 1, &nothing, &out, &st), &st, "an identifier of type \"ip\" is not an address");
	assert_says(cm_acme_new_order_payload(&name, 1, &empty, &out, &st), &st, "\"profile\" of an order must have 1 to 128 characters");
	assert_says(cm_acme_new_order_payload(&name, 1, &wrong, &out, &st), &st, "\"profile\" of an order is not valid UTF-8");
	assert_says(cm_acme_new_account_payload(contacts, 1, true, false, &out, &st), &st, "a contact must have 1 to 512 characters");
	contacts[0] = "a b@example.com";
	assert_says(cm_acme_new_account_payload(contacts, 1, true, false, &out, &st), &st, "a contact contains white space or control characters");
	contacts[0] = "\xff@example.com";
	assert_says(cm_acme_new_account_payload(contacts, 1, true, false, &out, &st), &st, "a contact is not valid UTF-8");
	assert_says(cm_acme_key_authorization(root.key, "short", &out, &st), &st, "the token of a challenge must be 22 to 128 characters of base64url");
	assert_says(cm_acme_certificate_id(cm_slice(NULL, 0), text_of("1"), &out, &st), &st, "the certificate has no authorityKeyIdentifier");
	assert_says(cm_acme_certificate_id(cm_slice(bytes, sizeof(bytes)), text_of("1"), &out, &st), &st,
				"serial number or authorityKeyIdentifier of the certificate is too long");
	cm_buf_free(&out);
}

static void
order_says(const char *body, const char *text)
{
	CmAcmeOrder order;
	CmStatus	st;

	assert_says(cm_acme_order_parse(text_of(body), &order, &st), &st, text);
	for (int i = 0; i < order.authorization_count; i++)
		free(order.authorizations[i]);
	free(order.finalize);
	free(order.certificate);
}

static void
authorization_says(const char *challenges, const char *text)
{
	CmAcmeAuthorization a;
	CmStatus	st;
	char		body[600];

	snprintf(body, sizeof(body), "{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.example.com\"},\"challenges\":%s}", challenges);
	assert_says(cm_acme_authorization_parse(text_of(body), "dns-01", &a, &st), &st, text);
	free(a.identifier_type);
	free(a.identifier);
	free(a.challenge_url);
	free(a.token);
}

static void
acme_answers(void **state)
{
	CmAcmeAuthorization a;
	CmAcmeDirectory directory;
	CmAcmeRenewalInfo info;
	CmStatus	st;
	CmBuf		mac_key;
	char	   *kid = NULL;

	(void) state;
	order_says("{}", "\"status\" is missing in the server's answer");
	order_says("{\"status\":\"ready\",\"finalize\":\"x\"}", "\"finalize\" in the server's answer is not an absolute URL");
	order_says("{\"status\":\"ready\",\"authorizations\":{}}", "\"authorizations\" of the order is not a list of at most 100 URLs");
	order_says("{\"status\":\"ready\",\"authorizations\":[7]}", "an authorization of the order is not an absolute URL");
	assert_says(cm_acme_authorization_parse(text_of("{\"status\":\"pending\"}"), "dns-01", &a, &st), &st, "the authorization has no usable identifier");
	authorization_says("{}", "\"challenges\" of the authorization is not a list of at most 32");
	authorization_says("[{\"type\":\"dns-01\",\"status\":\"pending\",\"token\":\"DGyRejmCefe7v4NfDGDKfA\"}]", "the dns-01 challenge has no \"url\"");
	authorization_says("[{\"type\":\"dns-01\",\"status\":\"pending\",\"url\":\"https://ca.example/1\"}]", "the dns-01 challenge has no usable \"token\"");
	assert_says(cm_acme_directory_parse(text_of("{}"), false, &directory, &st), &st, "the ACME server's directory has no usable \"newNonce\"");
	cm_acme_directory_free(&directory);
	assert_says(cm_acme_renewal_info_parse(text_of("{}"), &info, &st), &st, "the renewal information has no usable \"suggestedWindow\"");
	cm_buf_init_secret(&mac_key, 0);
	assert_says(cm_acme_eab_parse(text_of("{\"success\":false}"), &kid, &mac_key, &st), &st, "the CA did not give a key for external account binding");
	cm_buf_free(&mac_key);
}

static void
reply_says(int code, const char *body, const char *text)
{
	CmHttpResponse response = {.code = code};
	CmAcmeReply reply;

	cm_buf_append_str(&response.headers, "Content-Type: application/problem+json\r\n");
	cm_buf_append_str(&response.body, body);
	cm_acme_reply_init(&reply, "https://ca.example/x");
	cm_acme_reply_judge(&response, "https://ca.example/x", false, &reply);
	assert_string_equal(reply.status.reason, text);
	cm_buf_free(&response.headers);
	cm_buf_free(&response.body);
}

static void
acme_errors(void **state)
{
	(void) state;
	reply_says(403, "{\"type\":\"urn:ietf:params:acme:error:unauthorized\"}", "the ACME server refused the request: \"unauthorized\"");
	reply_says(403, "{\"detail\":\"no\",\"type\":\"about:blank\",\"status\":403}", "the ACME server refused the request with HTTP status 403");
	reply_says(302, "", "the ACME server redirected the request, which ACME does not know");
	reply_says(500, "{\"type\":\"urn:ietf:params:acme:error:serverInternal\"}", "the ACME server failed with HTTP status 500");
}

static void
not_asked(CmAcmeReply *reply, void *arg)
{
	(void) reply;
	(void) arg;
	fail_msg("done is called for a request that was refused");
}

/* What a session refuses before anything is sent. */
static void
acme_sessions(void **state)
{
	static const CmLoopHooks hooks = {NULL, NULL, NULL};
	CmStatus	st;
	CmLoop	   *loop = cm_loop_create(&hooks, &st);
	CmAcmeSession *session;
	CmAcmeRequest request = {.target = CM_ACME_RENEWAL_INFO};
	char	   *payload = calloc(1, 2 * 1024 * 1024);

	(void) state;
	assert_non_null(loop);
	assert_non_null(payload);
	assert_says(cm_acme_session_create(loop, "directory", NULL, &st) != NULL, &st, "the directory of an ACME server must be an absolute URL");
	session = cm_acme_session_create(loop, "https://127.0.0.1/directory", NULL, &st);
	assert_non_null(session);
	assert_says(cm_acme_post(session, &request, not_asked, NULL, &st), &st, "a request for renewal information needs the certificate's identifier");
	request.target = CM_ACME_URL;
	assert_says(cm_acme_post(session, &request, not_asked, NULL, &st), &st, "an ACME request needs a key");
	request.key = root.key;
	request.url = "http://127.0.0.1/order";
	assert_says(cm_acme_post(session, &request, not_asked, NULL, &st), &st,
				"the URL of an ACME request must be absolute and have the scheme of the server's directory");
	request.url = "https://127.0.0.1/order";
	memset(payload, ' ', 2 * 1024 * 1024 - 1);
	request.payload = payload;
	assert_false(cm_acme_post(session, &request, not_asked, NULL, &st));
	assert_memory_equal(st.reason, "the payload of an ACME request is longer than ", 46);
	request.payload = "{}";
	request.target = CM_ACME_KEY_CHANGE;
	assert_says(cm_acme_post(session, &request, not_asked, NULL, &st), &st, "keyChange needs an account and a new key");
	request.target = CM_ACME_NEW_ORDER;
	request.eab_kid = "kid";
	assert_says(cm_acme_post(session, &request, not_asked, NULL, &st), &st, "external account binding belongs to the payload of newAccount");
	request.target = CM_ACME_NEW_ACCOUNT;
	assert_says(cm_acme_post(session, &request, not_asked, NULL, &st), &st, "external account binding needs a key");
	cm_acme_session_destroy(session);
	cm_loop_destroy(loop);
	free(payload);
}

static void
certificates(void **state)
{
	CmStatus	st;
	CmCertificate cert;
	CmBuf		out;
	CmBuf		run;
	Entity		other;
	CmTbs		tbs;
	size_t		leaf_len;

	(void) state;
	cm_buf_init(&out, 0);
	cm_buf_init(&run, 0);
	assert_true(cm_buf_reserve(&run, 600 * 1024));
	memset(run.data, 0, 600 * 1024);
	assert_says(cm_certificate_parse(cm_slice(run.data, 600 * 1024), &cert, &st), &st, "certificate is larger than 262144 bytes");
	assert_says(cm_tbs_parse(cm_slice(run.data, 600 * 1024), &cert, &st), &st, "certificate is larger than 262144 bytes");
	assert_says(cm_chain_order(cm_slice(run.data, 600 * 1024), of(&leaf.spki), &out, &leaf_len, &st), &st, "certificate chain is larger than 524288 bytes");
	assert_says(cm_chain_order(text_of("x"), of(&leaf.spki), &out, &leaf_len, &st), &st, "certificate chain is not a run of DER certificates");
	for (int i = 0; i < 17; i++)
		cm_buf_append(&run, root.der.data, root.der.len);
	assert_says(cm_chain_order(of(&run), of(&leaf.spki), &out, &leaf_len, &st), &st, "certificate chain has more than 16 certificates");

	assert_says(cm_certificate_issued_by(&leaf.cert, &leaf.cert, &st), &st, "certificate names another issuer");
	make_ca(&other, CM_KEY_EC_P256, "CN=Root", NULL);
	assert_says(cm_certificate_issued_by(&leaf.cert, &other.cert, &st), &st, "certificate names another key of its issuer");
	entity_free(&other);
	cert = root.cert;
	cert.has_key_usage = true;
	cert.key_usage = CM_KU_CRL_SIGN;
	assert_says(cm_certificate_issued_by(&leaf.cert, &cert, &st), &st, "issuer's certificate does not have the key usage \"keyCertSign\"");

	tbs = fixture_tbs(&leaf, &root, false);
	cm_buf_reset(&run);
	assert_good(cm_tbs_build(&tbs, &run, &st), &st);
	assert_says(cm_certificate_sign(leaf.key, of(&run), &out, &st), &st, "certificate names another signature algorithm than the issuer's key has");
	cm_buf_free(&out);
	cm_buf_free(&run);
}

static void
requests_and_names(void **state)
{
	static const size_t large = 4 * 1024 * 1024;
	char	   *text = calloc(1, large);
	CmStatus	st;
	CmBuf		out;
	CmCsr		csr;

	(void) state;
	assert_non_null(text);
	memset(text, 'a', 70000);
	cm_buf_init(&out, 0);
	assert_says(cm_name_parse(text, &out, &st), &st, "subject is too long");
	assert_says(cm_csr_parse(cm_slice(text, large), &csr, &st), &st, "certificate request is too large");
	assert_says(cm_san_check(text_of("x"), NULL, &st), &st, "subject alternative names are not well formed");
	assert_says(cm_san_check(cm_slice(NULL, 0), NULL, &st), &st, "there are no subject alternative names");
	assert_says(cm_san_canonical(text_of("x"), &out, &st), &st, "subject alternative names are not well formed");
	assert_says(cm_san_format(text_of("x"), &out, &st), &st, "not a subject alternative name");
	cm_buf_free(&out);
	free(text);
}

static void
requests_for_too_much(void **state)
{
	CmStatus	st;
	CmBuf		sans;
	CmBuf		der;
	CmCsr		csr;
	char		name[32];

	(void) state;
	cm_buf_init(&sans, 0);
	cm_buf_init(&der, 0);
	for (int i = 0; i <= 1000; i++)
	{
		snprintf(name, sizeof(name), "n%d.example.com", i);
		assert_good(cm_san_parse(name, &sans, &st), &st);
	}
	assert_good(cm_csr_build(root.key, of(&leaf.name), of(&sans), false, -1, &der, &st), &st);
	assert_says(cm_csr_parse(of(&der), &csr, &st), &st, "certificate request asks for too many names");
	cm_buf_free(&sans);
	cm_buf_free(&der);
}

static void
revocations(void **state)
{
	CmCrl		crl = {.issuer = of(&root.name), .authority_key_id = cm_slice(root.key_id, sizeof(root.key_id)), .issuer_alg = CM_KEY_EC_P256,
		.number = 1, .this_update = FIXTURE_START, .next_update = FIXTURE_END};
	CmCrlEntry	entry = {.serial = cm_slice(fixture_serial, sizeof(fixture_serial)), .revoked_at = FIXTURE_START, .has_invalidity = true,
		.invalid_since = INT64_MAX};
	CmCrlBase	base = {0};
	CmStatus	st;

	(void) state;
	assert_says(cm_crl_base_read(&base, text_of("x"), &st), &st, "base of a delta is not a CRL");
	cm_crl_base_free(&base);
	cm_crl_begin(&crl);
	assert_says(cm_crl_add(&crl, entry, &st), &st, "invalidity date lies outside the years 1950 to 9999");
	cm_crl_free(&crl);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(public_keys),
		cmocka_unit_test(private_keys),
		cmocka_unit_test(private_key_files),
		cmocka_unit_test(keys_that_do_not_sign),
		cmocka_unit_test(sealed_secrets),
		cmocka_unit_test(addresses),
		cmocka_unit_test(dns_messages),
		cmocka_unit_test(http_requests),
		cmocka_unit_test(json_texts),
		cmocka_unit_test(acme_requests),
		cmocka_unit_test(acme_answers),
		cmocka_unit_test(acme_errors),
		cmocka_unit_test(acme_sessions),
		cmocka_unit_test(certificates),
		cmocka_unit_test(requests_and_names),
		cmocka_unit_test(requests_for_too_much),
		cmocka_unit_test(revocations),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
