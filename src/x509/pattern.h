/*
 * pattern.h - patterns of names in templates: exact, suffix, glob, CIDR,
 * regular expression. They see the text of a value as san.c writes it,
 * without prefix.
 */
#ifndef CM_X509_PATTERN_H
#define CM_X509_PATTERN_H

#include "base/der.h"
#include "base/status.h"
#include "x509/san.h"

typedef enum CmPatternKind
{
	CM_PATTERN_EXACT,
	CM_PATTERN_SUFFIX,			/* a domain and what is below it; ".domain": only below; of mailboxes and UPNs behind the "@", of URIs the host */
	CM_PATTERN_GLOB,			/* "*" any run of characters but no separator ("." of host names, "/" of URIs), "**" any run, "?" one octet that is no separator, "\" takes the next literally */
	CM_PATTERN_CIDR,			/* of addresses */
	CM_PATTERN_REGEX			/* the whole value must match */
} CmPatternKind;

typedef struct CmPattern
{
	CmPatternKind kind;
	const char *text;			/* as cm_pattern_compile left it; the caller's */
	uint8_t		address[16];	/* CIDR, and EXACT of an address */
	uint8_t		mask[16];
	size_t		address_len;
	void	   *regex;			/* for the matcher */
} CmPattern;

/* The regular expressions are PostgreSQL's, which this floor does not know: whoever compiled them brings the matcher. It must not throw. */
typedef bool (*CmPatternRegex) (void *regex, const char *text, size_t len);

#define CM_PATTERN_MAX 512		/* octets of a pattern: the longest host name takes half of it */

/* "exact", "suffix", ...: NULL-safe; false when it is none. */
extern bool cm_pattern_kind(const char *name, CmPatternKind *kind);
/* Fills the pattern from text, which is changed in place (host names to lower case) and kept. CM_INVALID when it cannot be one for names of that kind. type CM_SAN_UNKNOWN: a subject attribute. Regular expressions are only measured. */
extern bool cm_pattern_compile(CmPatternKind kind, CmSanType type, char *text, CmPattern *out, CmStatus *st);
/* value: text without prefix. general_name: the whole GeneralName, for addresses; empty otherwise. */
extern bool cm_pattern_matches(const CmPattern *pattern, CmSanType type, const char *value, CmSlice general_name, CmPatternRegex regex);
/* separator '\0': none. */
extern bool cm_glob_match(const char *pattern, const char *text, char separator);

#endif
