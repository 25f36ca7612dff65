/*
 * acmedns.c - the provider "acme-dns": a server that holds nothing but TXT
 * values of challenges (github.com/joohoi/acme-dns).
 *
 * check runs in backends, find_zone and apply in the database worker and in
 * CALL certmgr.work(); nothing is locked. What may fail: the configuration, the
 * network, a server that says no, a name that is not delegated to the server.
 *
 * Each account of such a server writes one name, its "fulldomain", to which
 * _acme-challenge.example.com is a CNAME. The server keeps the last two values
 * of a name, which is enough for an apex and its wildcard; it has no way to
 * take a value away, so that removing does nothing.
 *
 * config: endpoint, trust_anchors, timeout; what propagation.c reads; and
 * either fulldomain, username (and subdomain, when it is not fulldomain's first
 * label) with the password as the secret, or nothing more with a secret of
 * lines "fulldomain username password", one an account.
 */
#include "dns01/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The server answers TXT queries with the last two. */
#define VALUES_MAX 2
#define ACCOUNTS_MAX 1000
/* Of a user name (a UUID) and a password (40 characters): generous. */
#define WORD_MAX 200
#define SECRET_MAX ((size_t) 256 * 1024)

typedef struct Account
{
	char		fulldomain[256];	/* canonical; "": none yet */
	char		subdomain[256];
	char		username[WORD_MAX + 1];
	char		password[WORD_MAX + 1];	/* wiped */
} Account;

typedef struct AcmeDns
{
	CmDns01Run run;
	Account	   *accounts;
	int			count;
	CmDns01Item *item;			/* the one that is written */
} AcmeDns;

static void apply_next(AcmeDns *ad);

/* ---- configuration ---- */

static void
release(CmDns01Run *run)
{
	AcmeDns    *ad = (AcmeDns *) run;

	if (ad->accounts != NULL)
		cm_wipe(ad->accounts, (size_t) ad->count * sizeof(Account));
	free(ad->accounts);
	ad->accounts = NULL;
	ad->count = 0;
}

/* A word of the secret into dst. */
static bool
take_word(CmSlice *rest, char *dst, size_t size)
{
	size_t		n = 0;

	while (rest->len > 0 && (rest->data[0] == ' ' || rest->data[0] == '\t'))
		*rest = cm_slice(rest->data + 1, rest->len - 1);
	while (n < rest->len && rest->data[n] > ' ' && rest->data[n] < 0x7f)
		n++;
	if (n == 0 || n >= size)
		return false;
	memcpy(dst, rest->data, n);
	dst[n] = '\0';
	*rest = cm_slice(rest->data + n, rest->len - n);
	return true;
}

static bool
set_names(Account *account, const char *fulldomain, const char *subdomain, CmStatus *st)
{
	size_t		label;

	if (!cm_dns01_canonical(fulldomain, account->fulldomain) || cm_dns01_parent(account->fulldomain) == NULL)
		return cm_fail(st, CM_INVALID, "\"fulldomain\" is not a DNS name below the server's");
	label = strcspn(account->fulldomain, ".");
	if (subdomain != NULL && strlen(subdomain) >= sizeof(account->subdomain))
		return cm_fail(st, CM_INVALID, "\"subdomain\" is too long");
	if (subdomain != NULL)
		memcpy(account->subdomain, subdomain, strlen(subdomain) + 1);
	else
	{
		memcpy(account->subdomain, account->fulldomain, label);
		account->subdomain[label] = '\0';
	}
	return true;
}

static bool
read_line(CmSlice line, Account *account, int number, CmStatus *st)
{
	char		fulldomain[256];

	if (!take_word(&line, fulldomain, sizeof(fulldomain)) || !take_word(&line, account->username, sizeof(account->username)) ||
		!take_word(&line, account->password, sizeof(account->password)))
		return cm_fail(st, CM_INVALID, "line %d of the secret is not \"fulldomain username password\"", number);
	while (line.len > 0 && line.data[0] <= ' ')
		line = cm_slice(line.data + 1, line.len - 1);
	if (line.len > 0)
		return cm_fail(st, CM_INVALID, "line %d of the secret has more than \"fulldomain username password\"", number);
	return set_names(account, fulldomain, NULL, st);
}

static bool
read_lines(CmSlice secret, AcmeDns *ad, CmStatus *st)
{
	int			number = 0;

	while (secret.len > 0)
	{
		const uint8_t *end = memchr(secret.data, '\n', secret.len);
		CmSlice		line = cm_slice(secret.data, end != NULL ? (size_t) (end - secret.data) : secret.len);

		secret = end != NULL ? cm_slice(end + 1, secret.len - line.len - 1) : cm_slice(NULL, 0);
		number++;
		while (line.len > 0 && line.data[line.len - 1] <= ' ')
			line.len--;
		if (line.len == 0)
			continue;
		if (ad->count == ACCOUNTS_MAX)
			return cm_fail(st, CM_LIMIT, "the secret has more than %d accounts", ACCOUNTS_MAX);
		if (!read_line(line, &ad->accounts[ad->count++], number, st))
			return false;
	}
	return ad->count > 0 || cm_fail(st, CM_INVALID, "the secret is missing: the password, or lines \"fulldomain username password\"");
}

static bool
read_accounts(const CmJson *config, CmSlice secret, AcmeDns *ad, CmStatus *st)
{
	const char *fulldomain;
	const char *username;
	const char *subdomain;
	int			room = 1;
	size_t		i;

	if (!cm_dns01_text(config, "fulldomain", &fulldomain, st) || !cm_dns01_text(config, "username", &username, st) ||
		!cm_dns01_text(config, "subdomain", &subdomain, st))
		return false;
	if (secret.len > SECRET_MAX)
		return cm_fail(st, CM_LIMIT, "the secret is longer than %zu bytes", SECRET_MAX);
	for (i = 0; i < secret.len; i++)
		room += secret.data[i] == '\n';
	ad->accounts = calloc((size_t) (room < ACCOUNTS_MAX ? room : ACCOUNTS_MAX), sizeof(Account));
	if (ad->accounts == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	if (fulldomain == NULL && username == NULL && subdomain == NULL)
		return read_lines(secret, ad, st);
	if (fulldomain == NULL || username == NULL)
		return cm_fail(st, CM_INVALID, "\"fulldomain\" and \"username\" go together");
	if (!cm_dns01_api_secret(&secret, "the password of the acme-dns account", st))
		return false;
	ad->count = 1;
	if (secret.len > WORD_MAX || strlen(username) > WORD_MAX)
		return cm_fail(st, CM_LIMIT, "user name or password is longer than %d characters", WORD_MAX);
	memcpy(ad->accounts[0].password, secret.data, secret.len);
	memcpy(ad->accounts[0].username, username, strlen(username) + 1);
	return set_names(&ad->accounts[0], fulldomain, subdomain, st);
}

static bool
read_settings(const CmJson *config, CmSlice secret, AcmeDns *ad, CmStatus *st)
{
	static const char *const keys[] = {"fulldomain", "username", "subdomain", CM_DNS01_API_KEYS, CM_DNS01_PROPAGATION_KEYS, NULL};

	return cm_dns01_known_keys(config, keys, st) && cm_dns01_api_read(config, NULL, &ad->run.api, st) &&
		read_accounts(config, secret, ad, st) && cm_dns01_check_propagation(config, st);
}

static bool
check(const CmJson *config, CmSlice secret, CmStatus *st)
{
	AcmeDns    *ad = calloc(1, sizeof(AcmeDns));
	bool		ok;

	if (ad == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	ok = read_settings(config, secret, ad, st);
	release(&ad->run);
	cm_dns01_api_free(&ad->run.api);
	free(ad);
	return ok;
}

static bool
read_call(CmDns01Run *run, const CmDns01Call *call, CmStatus *st)
{
	return read_settings(call->config, call->secret, (AcmeDns *) run, st);
}

static const Account *
account_of(const AcmeDns *ad, const char *name)
{
	int			i;

	for (i = 0; i < ad->count; i++)
	{
		if (strcmp(ad->accounts[i].fulldomain, name) == 0)
			return &ad->accounts[i];
	}
	return NULL;
}

static void
not_delegated(AcmeDns *ad, const char *name)
{
	CmStatus   *st = &ad->run.task.result.status;

	memset(st, 0, sizeof(*st));
	cm_fail(st, CM_REFUSED, "\"%.150s\" is not delegated to an account of this acme-dns server", name);
	if (ad->count == 1)
		cm_fail_detail(st, "Create the record: %.200s CNAME %.200s", name, ad->accounts[0].fulldomain);
	else
		cm_fail_detail(st, "Create a CNAME record at \"%.200s\" that points to the fulldomain of one of the %d accounts.", name, ad->count);
	cm_dns01_run_finish(&ad->run);
}

/* ---- the zone of a name ---- */

static void
find_first(CmDns01Run *run)
{
	AcmeDns    *ad = (AcmeDns *) run;
	const Account *account = account_of(ad, run->name);

	if (account == NULL)
	{
		not_delegated(ad, run->name);
		return;
	}
	/* The server is authoritative for what all its fulldomains lie in. */
	snprintf(run->zone, sizeof(run->zone), "%s", cm_dns01_parent(account->fulldomain));
	cm_dns01_run_finish(run);
}

static bool
find_zone(const CmDns01Call *call, CmStatus *st)
{
	return cm_dns01_run_start(call, sizeof(AcmeDns), read_call, release, find_first, st);
}

/* ---- writing ---- */

static void
on_updated(CmDns01ApiAnswer *answer, void *arg)
{
	AcmeDns    *ad = arg;
	CmStatus   *st = &ad->run.task.result.status;
	const char *said = cm_json_get_string(answer->json, "error");
	const char *txt = cm_json_get_string(answer->json, "txt");
	char		words[100] = "";

	if (answer->status.code == CM_OK && txt != NULL && strcmp(txt, ad->item->value) == 0)
	{
		ad->item->done = true;
		apply_next(ad);
		return;
	}
	cm_dns01_run_judged(&ad->run, answer);
	if (said != NULL)
		cm_clean_text(words, sizeof(words), said, strlen(said));
	if (st->code == CM_OK)
		cm_fail(st, CM_PROTOCOL, "the acme-dns server answered something else than the value it was given");
	else if (st->code == CM_REFUSED)
	{
		cm_fail(st, CM_REFUSED, "acme-dns refused to update \"%.150s\"", ad->item->name);
		cm_fail_detail(st, "It answered HTTP %d%s%s.%s", answer->code, words[0] != '\0' ? ": " : "", words,
					   answer->code == 401 || answer->code == 403 ? " Check user name and password, and from where the account may update (allowfrom)." : "");
	}
	cm_dns01_run_finish(&ad->run);
}

static void
send_update(AcmeDns *ad, const Account *account)
{
	char		user[WORD_MAX + 20];
	char		key[WORD_MAX + 20];
	const char *const headers[] = {user, key, NULL};
	CmDns01ApiRequest request = {.method = "POST", .path = "/update", .headers = headers};
	CmBuf		body;

	snprintf(user, sizeof(user), "X-Api-User: %s", account->username);
	snprintf(key, sizeof(key), "X-Api-Key: %s", account->password);
	cm_buf_init(&body, 16384);
	cm_buf_append_str(&body, "{\"subdomain\":");
	cm_json_quote(&body, account->subdomain);
	cm_buf_append_str(&body, ",\"txt\":");
	cm_json_quote(&body, ad->item->value);
	cm_buf_append_str(&body, "}");
	request.body = cm_buf_cstr(&body);
	request.body_len = body.len;
	cm_dns01_run_send(&ad->run, &request, on_updated);
	cm_buf_free(&body);
	cm_wipe(key, sizeof(key));
}

static void
apply_next(AcmeDns *ad)
{
	const Account *account;

	ad->item = cm_dns01_run_next(&ad->run);
	if (ad->item == NULL)
	{
		cm_dns01_run_finish(&ad->run);
		return;
	}
	account = account_of(ad, ad->item->name);
	if (account == NULL)
		not_delegated(ad, ad->item->name);
	else
		send_update(ad, account);
}

/* More values than the server keeps would push each other out: better said than found out by the CA. */
static const CmDns01Item *
too_many(const CmDns01Run *run)
{
	int			i;
	int			j;

	for (i = 0; i < run->count; i++)
	{
		int			same = 0;

		for (j = 0; j < run->count; j++)
			same += !run->items[j].remove && strcmp(run->items[j].name, run->items[i].name) == 0;
		if (same > VALUES_MAX)
			return &run->items[i];
	}
	return NULL;
}

static void
apply_first(CmDns01Run *run)
{
	AcmeDns    *ad = (AcmeDns *) run;
	const CmDns01Item *crowded = too_many(run);
	int			i;

	if (crowded != NULL)
	{
		cm_dns01_run_fail(run, CM_REFUSED, "acme-dns keeps %d values of a name, and \"%.150s\" needs more: delegate some of the names to another account",
						   VALUES_MAX, crowded->name);
		return;
	}
	for (i = 0; i < run->count; i++)
		run->items[i].done = run->items[i].remove;
	apply_next(ad);
}

static bool
apply(const CmDns01Call *call, CmStatus *st)
{
	return cm_dns01_run_start(call, sizeof(AcmeDns), read_call, release, apply_first, st);
}

const CmDns01Provider cm_dns01_acmedns = {
	"acme-dns", check, find_zone, apply, NULL
};
