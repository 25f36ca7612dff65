/*
 * seal.h - envelope encryption of private keys and credentials (DESIGN 10).
 *
 * Every secret has its own data key (DEK): AES-256-GCM with additional data
 * that names the place it belongs to, so a sealed value that was moved to
 * another row, column or algorithm does not open. The DEK is wrapped by the
 * master key (KEK) with AES-KWP (RFC 5649), which is deterministic: a cloned
 * server never repeats a nonce under the KEK.
 *
 * sealed = version (1) | kek id (8) | wrapped DEK (40) | IV (12) | ciphertext | tag (16)
 */
#ifndef CM_CRYPTO_SEAL_H
#define CM_CRYPTO_SEAL_H

#include "base/buf.h"
#include "base/der.h"
#include "base/status.h"

#define CM_KEK_SIZE 32
#define CM_SEAL_OVERHEAD (1 + 8 + 40 + 12 + 16)

/*
 * The master key of this process: on a page of its own that is not swapped,
 * not dumped and empty in a forked child (where the system can do that), wiped
 * by clear. Not OpenSSL's secure heap: the whole process shares that one, its
 * TLS too, and allocations fail once it is full.
 */
extern bool cm_kek_set(const uint8_t key[CM_KEK_SIZE], CmStatus *st);
extern bool cm_kek_present(void);
extern void cm_kek_clear(void);
extern void cm_kek_id(uint8_t out[8]);		/* zeros when absent */

/* Where a secret belongs. "public_part" may be empty. */
typedef struct CmSealPlace
{
	const char *table;			/* "certmgr_private.key" */
	int64_t		row;
	const char *column;			/* "sealed" */
	const char *algorithm;		/* "EC-P256", or "secret"; the three names have 1 to 255 bytes */
	CmSlice		public_part;	/* its SHA-256 enters the additional data */
} CmSealPlace;

extern bool cm_seal(CmSlice plain, const CmSealPlace *place, CmBuf *out, CmStatus *st);
/* CM_SEALED: no master key, or sealed under another one (detail has both ids). CM_MISMATCH: altered, or moved from another place. */
extern bool cm_unseal(CmSlice sealed, const CmSealPlace *place, CmBuf *out, CmStatus *st);	/* out must be secret */

#endif
