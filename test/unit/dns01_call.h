/*
 * dns01_call.h - calls of a DNS provider that is asked over HTTP, against a
 * script (http_script.h), to their end.
 */
#ifndef DNS01_CALL_H
#define DNS01_CALL_H

#include "dns01/provider.h"
#include "http_script.h"

#define OUTCOME_IDS 8

typedef struct Outcome
{
	CmCode		code;
	CmStatus	status;
	bool		touched;
	int64_t		retry_after;
	char		zone[256];
	char		zone_id[CM_DNS01_ID_SIZE];
	char		change_id[CM_DNS01_ID_SIZE];
	char		ids[OUTCOME_IDS][CM_DNS01_ID_SIZE];
} Outcome;

/* Who is asked: type, members of the config besides "endpoint" ("" for none), secret. */
typedef struct Asked
{
	const char *type;
	const char *config;
	const char *secret;
} Asked;

extern Outcome dns01_find(const Asked *asked, const char *name, const HttpStep *steps);
/* records: NULL-terminated by name. */
extern Outcome dns01_apply(const Asked *asked, const char *zone, const char *zone_id, const CmDns01Record *records, const HttpStep *steps);
extern Outcome dns01_confirm(const Asked *asked, const char *zone, const char *change_id, const HttpStep *steps);
/* The same for calls that begin at the same moment. */
extern void dns01_find_all(const Asked *asked, const char *const *names, int count, const HttpStep *steps, Outcome *outcomes);
extern void dns01_apply_all(const Asked *asked, const char *zone, const char *zone_id, const CmDns01Record *const *records, int count, const HttpStep *steps,
							Outcome *outcomes);
extern void dns01_confirm_all(const Asked *asked, const char *zone, const char *change_id, int count, const HttpStep *steps, Outcome *outcomes);
/* Why a configuration is refused; "" when it is not. */
extern const char *dns01_check(const char *type, const char *config, const char *secret);

#endif
