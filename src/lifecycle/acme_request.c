/*
 * acme_request.c - see acme_request.h. Sessions and engines, in the
 * transaction that asks; nothing leaves the server before it is committed.
 */
#include "postgres.h"

#include "base/host.h"
#include "lifecycle/acme_request.h"
#include "lifecycle/acme_work.h"
#include "lifecycle/challenge.h"
#include "lifecycle/fallback.h"
#include "pg/error.h"
#include "store/acme_quirk.h"
#include "store/ca.h"
#include "store/dns_zone.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

static bool
address_of(const char *value, char host[CM_HOST_MAX + 1], CmStatus *st)
{
	uint8_t		bytes[16];
	size_t		len;

	return (cm_address_parse(value, bytes, &len) && cm_address_format(bytes, len, host, CM_HOST_MAX + 1)) ||
		cm_fail(st, CM_INVALID, "\"%.100s\" is not an address", value);
}

/* The host name of "DNS:name", the address of "IP:address"; throws for anything else, and for what that kind of challenge cannot prove. */
static char *
identifier_of(const char *san, const CmChallenge *challenge)
{
	CmStatus	st = CM_STATUS_INIT;
	char		host[CM_HOST_MAX + 1];
	bool		address = pg_strncasecmp(san, "IP:", 3) == 0;

	if (!address && pg_strncasecmp(san, "DNS:", 4) != 0)
		ereport(ERROR,
				(errcode(CM_ERRCODE_POLICY),
				 errmsg("name \"%s\" cannot be certified by an ACME CA", san),
				 errdetail("Challenges prove the control of host names and addresses only."),
				 errhint("Give host names, with prefix DNS: or none, or use a private CA.")));
	if (!(address ? address_of(san + 3, host, &st) : cm_host_canonical(san + 4, true, host, &st)))
		cm_throw(&st, NULL);
	if (challenge != NULL && !cm_challenge_fits(challenge, host, &st))
		cm_throw(&st, "SELECT certmgr.set_challenge_type(ca, type) with a type that can, or leave the name out.");
	return pstrdup(host);
}

int
cm_acme_covered(char *const *sans, int count, bool *covered)
{
	int			found = 0;

	for (int i = 0; i < count; i++)
	{
		const char *dot = strncmp(sans[i], "DNS:", 4) == 0 && strncmp(sans[i], "DNS:*.", 6) != 0 ? strchr(sans[i] + 4, '.') : NULL;

		covered[i] = false;
		for (int j = 0; dot != NULL && j < count; j++)
			covered[i] = covered[i] || (strncmp(sans[j], "DNS:*.", 6) == 0 && strcmp(sans[j] + 5, dot) == 0);
		found += covered[i];
	}
	return found;
}

/* How the account's CA is proven names; NULL when there is no such kind. */
static const CmChallenge *
challenge_of(int64 account_id)
{
	CmAcmeAccountRow *account = cm_acme_account_get(account_id);

	return account != NULL ? cm_challenge(cm_challenge_of_ca(account->ca_config)) : NULL;
}

static CmCaRow *
quirks_of(int64 ca_id, CmAcmeQuirks *quirks)
{
	CmCaRow    *ca = cm_ca_get_by_id(ca_id, false);

	if (ca == NULL)
		elog(ERROR, "ca %lld does not exist", (long long) ca_id);
	cm_acme_quirks_load(ca_id, ca->config, quirks);
	return ca;
}

bool
cm_acme_takes_lifetime(int64 ca_id)
{
	CmAcmeQuirks quirks;

	(void) quirks_of(ca_id, &quirks);
	return quirks.validity;
}

static void
check_validity(int64 ca_id, const char *what, const char *detail)
{
	CmAcmeQuirks quirks;
	CmCaRow    *ca = quirks_of(ca_id, &quirks);

	if (!quirks.validity)
		ereport(ERROR,
				(errcode(CM_ERRCODE_POLICY),
				 errmsg("CA \"%s\" takes no %s", ca->name, what),
				 errdetail("%s", detail),
				 errhint("Leave %s out, or SELECT certmgr.alter_acme_ca(%s, quirks => '{\"validity\": true}') if it does.", what, quote_literal_cstr(ca->name))));
}

void
cm_acme_check_lifetime(int64 ca_id)
{
	check_validity(ca_id, "lifetime", "How long its certificates are valid is what it likes, or what a profile of it says.");
}

void
cm_acme_check_not_before(int64 ca_id)
{
	check_validity(ca_id, "not_before", "Its certificates begin when it issues them.");
}

/* What this CA is known to refuse is refused before anything is asked of it. */
static void
check_quirks(int64 ca_id, char *const *hosts, int count)
{
	CmAcmeQuirks quirks;
	CmCaRow    *ca = quirks_of(ca_id, &quirks);

	if (count > quirks.names_max)
		ereport(ERROR,
				(errcode(CM_ERRCODE_POLICY),
				 errmsg("CA \"%s\" does not certify %d names at once", ca->name, count),
				 errdetail("At most %d are allowed.", quirks.names_max),
				 errhint("Issue several certificates, or SELECT certmgr.alter_acme_ca(%s, quirks => '{\"names_max\": %d}');", quote_literal_cstr(ca->name), count)));
	for (int i = 0; i < count; i++)
	{
		bool		wildcard = strncmp(hosts[i], "*.", 2) == 0;
		uint8_t		address[16];
		size_t		len;
		bool		ip = cm_address_parse(hosts[i], address, &len);
		bool		idn = strncmp(hosts[i] + (wildcard ? 2 : 0), "xn--", 4) == 0 || strstr(hosts[i], ".xn--") != NULL;

		const char *lacks = wildcard && !quirks.wildcards ? "wildcards" : idn && !quirks.idn ? "idn" : ip && !quirks.ip ? "ip" : NULL;

		if (lacks != NULL)
			ereport(ERROR,
					(errcode(CM_ERRCODE_POLICY),
					 errmsg("CA \"%s\" does not certify \"%s\"", ca->name, hosts[i]),
					 errdetail("It certifies no %s.", strcmp(lacks, "idn") == 0 ? "internationalized names" : strcmp(lacks, "ip") == 0 ? "addresses" : lacks),
					 errhint("Use another CA, or SELECT certmgr.alter_acme_ca(%s, quirks => '{\"%s\": true}');", quote_literal_cstr(ca->name), lacks)));
	}
}

/* What the order asks for. */
static char **
identifiers_of(int64 ca_id, int64 account_id, char *const *sans, int count)
{
	char	  **hosts = palloc(sizeof(char *) * Max(count, 1));
	const CmChallenge *challenge = challenge_of(account_id);

	if (count == 0 || count > CM_ACME_MAX_IDENTIFIERS)
		ereport(ERROR,
				(errcode(CM_ERRCODE_POLICY),
				 errmsg("a certificate of an ACME CA must have 1 to %d host names", CM_ACME_MAX_IDENTIFIERS),
				 errdetail("There are %d.", count)));
	for (int i = 0; i < count; i++)
		hosts[i] = identifier_of(sans[i], challenge);
	check_quirks(ca_id, hosts, count);
	return hosts;
}

void
cm_acme_check_names(int64 ca_id, char *const *sans, int count)
{
	bool	   *covered = palloc0(sizeof(bool) * Max(count, 1));
	char	  **rest = palloc(sizeof(char *) * Max(count, 1));
	int			n = 0;

	/* They are left out of the order. */
	(void) cm_acme_covered(sans, count, covered);
	for (int i = 0; i < count; i++)
	{
		if (!covered[i])
			rest[n++] = sans[i];
	}
	(void) identifiers_of(ca_id, cm_acme_account_of_ca(ca_id), rest, n);
}

void
cm_acme_request(int64 certificate_id, int64 ca_id, char *const *sans, int count, const CmAcmeTimes *times)
{
	int64		account_id = cm_acme_account_of_ca(ca_id);
	char	  **hosts;
	int64		order_id;

	if (account_id == 0)
		elog(ERROR, "ca %lld has no ACME account", (long long) ca_id);
	hosts = identifiers_of(ca_id, account_id, sans, count);
	order_id = cm_acme_order_insert(certificate_id, account_id, hosts, count, times);
	cm_job_put("acme_order", order_id, GetCurrentTimestamp());
	cm_fallback_plan(certificate_id, ca_id);
}

/* A look ahead: an order finds the same, after it has cost something at the CA. */
void
cm_acme_check_provable(int64 certificate_id)
{
	CmAcmeOrderRow *order = cm_acme_order_of_certificate(certificate_id);
	CmAcmeAccountRow *account = cm_acme_account_get(order->account_id);
	const char *type = account != NULL ? cm_challenge_of_ca(account->ca_config) : "";

	if (strcmp(type, "dns-01") != 0 && strcmp(type, "dns-account-01") != 0)
		return;
	for (int i = 0; i < order->identifier_count; i++)
	{
		const char *name = order->identifiers[i] + (strncmp(order->identifiers[i], "*.", 2) == 0 ? 2 : 0);

		if (cm_dns_zone_provider(psprintf("_acme-challenge.%s", name), account->dns_provider_id) == 0)
			ereport(ERROR,
					(errcode(CM_ERRCODE_POLICY),
					 errmsg("no DNS provider writes \"_acme-challenge.%s\"", name),
					 errdetail("CA \"%s\" has none, and no zone is mapped to one.", account->ca_name)));
	}
}

void
cm_acme_request_revocation(int64 certificate_id)
{
	cm_job_put("acme_revoke", certificate_id, GetCurrentTimestamp());
}

void
cm_acme_cancel(int64 certificate_id)
{
	int64		order_id = cm_acme_order_cancel(certificate_id);

	/* The order's own job finds it ended and goes. */
	if (order_id == 0)
		return;
	cm_job_put("acme_cleanup", order_id, GetCurrentTimestamp());
	cm_job_put("acme_order", order_id, GetCurrentTimestamp());
}
