/*
 * pkcs.h - private keys and certificates in files that other programs take:
 * PKCS #12 (RFC 7292) and PKCS #8 under a password (RFC 5958, PBES2 of RFC 8018).
 */
#ifndef CM_CRYPTO_PKCS_H
#define CM_CRYPTO_PKCS_H

#include "crypto/key.h"

typedef enum CmPkcs12Profile
{
	CM_PKCS12_MODERN,			/* AES-256-CBC by PBES2, HMAC with SHA-256: OpenSSL 1.1, Java 8u301, Windows Server 2019 and later */
	CM_PKCS12_LEGACY			/* 3DES for the key, nothing over the certificates, HMAC with SHA-1: what old Java, Windows and macOS read */
} CmPkcs12Profile;

/*
 * certificates: DER, one after the other, the key's own first. key may be NULL
 * (a trust store). friendly_name: UTF-8 or NULL. out must be secret.
 */
extern bool cm_pkcs12_build(const CmKey *key, CmSlice certificates, const char *friendly_name, const char *password, CmPkcs12Profile profile,
							CmBuf *out, CmStatus *st);
/* "ENCRYPTED PRIVATE KEY"; out must be secret. */
extern bool cm_key_encrypted_pem(const CmKey *key, const char *password, CmBuf *out, CmStatus *st);
/* The other way round: PEM as cm_key_from_pem reads it, or encrypted PKCS #8. password may be NULL when it is not encrypted. */
extern bool cm_key_from_encrypted_pem(CmSlice pem, const char *password, CmKey **out, CmStatus *st);
/* A certs-only SignedData (RFC 2315 9, "degenerate"), DER. */
extern bool cm_pkcs7_certificates(CmSlice certificates, CmBuf *out, CmStatus *st);

#endif
