/*
 * weak_list.h - RSA keys that are known to be weak by a list: those that Debian's OpenSSL made from 2006 to 2008
 * (CVE-2008-0166), in the format of its package openssl-blacklist, or any others.
 */
#ifndef CM_CRYPTO_WEAK_LIST_H
#define CM_CRYPTO_WEAK_LIST_H

#include "base/der.h"
#include "base/status.h"

/* The last 80 bits of SHA-1 of "Modulus=", the modulus in upper-case hexadecimal, and a newline: what "openssl rsa -modulus | sha1sum" says. */
#define CM_WEAK_LIST_ENTRY 10
/* How many entries a text of this length may have at most. */
#define CM_WEAK_LIST_ROOM(len) (((len) + 1) / (2 * CM_WEAK_LIST_ENTRY + 1))

/* Lines of 20 hexadecimal digits; empty lines and those that begin with # are passed over. Fills entries, sorted. */
extern bool cm_weak_list_read(const char *text, size_t len, uint8_t *entries, size_t *count, CmStatus *st);
/* What cm_weak_list_read() made is what keys are looked up in from now on, in this process; it must stay where it is. NULL, 0: none. */
extern void cm_weak_list_use(const uint8_t *entries, size_t count);
/* Is a key with this modulus on the list? Then false (CM_POLICY). */
extern bool cm_weak_list_check(CmSlice modulus, CmStatus *st);

#endif
