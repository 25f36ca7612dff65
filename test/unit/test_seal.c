/*
 * test_seal.c - sealed secrets open in their place only, and have the format that is written down.
 *
 * The format is checked by a second implementation of RFC 5649 on bare AES,
 * itself checked against the vectors of the RFC.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "base/encode.h"
#include "crypto/digest.h"
#include "crypto/seal.h"

static const uint8_t kek_a[CM_KEK_SIZE] = "0123456789abcdef0123456789abcde";
static const uint8_t kek_b[CM_KEK_SIZE] = "0123456789abcdef0123456789abcdf";
static const char secret[] = "thirty-two bytes of a raw scalar";

static CmSealPlace
usual(void)
{
	CmSealPlace place = {"certmgr_private.key", 42, "sealed", "EC-P256", {(const uint8_t *) "spki", 4}};

	return place;
}

static CmSlice
slice_of(const CmBuf *buf)
{
	return cm_slice(buf->data, buf->len);
}

static CmCode
open_code(CmSlice sealed, CmSealPlace place)
{
	CmStatus	st = CM_STATUS_INIT;
	CmBuf		out;
	bool		ok;

	cm_buf_init_secret(&out, 0);
	ok = cm_unseal(sealed, &place, &out, &st);
	assert_int_equal(ok, st.code == CM_OK);
	if (ok)
	{
		assert_int_equal(out.len, sizeof(secret));
		assert_memory_equal(out.data, secret, sizeof(secret));
	}
	else
		assert_int_equal(out.len, 0);
	cm_buf_free(&out);
	return st.code;
}

static void
make_sealed(CmBuf *sealed)
{
	CmSealPlace place = usual();
	CmStatus	st = CM_STATUS_INIT;

	cm_buf_init(sealed, 0);
	assert_true(cm_kek_set(kek_a, &st));
	assert_true(cm_seal(cm_slice(secret, sizeof(secret)), &place, sealed, &st));
	assert_int_equal(sealed->len, sizeof(secret) + CM_SEAL_OVERHEAD);
}

static void
opens_in_its_place(void **state)
{
	CmBuf		sealed;
	CmSealPlace place;

	(void) state;
	make_sealed(&sealed);
	assert_int_equal(open_code(slice_of(&sealed), usual()), CM_OK);

	place = usual();
	place.row = 43;
	assert_int_equal(open_code(slice_of(&sealed), place), CM_MISMATCH);
	place.row = 42 + (INT64_C(1) << 40);
	assert_int_equal(open_code(slice_of(&sealed), place), CM_MISMATCH);
	place = usual();
	place.column = "sealed2";
	assert_int_equal(open_code(slice_of(&sealed), place), CM_MISMATCH);
	place = usual();
	place.table = "certmgr_private.secret";
	assert_int_equal(open_code(slice_of(&sealed), place), CM_MISMATCH);
	place = usual();
	place.algorithm = "EC-P384";
	assert_int_equal(open_code(slice_of(&sealed), place), CM_MISMATCH);
	place = usual();
	place.public_part = cm_slice("spkj", 4);
	assert_int_equal(open_code(slice_of(&sealed), place), CM_MISMATCH);
	place.public_part = cm_slice(NULL, 0);
	assert_int_equal(open_code(slice_of(&sealed), place), CM_MISMATCH);
	/* The border between two names cannot be moved. */
	place = usual();
	place.table = "certmgr_private.keys";
	place.column = "ealed";
	assert_int_equal(open_code(slice_of(&sealed), place), CM_MISMATCH);
	cm_buf_free(&sealed);
}

static void
every_byte_counts(void **state)
{
	CmBuf		sealed;
	size_t		i;

	(void) state;
	make_sealed(&sealed);
	for (i = 0; i < sealed.len; i++)
	{
		CmCode		want = i == 0 ? CM_UNSUPPORTED : i < 9 ? CM_SEALED : CM_MISMATCH;

		sealed.data[i] ^= 0x01;
		assert_int_equal(open_code(slice_of(&sealed), usual()), want);
		sealed.data[i] ^= 0x81;
		assert_int_equal(open_code(slice_of(&sealed), usual()), want);
		sealed.data[i] ^= 0x80;
	}
	assert_int_equal(open_code(slice_of(&sealed), usual()), CM_OK);
	for (i = 0; i < sealed.len; i++)
		assert_int_equal(open_code(cm_slice(sealed.data, i), usual()), CM_MISMATCH);
	assert_true(cm_buf_append_byte(&sealed, 0));
	assert_int_equal(open_code(slice_of(&sealed), usual()), CM_MISMATCH);
	cm_buf_free(&sealed);
}

static void
needs_its_master_key(void **state)
{
	CmBuf		sealed;
	CmBuf		again;
	CmBuf		plain;
	CmStatus	st = CM_STATUS_INIT;
	CmSealPlace place = usual();
	uint8_t		id_a[8];
	uint8_t		id_b[8];
	static const uint8_t zeros[CM_KEK_SIZE];

	(void) state;
	make_sealed(&sealed);
	cm_kek_id(id_a);
	assert_memory_equal(sealed.data + 1, id_a, 8);
	assert_true(cm_kek_set(kek_b, &st));
	cm_kek_id(id_b);
	assert_memory_not_equal(id_a, id_b, 8);
	cm_buf_init_secret(&plain, 0);
	assert_false(cm_unseal(slice_of(&sealed), &place, &plain, &st));
	assert_int_equal(st.code, CM_SEALED);
	assert_string_equal(st.reason, "secret is sealed under another master key");
	cm_buf_init(&again, 0);
	cm_hex_encode(&again, id_a, 8);
	assert_non_null(strstr(st.detail, cm_buf_cstr(&again)));
	cm_buf_reset(&again);
	cm_hex_encode(&again, id_b, 8);
	assert_non_null(strstr(st.detail, cm_buf_cstr(&again)));

	/* Another key that claims the id of the first. */
	memcpy(sealed.data + 1, id_b, 8);
	assert_int_equal(open_code(slice_of(&sealed), usual()), CM_MISMATCH);
	memcpy(sealed.data + 1, id_a, 8);

	cm_kek_clear();
	assert_false(cm_kek_present());
	cm_kek_id(id_b);
	assert_memory_equal(id_b, zeros, 8);
	assert_int_equal(open_code(slice_of(&sealed), usual()), CM_SEALED);
	cm_buf_reset(&again);
	assert_false(cm_seal(cm_slice("x", 1), &place, &again, &st));
	assert_int_equal(st.code, CM_SEALED);
	assert_string_equal(st.reason, "there is no master key");
	assert_int_equal(again.len, 0);
	assert_false(cm_kek_set(zeros, &st));
	assert_int_equal(st.code, CM_INVALID);
	assert_string_equal(st.reason, "master key is all zeros");
	assert_false(cm_kek_present());

	assert_true(cm_kek_set(kek_a, &st));
	assert_int_equal(open_code(slice_of(&sealed), usual()), CM_OK);
	cm_buf_free(&sealed);
	cm_buf_free(&again);
	cm_buf_free(&plain);
}

static void
limits(void **state)
{
	CmBuf		sealed;
	CmBuf		plain;
	CmStatus	st = CM_STATUS_INIT;
	CmSealPlace place = usual();
	char		name[300];

	(void) state;
	assert_true(cm_kek_set(kek_a, &st));
	cm_buf_init(&sealed, 0);
	cm_buf_init_secret(&plain, 0);
	assert_true(cm_seal(cm_slice(NULL, 0), &place, &sealed, &st));
	assert_int_equal(sealed.len, CM_SEAL_OVERHEAD);
	assert_true(cm_unseal(slice_of(&sealed), &place, &plain, &st));
	assert_int_equal(plain.len, 0);
	/* Appended behind what is there already. */
	assert_true(cm_seal(cm_slice(secret, 5), &place, &sealed, &st));
	assert_true(cm_buf_append_str(&plain, "#"));
	assert_true(cm_unseal(cm_slice(sealed.data + CM_SEAL_OVERHEAD, CM_SEAL_OVERHEAD + 5), &place, &plain, &st));
	assert_string_equal(cm_buf_cstr(&plain), "#thirt");

	cm_buf_reset(&sealed);
	assert_false(cm_seal(cm_slice(secret, 1024 * 1024 + 1), &place, &sealed, &st));
	assert_int_equal(st.code, CM_LIMIT);
	assert_string_equal(st.reason, "secret is longer than 1048576 bytes");
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	place.table = name;
	assert_false(cm_seal(cm_slice("x", 1), &place, &sealed, &st));
	assert_int_equal(st.code, CM_INVALID);
	assert_string_equal(st.reason, "place of a secret is not valid");
	place.table = "";
	assert_false(cm_seal(cm_slice("x", 1), &place, &sealed, &st));
	name[255] = '\0';
	place.table = place.column = place.algorithm = name;
	assert_true(cm_seal(cm_slice("x", 1), &place, &sealed, &st));
	cm_buf_free(&plain);

	/* A buffer that is not wiped gets no secret, one that is full is told so. */
	cm_buf_init(&plain, 0);
	assert_false(cm_unseal(slice_of(&sealed), &place, &plain, &st));
	assert_int_equal(st.code, CM_INVALID);
	assert_string_equal(st.reason, "secret needs a buffer that is wiped");
	cm_buf_init_secret(&plain, 4);
	place = usual();
	cm_buf_reset(&sealed);
	assert_true(cm_seal(cm_slice(secret, 20), &place, &sealed, &st));
	assert_false(cm_unseal(slice_of(&sealed), &place, &plain, &st));
	assert_int_equal(st.code, CM_MEMORY);
	cm_buf_free(&plain);
	cm_buf_free(&sealed);
}

/* ---- the format, by other means ---- */

static void
aes_ecb(const EVP_CIPHER *cipher, bool forth, const uint8_t *key, const uint8_t *in, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int			len;

	assert_non_null(ctx);
	assert_int_equal(EVP_CipherInit_ex(ctx, cipher, NULL, key, NULL, forth ? 1 : 0), 1);
	EVP_CIPHER_CTX_set_padding(ctx, 0);
	assert_int_equal(EVP_CipherUpdate(ctx, out, &len, in, 16), 1);
	assert_int_equal(len, 16);
	EVP_CIPHER_CTX_free(ctx);
}

/* RFC 5649 4.2, for at most 64 bytes; the length of the key data, -1 when it does not check. */
static int
unwrap(const EVP_CIPHER *cipher, const uint8_t *key, const uint8_t *in, size_t len, uint8_t *out)
{
	uint8_t		r[64];
	uint8_t		block[16];
	size_t		n = len / 8 - 1;
	size_t		i;
	int			j;
	uint32_t	mli;

	if (n == 1)
	{
		aes_ecb(cipher, false, key, in, block);
		memcpy(r, block + 8, 8);
	}
	else
	{
		memcpy(block, in, 8);
		memcpy(r, in + 8, n * 8);
		for (j = 5; j >= 0; j--)
		{
			for (i = n; i >= 1; i--)
			{
				uint64_t	t = n * (size_t) j + i;
				uint8_t		b[16];
				int			k;

				memcpy(b, block, 8);
				memcpy(b + 8, r + (i - 1) * 8, 8);
				for (k = 0; k < 8; k++)
					b[7 - k] ^= (uint8_t) (t >> (8 * k));
				aes_ecb(cipher, false, key, b, block);
				memcpy(r + (i - 1) * 8, block + 8, 8);
			}
		}
	}
	if (memcmp(block, "\xa6\x59\x59\xa6", 4) != 0)
		return -1;
	mli = (uint32_t) block[4] << 24 | (uint32_t) block[5] << 16 | (uint32_t) block[6] << 8 | block[7];
	if (mli > n * 8 || mli + 8 <= n * 8)
		return -1;
	memcpy(out, r, mli);
	return (int) mli;
}

static void
unhex(const char *hex, uint8_t *out, size_t len)
{
	CmBuf		buf;

	cm_buf_init(&buf, 0);
	assert_true(cm_hex_decode(&buf, hex, strlen(hex)));
	assert_int_equal(buf.len, len);
	memcpy(out, buf.data, len);
	cm_buf_free(&buf);
}

static void
rfc5649(void **state)
{
	uint8_t		kek[24];
	uint8_t		wrapped[32];
	uint8_t		want[20];
	uint8_t		out[64];

	(void) state;
	unhex("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8", kek, 24);
	unhex("138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a", wrapped, 32);
	unhex("c37b7e6492584340bed12207808941155068f738", want, 20);
	assert_int_equal(unwrap(EVP_aes_192_ecb(), kek, wrapped, 32, out), 20);
	assert_memory_equal(out, want, 20);
	unhex("afbeb0f07dfbf5419200f2ccb50bb24f", wrapped, 16);
	assert_int_equal(unwrap(EVP_aes_192_ecb(), kek, wrapped, 16, out), 7);
	assert_memory_equal(out, "ForPasi", 7);
}

static void
has_the_format(void **state)
{
	static const uint8_t aad_head[] = "\x01\x13" "certmgr_private.key" "\x06" "sealed" "\x07" "EC-P256" "\0\0\0\0\0\0\0\x2a";
	uint8_t		aad[sizeof(aad_head) - 1 + 32];
	uint8_t		dek[64];
	uint8_t		mac[32];
	uint8_t		plain[sizeof(secret)];
	CmBuf		sealed;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int			len;

	(void) state;
	make_sealed(&sealed);
	assert_int_equal(sealed.data[0], 1);
	assert_true(cm_hmac_sha256(cm_slice(kek_a, 32), cm_slice("certmgr master key", 18), mac));
	assert_memory_equal(sealed.data + 1, mac, 8);
	assert_int_equal(unwrap(EVP_aes_256_ecb(), kek_a, sealed.data + 9, 40, dek), 32);

	memcpy(aad, aad_head, sizeof(aad_head) - 1);
	assert_true(cm_sha256(cm_slice("spki", 4), aad + sizeof(aad_head) - 1));
	assert_int_equal(EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, dek, sealed.data + 49), 1);
	assert_int_equal(EVP_DecryptUpdate(ctx, NULL, &len, aad, sizeof(aad)), 1);
	assert_int_equal(EVP_DecryptUpdate(ctx, plain, &len, sealed.data + 61, sizeof(secret)), 1);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16, sealed.data + 61 + sizeof(secret)), 1);
	assert_int_equal(EVP_DecryptFinal_ex(ctx, plain + len, &len), 1);
	assert_memory_equal(plain, secret, sizeof(secret));
	EVP_CIPHER_CTX_free(ctx);
	cm_buf_free(&sealed);
}

static void
never_twice_the_same(void **state)
{
	CmBuf		one;
	CmBuf		two;

	(void) state;
	make_sealed(&one);
	make_sealed(&two);
	assert_memory_not_equal(one.data + 9, two.data + 9, 40);
	assert_memory_not_equal(one.data + 49, two.data + 49, 12);
	assert_memory_not_equal(one.data + 61, two.data + 61, sizeof(secret));
	cm_buf_free(&one);
	cm_buf_free(&two);
}

/* A child has the key whole or knows that it has none; it never seals under zeros. */
static void
child_never_seals_under_zeros(void **state)
{
	CmBuf		sealed;
	pid_t		pid;
	int			rc;

	(void) state;
	make_sealed(&sealed);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
	{
		CmStatus	st = CM_STATUS_INIT;
		CmSealPlace place = usual();
		CmBuf		out;
		bool		ok;

		cm_buf_init_secret(&out, 0);
		ok = cm_unseal(slice_of(&sealed), &place, &out, &st);
		if (!ok)
			ok = !cm_kek_present() && st.code == CM_SEALED && cm_kek_set(kek_a, &st) &&
				cm_unseal(slice_of(&sealed), &place, &out, &st);
		_exit(ok ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &rc, 0), pid);
	assert_int_equal(rc, 0);
	cm_buf_free(&sealed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_in_its_place),
		cmocka_unit_test(every_byte_counts),
		cmocka_unit_test(needs_its_master_key),
		cmocka_unit_test(limits),
		cmocka_unit_test(rfc5649),
		cmocka_unit_test(has_the_format),
		cmocka_unit_test(never_twice_the_same),
		cmocka_unit_test(child_never_seals_under_zeros)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
