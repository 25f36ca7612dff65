/*
 * messages.h - what ACME requests say and what answers mean, without any
 * network: payloads out, structs in. One .c file a resource (account.c,
 * order.c, authorization.c, certificate.c, problem.c).
 *
 * Strings of the parsed structs are allocated by palloc in the current
 * context. Lists are capped; URLs are checked to be absolute https (or http
 * when allow_http) and shorter than 1,024 bytes; a token must match RFC 8555
 * 8.1 (base64url, 22 to 128 characters).
 */
#ifndef CM_ACME_MESSAGES_H
#define CM_ACME_MESSAGES_H

#include "base/buf.h"
#include "crypto/key.h"
#include "pg/json.h"

#define CM_ACME_MAX_IDENTIFIERS 100
/* Names of a CA for itself; as many as a standing DNS record is compared with. */
#define CM_ACME_MAX_ISSUERS 8

typedef struct CmAcmeAccount
{
	char		status[32];		/* "valid", "deactivated", "revoked", ... */
	char	   *orders;
} CmAcmeAccount;

typedef struct CmAcmeIdentifier
{
	const char *type;			/* "dns" or "ip" */
	const char *value;
} CmAcmeIdentifier;

typedef struct CmAcmeProblem
{
	char		type[64];		/* last part of the URN, "" when missing */
	char	   *detail;			/* printable, at most 1 KiB; plain words: type, detail and subproblems in one line */
	char	   *json;			/* the problem document itself, checked to be JSON, at most 8 KiB; or NULL */
	char	   *instance;		/* URL a person should visit, or NULL */
} CmAcmeProblem;

typedef struct CmAcmeOrder
{
	char		status[32];		/* "pending", "ready", "processing", "valid", "invalid", or what the server said */
	int64_t		expires;		/* 0 when not said */
	int			authorization_count;
	char	   *authorizations[CM_ACME_MAX_IDENTIFIERS];
	char	   *finalize;		/* or NULL */
	char	   *certificate;	/* or NULL */
	CmAcmeProblem *error;		/* or NULL */
} CmAcmeOrder;

typedef struct CmAcmeAuthorization
{
	char		status[32];
	char	   *identifier_type;
	char	   *identifier;		/* lower case */
	bool		wildcard;
	int64_t		expires;
	/* the challenge that was asked for, where offered */
	char	   *challenge_url;	/* NULL: none */
	char	   *token;			/* NULL for dns-persist-01, which has none */
	char	   *issuers[CM_ACME_MAX_ISSUERS]; /* dns-persist-01: what the CA calls itself in DNS */
	int			issuer_count;
	char		challenge_status[32];
	CmAcmeProblem *error;		/* of any challenge of the authorization, or NULL */
} CmAcmeAuthorization;

extern bool cm_acme_new_account_payload(const char *const *contacts, int count, bool agree, bool only_existing, CmBuf *out, CmStatus *st);
/* contacts as they are to be from now on; agree: to the terms of service. */
extern bool cm_acme_account_update_payload(const char *const *contacts, int count, bool agree, CmBuf *out, CmStatus *st);
/* What ZeroSSL answers to a mail address: kid (palloc'ed) and the key as base64 text (mac_key is a secret buffer). */
extern bool cm_acme_eab_parse(CmSlice body, char **kid, CmBuf *mac_key, CmStatus *st);
extern bool cm_acme_account_parse(CmSlice body, CmAcmeAccount *out, CmStatus *st);

/* What an order asks for besides its names. */
typedef struct CmAcmeOrderWish
{
	const char *profile;		/* NULL: none */
	const char *replaces;		/* RFC 9773; NULL: nothing */
	int64_t		not_before;		/* 0: when it is issued */
	int64_t		not_after;		/* 0: as the CA likes */
} CmAcmeOrderWish;

extern bool cm_acme_new_order_payload(const CmAcmeIdentifier *ids, int count, const CmAcmeOrderWish *wish, CmBuf *out, CmStatus *st);
extern bool cm_acme_order_parse(CmSlice body, CmAcmeOrder *out, CmStatus *st);
extern bool cm_acme_finalize_payload(CmSlice csr_der, CmBuf *out, CmStatus *st);

/* type: the challenge of interest ("dns-01"). */
extern bool cm_acme_authorization_parse(CmSlice body, const char *type, CmAcmeAuthorization *out, CmStatus *st);
/* RFC 8555 8.1: token, dot, thumbprint of the account key. Public: it proves nothing without the name. */
extern bool cm_acme_key_authorization(const CmKey *account, const char *token, CmBuf *out, CmStatus *st);
/* TXT value of dns-01 and dns-account-01 (RFC 8555 8.4): base64url(SHA-256(token "." thumbprint)). */
extern bool cm_acme_dns01_value(const CmKey *account, const char *token, CmBuf *out, CmStatus *st);
/* Label of dns-account-01 (draft-ietf-acme-dns-account-label): "_" and the first 10 bytes of SHA-256 of the account's URL in base32, lower case. */
extern bool cm_acme_account_label(const char *account_url, CmBuf *out, CmStatus *st);

typedef struct CmAcmeRenewalInfo
{
	int64_t		start;			/* seconds since 1970 */
	int64_t		end;			/* after start */
	char	   *explanation_url;	/* https, or NULL */
} CmAcmeRenewalInfo;

/* RFC 9773 4.1: the keyIdentifier of the authorityKeyIdentifier and the content of the serial number. */
extern bool cm_acme_certificate_id(CmSlice authority_key_id, CmSlice serial, CmBuf *out, CmStatus *st);
extern bool cm_acme_renewal_info_parse(CmSlice body, CmAcmeRenewalInfo *out, CmStatus *st);

extern bool cm_acme_revoke_payload(CmSlice certificate_der, int reason, CmBuf *out, CmStatus *st);
/* What a problem says of one identifier (RFC 8555 6.7.1); palloc'ed. */
typedef struct CmAcmeSubproblem
{
	char	   *identifier;		/* as the CA spells it, printable */
	char	   *words;			/* why */
} CmAcmeSubproblem;

/* The identifiers that a problem document speaks of, max at most; without subproblems the one that it names itself. */
extern int	cm_acme_subproblems(CmSlice body, CmAcmeSubproblem *out, int max);
extern bool cm_acme_problem_parse(CmSlice body, CmAcmeProblem *out);	/* false when it is not a problem document */

#endif
