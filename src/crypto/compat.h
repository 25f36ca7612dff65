/*
 * compat.h - differences between OpenSSL versions, and nothing else.
 *
 * Supported: 3.0 (Debian 12) to 3.6. What certmgr calls is the same in all of
 * them, so there is little here; a file that needs an #if on the version of
 * OpenSSL puts it here and gives it a name.
 */
#ifndef CM_CRYPTO_COMPAT_H
#define CM_CRYPTO_COMPAT_H

#include <openssl/opensslv.h>

#if OPENSSL_VERSION_NUMBER < 0x30000000L
#error "certmgr needs OpenSSL 3.0 or later"
#endif

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

/* Of the library that is there, not the one this was built with. */
#define CM_OPENSSL_VERSION_TEXT() OpenSSL_version(OPENSSL_VERSION)

/* OSSL_PKEY_PARAM_ML_DSA_SEED of 3.5. */
#define CM_OSSL_PARAM_SEED "seed"

/* Who reports a failed malloc (the caller, or CRYPTO_malloc itself) differs; the reason does not. */
#define CM_ERR_IS_MEMORY(e) (ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE)

#endif
