/*
 * status.h - how a function of floors 0, 2, 3 and 4 says that it failed.
 *
 * A function returns true, or returns false and fills a CmStatus. It never
 * throws, never logs, never prints: the caller decides. "reason" is a primary
 * message as PostgreSQL writes them (lower case, no final period, names in
 * double quotes); "detail" is a sentence with the facts, or empty. Neither
 * ever holds a secret.
 */
#ifndef CM_BASE_STATUS_H
#define CM_BASE_STATUS_H

#include <stdbool.h>
#include <stddef.h>

typedef enum CmCode
{
	CM_OK = 0,
	CM_INVALID,					/* the input is not what it should be */
	CM_POLICY,					/* well formed, but not allowed */
	CM_SEALED,					/* the master key is missing or another one */
	CM_MISMATCH,				/* two things that belong together do not */
	CM_UNSUPPORTED,				/* this library or server cannot do it */
	CM_LIMIT,					/* larger, deeper or slower than allowed */
	CM_CRYPTO,					/* the crypto library failed */
	CM_NETWORK,					/* no answer, or not a whole one */
	CM_PROTOCOL,				/* an answer that breaks the protocol */
	CM_REFUSED,					/* the peer said no */
	CM_MEMORY					/* out of memory */
} CmCode;

typedef struct CmStatus
{
	CmCode		code;
	char		reason[256];
	char		detail[512];
} CmStatus;

#define CM_STATUS_INIT { CM_OK, "", "" }

#if defined(__GNUC__)
#define CM_PRINTF(a, b) __attribute__((format(printf, a, b)))
#else
#define CM_PRINTF(a, b)
#endif

/* Fills the status and returns false, so that "return cm_fail(...)" reads well. A NULL status is allowed. */
extern bool cm_fail(CmStatus *st, CmCode code, const char *fmt,...) CM_PRINTF(3, 4);

/* Adds the detail to a status that failed; returns false as well. */
extern bool cm_fail_detail(CmStatus *st, const char *fmt,...) CM_PRINTF(2, 3);

/* Copies text of a foreign origin (CA, DNS API, CSR): printable ASCII only, cut to the size of dst. */
extern void cm_clean_text(char *dst, size_t dstsize, const char *src, size_t srclen);

/* Adds a word to a list with commas between; what does not fit is cut. */
extern void cm_list_add(char *list, size_t size, const char *word);

#endif
