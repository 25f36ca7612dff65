/*
 * guc_weak_key.c - the setting certmgr.weak_key_file: its file is read when it
 * is set, so that a file that cannot be used refuses the setting, with a reason,
 * and whoever checks a key has nothing to wait for.
 *
 * Runs in the postmaster, whose children find the list in memory, and after a
 * reload in each process. Locks nothing. What may fail: the file, or a line of it.
 * A server must start all the same; its processes know that it did without, and why.
 */
#include "postgres.h"

#include <sys/stat.h>

#include "access/parallel.h"
#include "miscadmin.h"
#include "pg/compat.h"
#include "pg/guc.h"
#include "pg/guc_internal.h"
#include "storage/fd.h"

/* All of Debian's lists have ten megabytes; each process may hold half of the size. */
#define FILE_SIZE_MAX (64 * 1024 * 1024)

typedef struct WeakKeyList
{
	size_t		count;
	uint8_t		entries[FLEXIBLE_ARRAY_MEMBER];
} WeakKeyList;

static const CmGucWeakKeys *reader;
/* Why it could not be used; of the postmaster, or of a session that loads the library itself. */
static char problem[200];
static bool defining;

void
cm_guc_weak_keys_are(const CmGucWeakKeys *weak_keys)
{
	reader = weak_keys;
}

const char *
cm_guc_weak_key_problem(void)
{
	return problem[0] != '\0' ? problem : NULL;
}

/* malloc'ed, since a check is no place for an error; NULL: the detail says why. */
static char *
read_file(const char *path, size_t *len)
{
	struct stat st;
	FILE	   *file;
	char	   *content;

	/* Before it is opened: a pipe would keep the server waiting. */
	if (stat(path, &st) != 0)
	{
		GUC_check_errdetail("The file cannot be read: %m.");
		return NULL;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > FILE_SIZE_MAX)
	{
		GUC_check_errdetail("It is not a regular file of at most %d megabytes.", FILE_SIZE_MAX / 1024 / 1024);
		return NULL;
	}
	file = AllocateFile(path, PG_BINARY_R);
	if (file == NULL)
	{
		GUC_check_errdetail("The file cannot be read: %m.");
		return NULL;
	}
	content = malloc((size_t) st.st_size + 1);
	*len = content ? fread(content, 1, (size_t) st.st_size, file) : 0;
	if (content == NULL || ferror(file))
	{
		GUC_check_errdetail(content ? "The file cannot be read: %m." : "Out of memory.");
		free(content);
		content = NULL;
	}
	(void) FreeFile(file);
	return content;
}

static WeakKeyList *
list_of(const char *content, size_t len)
{
	WeakKeyList *list = cm_guc_malloc(offsetof(WeakKeyList, entries) + reader->room(len));
	char		why[160] = "";

	if (list == NULL)
		GUC_check_errdetail("Out of memory.");
	else if (!reader->read(content, len, list->entries, &list->count, why, sizeof(why)))
	{
		GUC_check_errdetail("%s", why);
		cm_guc_free(list);
		list = NULL;
	}
	return list;
}

static bool
read_list(char **newval, void **extra, GucSource source)
{
	char	   *content;
	size_t		len;

	if (!cm_guc_check_absolute(newval, extra, source))
		return false;
	content = read_file(*newval, &len);
	if (content != NULL)
		*extra = list_of(content, len);
	free(content);
	return *extra != NULL;
}

static bool
check(char **newval, void **extra, GucSource source)
{
	/* A parallel worker is told its leader's settings: no query is to fail for a file that went since. */
	if (**newval == '\0' || read_list(newval, extra, source) || InitializingParallelWorker)
		return true;
	/* In a session it may be no more than ALTER SYSTEM, which is refused. */
	if (!IsUnderPostmaster || defining)
		strlcpy(problem, GUC_check_errdetail_string != NULL ? GUC_check_errdetail_string : "", sizeof(problem));
	return false;
}

static void
assign(const char *newval, void *extra)
{
	WeakKeyList *list = extra;

	problem[0] = '\0';
	reader->use(list ? list->entries : NULL, list ? list->count : 0);
}

void
cm_guc_weak_keys_define(void)
{
	defining = true;
	DefineCustomStringVariable("certmgr.weak_key_file", "File with a list of RSA keys that are known to be weak.",
							   "In the format of openssl-blacklist (Debian's keys of 2008); absolute path. Read when it is set and at each reload. Empty: none.",
							   &cm_guc_weak_key_file, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY, check, assign, NULL);
	defining = false;
}
