/*
 * seal.c - envelope encryption of private keys and credentials.
 *
 * Runs in backends and database workers, never in the postmaster. What may
 * fail: the master key is missing or another one, a sealed value was altered
 * or moved, memory. A plain text never leaves unless its tag was right.
 *
 * Algorithms and the two contexts are kept per process, but reset after every
 * use: OpenSSL then clears the key schedule, which costs nothing that can be
 * measured (0.3 of 4 microseconds), and no key but the master key stays.
 */
#include "crypto/seal.h"

#include <string.h>
#include <sys/mman.h>

#include "base/encode.h"
#include "crypto/compat.h"
#include "crypto/digest.h"

#define SEAL_VERSION 1
#define KEK_ID_SIZE 8
#define DEK_SIZE 32				/* AES-256 */
#define WRAPPED_SIZE (DEK_SIZE + 8)	/* RFC 5649: one block of 64 bits more */
#define IV_SIZE 12				/* SP 800-38D: 96 bits, used as they are */
#define TAG_SIZE 16

#define WRAPPED_AT (1 + KEK_ID_SIZE)
#define IV_AT (WRAPPED_AT + WRAPPED_SIZE)
#define CIPHERTEXT_AT (IV_AT + IV_SIZE)

/* A key has 2.4 kB at most, a credential file some more; the limit keeps lengths far within an int. */
#define PLAIN_MAX (1024 * 1024)

/* Version, three names behind their lengths, row, hash. */
#define NAME_MAX_BYTES 255		/* its length is one byte */
#define AAD_MAX (1 + 3 * (1 + NAME_MAX_BYTES) + 8 + 32)

/* The flag lies on the page as well: a child that finds it empty knows that it has no key. */
typedef struct MasterKey
{
	bool		present;
	uint8_t		id[KEK_ID_SIZE];
	uint8_t		key[CM_KEK_SIZE];
} MasterKey;

static MasterKey *master;		/* mapped at the first set */
static EVP_CIPHER *gcm;
static EVP_CIPHER *kwp;
static EVP_CIPHER_CTX *gcm_ctx;
static EVP_CIPHER_CTX *kwp_ctx;

/* ---- the master key ---- */

/* A mapping is whole pages, so nothing else is locked, hidden or wiped with it. */
static bool
map_master(void)
{
	void	   *page;

	if (master != NULL)
		return true;
	page = mmap(NULL, sizeof(MasterKey), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return false;
	/* Each of these is a further fence; a system without one still works. */
	(void) mlock(page, sizeof(MasterKey));
#ifdef MADV_DONTDUMP
	(void) madvise(page, sizeof(MasterKey), MADV_DONTDUMP);
#endif
#ifdef MADV_WIPEONFORK
	(void) madvise(page, sizeof(MasterKey), MADV_WIPEONFORK);
#endif
	master = page;
	return true;
}

bool
cm_kek_set(const uint8_t key[CM_KEK_SIZE], CmStatus *st)
{
	static const char purpose[] = "certmgr master key";
	uint8_t		mac[32];
	uint8_t		any = 0;
	size_t		i;

	for (i = 0; i < CM_KEK_SIZE; i++)
		any |= key[i];
	if (any == 0)
		return cm_fail(st, CM_INVALID, "master key is all zeros");
	if (!map_master())
		return cm_fail(st, CM_MEMORY, "out of memory");
	/* A MAC under the key: the id tells nothing about it, and no other use gives the same bytes. */
	if (!cm_hmac_sha256(cm_slice(key, CM_KEK_SIZE), cm_slice(purpose, sizeof(purpose) - 1), mac))
		return cm_fail(st, CM_CRYPTO, "could not compute the id of the master key");

	memmove(master->key, key, CM_KEK_SIZE);
	memcpy(master->id, mac, KEK_ID_SIZE);
	master->present = true;
	cm_wipe(mac, sizeof(mac));
	return true;
}

bool
cm_kek_present(void)
{
	return master != NULL && master->present;
}

void
cm_kek_clear(void)
{
	if (master != NULL)
		cm_wipe(master, sizeof(*master));
}

void
cm_kek_id(uint8_t out[8])
{
	memset(out, 0, KEK_ID_SIZE);
	if (cm_kek_present())
		memcpy(out, master->id, KEK_ID_SIZE);
}

/* ---- ciphers ---- */

static bool
ciphers_ready(void)
{
	if (gcm == NULL)
		gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	if (kwp == NULL)
		kwp = EVP_CIPHER_fetch(NULL, "AES-256-WRAP-PAD", NULL);
	if (gcm_ctx == NULL)
		gcm_ctx = EVP_CIPHER_CTX_new();
	if (kwp_ctx == NULL)
		kwp_ctx = EVP_CIPHER_CTX_new();
	return gcm != NULL && kwp != NULL && gcm_ctx != NULL && kwp_ctx != NULL;
}

static bool
wrap_dek(const uint8_t dek[DEK_SIZE], uint8_t out[WRAPPED_SIZE])
{
	int			len = 0;
	bool		ok;

	EVP_CIPHER_CTX_set_flags(kwp_ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	ok = EVP_EncryptInit_ex2(kwp_ctx, kwp, master->key, NULL, NULL) == 1 &&
		EVP_EncryptUpdate(kwp_ctx, out, &len, dek, DEK_SIZE) == 1 && len == WRAPPED_SIZE;
	EVP_CIPHER_CTX_reset(kwp_ctx);
	return ok;
}

static bool
unwrap_dek(const uint8_t wrapped[WRAPPED_SIZE], uint8_t dek[DEK_SIZE])
{
	uint8_t		out[WRAPPED_SIZE + 8];	/* the unwrapping needs room for its own block */
	int			len = 0;
	bool		ok;

	EVP_CIPHER_CTX_set_flags(kwp_ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	ok = EVP_DecryptInit_ex2(kwp_ctx, kwp, master->key, NULL, NULL) == 1 &&
		EVP_DecryptUpdate(kwp_ctx, out, &len, wrapped, WRAPPED_SIZE) == 1 && len == DEK_SIZE;
	EVP_CIPHER_CTX_reset(kwp_ctx);
	if (ok)
		memcpy(dek, out, DEK_SIZE);
	cm_wipe(out, sizeof(out));
	return ok;
}

/* ---- additional data ---- */

static bool
put_name(uint8_t *aad, size_t *used, const char *name)
{
	size_t		len = name != NULL ? strlen(name) : 0;

	if (len == 0 || len > NAME_MAX_BYTES)
		return false;
	aad[(*used)++] = (uint8_t) len;
	memcpy(aad + *used, name, len);
	*used += len;
	return true;
}

/*
 * Every part is of fixed size or says its length, so two places never give
 * the same bytes. The id of the master key and the wrapped DEK stay outside:
 * a rotation replaces them and leaves the rest as it is.
 */
static bool
write_aad(const CmSealPlace *place, uint8_t aad[AAD_MAX], size_t *len, CmStatus *st)
{
	size_t		used = 0;
	uint64_t	row = (uint64_t) place->row;
	int			i;

	aad[used++] = SEAL_VERSION;
	if (!put_name(aad, &used, place->table) || !put_name(aad, &used, place->column) ||
		!put_name(aad, &used, place->algorithm))
		return cm_fail(st, CM_INVALID, "place of a secret is not valid");
	for (i = 0; i < 8; i++)
		aad[used++] = (uint8_t) (row >> (56 - 8 * i));
	if (!cm_sha256(place->public_part, aad + used))
		return cm_fail(st, CM_CRYPTO, "could not hash the public part of a secret");
	*len = used + 32;
	return true;
}

/* ---- sealing ---- */

static bool
encrypt(const uint8_t *dek, const uint8_t *iv, CmSlice aad, CmSlice plain, uint8_t *out)
{
	int			len = 0;
	bool		ok;

	ok = EVP_EncryptInit_ex2(gcm_ctx, gcm, dek, iv, NULL) == 1 &&
		EVP_EncryptUpdate(gcm_ctx, NULL, &len, aad.data, (int) aad.len) == 1 &&
		(plain.len == 0 ||
		 (EVP_EncryptUpdate(gcm_ctx, out, &len, plain.data, (int) plain.len) == 1 &&
		  (size_t) len == plain.len)) &&
		EVP_EncryptFinal_ex(gcm_ctx, out + plain.len, &len) == 1 &&
		EVP_CIPHER_CTX_ctrl(gcm_ctx, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, out + plain.len) == 1;
	EVP_CIPHER_CTX_reset(gcm_ctx);
	return ok;
}

static bool
decrypt(const uint8_t *dek, const uint8_t *iv, CmSlice aad, CmSlice text, const uint8_t *tag, uint8_t *out)
{
	int			len = 0;
	bool		ok;

	/* The cast: a ctrl that sets only reads. */
	ok = EVP_DecryptInit_ex2(gcm_ctx, gcm, dek, iv, NULL) == 1 &&
		EVP_DecryptUpdate(gcm_ctx, NULL, &len, aad.data, (int) aad.len) == 1 &&
		(text.len == 0 || EVP_DecryptUpdate(gcm_ctx, out, &len, text.data, (int) text.len) == 1) &&
		EVP_CIPHER_CTX_ctrl(gcm_ctx, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, (void *) tag) == 1 &&
		EVP_DecryptFinal_ex(gcm_ctx, out + text.len, &len) == 1;
	EVP_CIPHER_CTX_reset(gcm_ctx);
	return ok;
}

static bool
no_master_key(CmStatus *st)
{
	return cm_fail(st, CM_SEALED, "there is no master key");
}

bool
cm_seal(CmSlice plain, const CmSealPlace *place, CmBuf *out, CmStatus *st)
{
	uint8_t		dek[DEK_SIZE];
	uint8_t		aad[AAD_MAX];
	size_t		aad_len;
	uint8_t    *p;
	bool		ok;

	if (!cm_kek_present())
		return no_master_key(st);
	if (plain.len > PLAIN_MAX)
		return cm_fail(st, CM_LIMIT, "secret is longer than %d bytes", PLAIN_MAX);
	if (!write_aad(place, aad, &aad_len, st))
		return false;
	if (!cm_buf_reserve(out, plain.len + CM_SEAL_OVERHEAD))
		return cm_fail(st, CM_MEMORY, "out of memory");

	ERR_clear_error();
	p = out->data + out->len;
	p[0] = SEAL_VERSION;
	memcpy(p + 1, master->id, KEK_ID_SIZE);
	ok = ciphers_ready() &&
		RAND_priv_bytes(dek, sizeof(dek)) == 1 &&
		RAND_bytes(p + IV_AT, IV_SIZE) == 1 &&
		wrap_dek(dek, p + WRAPPED_AT) &&
		encrypt(dek, p + IV_AT, cm_slice(aad, aad_len), plain, p + CIPHERTEXT_AT);
	cm_wipe(dek, sizeof(dek));
	if (!ok)
		return cm_fail_crypto(st, "could not seal a secret");
	out->len += plain.len + CM_SEAL_OVERHEAD;
	return true;
}

static bool
other_master_key(const uint8_t *sealed_id, CmStatus *st)
{
	CmBuf		theirs;
	CmBuf		ours;

	cm_buf_init(&theirs, 0);
	cm_buf_init(&ours, 0);
	cm_hex_encode(&theirs, sealed_id, KEK_ID_SIZE);
	cm_hex_encode(&ours, master->id, KEK_ID_SIZE);
	(void) cm_fail(st, CM_SEALED, "secret is sealed under another master key");
	(void) cm_fail_detail(st, "It was sealed under master key %s, this server has %s.",
						  cm_buf_cstr(&theirs), cm_buf_cstr(&ours));
	cm_buf_free(&theirs);
	cm_buf_free(&ours);
	return false;
}

static bool
altered(CmStatus *st)
{
	ERR_clear_error();
	(void) cm_fail(st, CM_MISMATCH, "sealed secret was altered or does not belong here");
	return cm_fail_detail(st, "A secret opens only in the row, column and algorithm, and with the public part, that it was sealed for.");
}

bool
cm_unseal(CmSlice sealed, const CmSealPlace *place, CmBuf *out, CmStatus *st)
{
	const uint8_t *p = sealed.data;
	uint8_t		dek[DEK_SIZE];
	uint8_t		aad[AAD_MAX];
	size_t		aad_len;
	size_t		plain_len;
	bool		ok;

	if (!out->secret)
		return cm_fail(st, CM_INVALID, "secret needs a buffer that is wiped");
	if (!cm_kek_present())
		return no_master_key(st);
	if (sealed.len < CM_SEAL_OVERHEAD)
		return altered(st);
	if (p[0] != SEAL_VERSION)
		return cm_fail(st, CM_UNSUPPORTED, "sealed secret has version %d, this server knows %d", p[0], SEAL_VERSION);
	if (memcmp(p + 1, master->id, KEK_ID_SIZE) != 0)
		return other_master_key(p + 1, st);
	plain_len = sealed.len - CM_SEAL_OVERHEAD;
	if (plain_len > PLAIN_MAX)
		return altered(st);
	if (!write_aad(place, aad, &aad_len, st))
		return false;
	if (!cm_buf_reserve(out, plain_len + TAG_SIZE))
		return cm_fail(st, CM_MEMORY, "out of memory");

	ERR_clear_error();
	if (!ciphers_ready())
		return cm_fail_crypto(st, "could not open a sealed secret");
	ok = unwrap_dek(p + WRAPPED_AT, dek) &&
		decrypt(dek, p + IV_AT, cm_slice(aad, aad_len), cm_slice(p + CIPHERTEXT_AT, plain_len),
				p + CIPHERTEXT_AT + plain_len, out->data + out->len);
	cm_wipe(dek, sizeof(dek));
	if (!ok)
	{
		/* GCM decrypts before it knows: what came out must not be read. */
		cm_wipe(out->data + out->len, plain_len);
		return altered(st);
	}
	out->len += plain_len;
	return true;
}
