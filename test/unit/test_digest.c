/*
 * test_digest.c - hashes and HMAC by their standards, random bytes, error texts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/encode.h"
#include "crypto/digest.h"

static CmSlice
text(const char *s)
{
	return cm_slice(s, strlen(s));
}

static void
assert_hex(const uint8_t *bytes, size_t len, const char *hex)
{
	CmBuf		buf;

	cm_buf_init(&buf, 0);
	assert_true(cm_hex_encode(&buf, bytes, len));
	assert_string_equal(cm_buf_cstr(&buf), hex);
	cm_buf_free(&buf);
}

static void
hashes(void **state)
{
	uint8_t		out[CM_DIGEST_MAX];
	size_t		len;

	(void) state;
	/* FIPS 180-4 examples */
	assert_true(cm_sha256(text("abc"), out));
	assert_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_true(cm_sha256(cm_slice(NULL, 0), out));
	assert_hex(out, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_true(cm_sha1(text("abc"), out));
	assert_hex(out, 20, "a9993e364706816aba3e25717850c26c9cd0d89d");
	assert_true(cm_digest(CM_DIGEST_SHA384, text("abc"), out, &len));
	assert_int_equal(len, 48);
	assert_hex(out, 48, "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
			   "8086072ba1e7cc2358baeca134c825a7");
	assert_true(cm_digest(CM_DIGEST_SHA512, text("abc"), out, &len));
	assert_int_equal(len, 64);
	assert_hex(out, 64, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
			   "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
	/* The kept context starts anew. */
	assert_true(cm_sha256(text("abc"), out));
	assert_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void
macs(void **state)
{
	uint8_t		key[131];
	uint8_t		out[32];

	(void) state;
	/* RFC 4231 4.2, 4.3, 4.7 */
	memset(key, 0x0b, 20);
	assert_true(cm_hmac_sha256(cm_slice(key, 20), text("Hi There"), out));
	assert_hex(out, 32, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	assert_true(cm_hmac_sha256(text("Jefe"), text("what do ya want for nothing?"), out));
	assert_hex(out, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key));
	assert_true(cm_hmac_sha256(cm_slice(key, sizeof(key)), text("Test Using Larger Than Block-Size Key - Hash Key First"), out));
	assert_hex(out, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	assert_true(cm_hmac_sha256(cm_slice(NULL, 0), cm_slice(NULL, 0), out));
	assert_hex(out, 32, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void
random_differs_after_fork(void **state)
{
	uint8_t		mine[32];
	uint8_t		theirs[32] = {0};
	int			fds[2];
	int			rc;
	pid_t		pid;

	(void) state;
	assert_true(cm_random(mine, 0));
	assert_true(cm_random(mine, sizeof(mine)));
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
	{
		uint8_t		child[32];
		bool		ok = cm_random(child, sizeof(child)) && write(fds[1], child, 32) == 32;

		_exit(ok ? 0 : 1);
	}
	assert_true(cm_random(mine, sizeof(mine)));
	assert_int_equal(read(fds[0], theirs, sizeof(theirs)), 32);
	assert_int_equal(waitpid(pid, &rc, 0), pid);
	assert_int_equal(rc, 0);
	assert_memory_not_equal(mine, theirs, 32);
	close(fds[0]);
	close(fds[1]);
}

static void
errors_are_drained(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	int			i;

	(void) state;
	ERR_clear_error();
	assert_false(cm_fail_crypto(&st, "could not do it"));
	assert_int_equal(st.code, CM_CRYPTO);
	assert_string_equal(st.reason, "could not do it");
	assert_string_equal(st.detail, "");
	for (i = 0; i < 12; i++)
		ERR_raise_data(ERR_LIB_EVP, EVP_R_INVALID_DIGEST, "data \n %0200d", i);
	assert_false(cm_fail_crypto(&st, "could not do it"));
	assert_non_null(strstr(st.detail, "invalid digest"));
	assert_null(strchr(st.detail, '\n'));
	assert_int_equal(ERR_peek_error(), 0);
	ERR_raise(ERR_LIB_EVP, EVP_R_INVALID_DIGEST);
	assert_false(cm_fail_crypto(NULL, "x"));
	assert_int_equal(ERR_peek_error(), 0);
	ERR_raise(ERR_LIB_EVP, ERR_R_MALLOC_FAILURE);
	assert_false(cm_fail_crypto(&st, "x"));
	assert_int_equal(st.code, CM_MEMORY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes),
		cmocka_unit_test(macs),
		cmocka_unit_test(random_differs_after_fork),
		cmocka_unit_test(errors_are_drained)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
