/*
 * master_key.c - see master_key.h. Runs in the process that needs the key,
 * never in the postmaster. The file must belong to the server's user, be
 * closed to everybody else and lie outside PGDATA, where backups would carry
 * it along with what it protects.
 */
#include "postgres.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encode.h"
#include "crypto/digest.h"
#include "crypto/seal.h"
#include "lifecycle/master_key.h"
#include "miscadmin.h"
#include "pg/caller.h"
#include "pg/error.h"
#include "pg/guc.h"
#include "storage/fd.h"

#define HEX_SIZE (2 * CM_KEK_SIZE)
/* The key in hexadecimal and a newline; more is not a key file. */
#define FILE_MAX 256

static int	loaded_generation;

/* Is the path inside the data directory, links resolved? */
static bool
inside_data_directory(const char *path)
{
	char		real_path[PATH_MAX];	/* what realpath() may write */
	char		real_data[PATH_MAX];
	size_t		len;

	if (realpath(path, real_path) == NULL || realpath(DataDir, real_data) == NULL)
		return false;
	len = strlen(real_data);
	return strncmp(real_path, real_data, len) == 0 && (real_path[len] == '/' || real_path[len] == '\0');
}

static bool
parse_key(char *content, size_t len, const char *origin, CmStatus *st)
{
	CmBuf		key;
	bool		ok;

	while (len > 0 && (content[len - 1] == '\n' || content[len - 1] == '\r' || content[len - 1] == ' '))
		len--;
	cm_buf_init_secret(&key, CM_KEK_SIZE);
	ok = len == HEX_SIZE && cm_hex_decode(&key, content, len) && key.len == CM_KEK_SIZE;
	if (ok)
		ok = cm_kek_set(key.data, st);
	else
	{
		cm_fail(st, CM_SEALED, "%s does not hold a master key", origin);
		cm_fail_detail(st, "Expected %d hexadecimal digits, found %zu characters.", HEX_SIZE, len);
	}
	cm_buf_free(&key);
	return ok;
}

static bool
check_file(int fd, const char *path, CmStatus *st)
{
	struct stat info;

	if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
		return cm_fail(st, CM_SEALED, "master key file is not a regular file");
	if (info.st_uid != geteuid() && info.st_uid != 0)
		return cm_fail(st, CM_SEALED, "master key file belongs to another user");
	if (info.st_mode & (S_IRWXG | S_IRWXO))
	{
		cm_fail(st, CM_SEALED, "master key file is open to other users");
		return cm_fail_detail(st, "Its mode is %04o; it must be 0600 or less.", (unsigned) (info.st_mode & 07777));
	}
	if (inside_data_directory(path))
		return cm_fail(st, CM_SEALED, "master key file lies inside the data directory");
	return true;
}

static bool
load_key_file(const char *path, CmStatus *st)
{
	char		content[FILE_MAX + 1];
	ssize_t		len;
	int			fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	bool		ok;

	if (fd < 0)
		return cm_fail(st, CM_SEALED, "could not open master key file: %s", strerror(errno));
	ok = check_file(fd, path, st);
	if (ok)
	{
		len = read(fd, content, FILE_MAX);
		ok = len < 0 ? cm_fail(st, CM_SEALED, "could not read master key file: %s", strerror(errno))
			: parse_key(content, (size_t) len, "master key file", st);
		cm_wipe(content, sizeof(content));
	}
	close(fd);
	return ok;
}

static bool
load_command(const char *command, CmStatus *st)
{
	char		content[FILE_MAX + 1];
	size_t		len;
	int			status;
	FILE	   *pipe = OpenPipeStream(command, "r");
	bool		ok;

	if (pipe == NULL)
		return cm_fail(st, CM_SEALED, "could not run certmgr.master_key_command: %s", strerror(errno));
	/* No buffer of stdio's: what it holds would stay in memory. */
	setvbuf(pipe, NULL, _IONBF, 0);
	len = fread(content, 1, FILE_MAX, pipe);
	status = ClosePipeStream(pipe);
	ok = status == 0 ? parse_key(content, len, "output of certmgr.master_key_command", st)
		: cm_fail(st, CM_SEALED, "certmgr.master_key_command failed with status %d", WIFEXITED(status) ? WEXITSTATUS(status) : status);
	cm_wipe(content, sizeof(content));
	return ok;
}

bool
cm_master_key_load(CmStatus *st)
{
	if (cm_kek_present() && loaded_generation == cm_guc_generation())
		return true;
	cm_kek_clear();
	if (cm_guc_master_key_file != NULL && cm_guc_master_key_file[0] != '\0')
	{
		if (!load_key_file(cm_guc_master_key_file, st))
			return false;
	}
	else if (cm_guc_master_key_command != NULL && cm_guc_master_key_command[0] != '\0')
	{
		if (!load_command(cm_guc_master_key_command, st))
			return false;
	}
	else
	{
		cm_fail(st, CM_SEALED, "no master key is configured");
		return cm_fail_detail(st, "Private keys and credentials are sealed with it.");
	}
	loaded_generation = cm_guc_generation();
	return true;
}

void
cm_master_key_tell_path(CmStatus *st)
{
	size_t		len = strlen(st->detail);

	/* Who sits at the other end counts, not as whom a function acts just now. */
	if (cm_guc_master_key_file != NULL && cm_guc_master_key_file[0] != '\0' && cm_session_is_admin())
		snprintf(st->detail + len, sizeof(st->detail) - len, "%sThe file is \"%s\".", len > 0 ? " " : "", cm_guc_master_key_file);
}

void
cm_master_key_require(void)
{
	CmStatus	st = CM_STATUS_INIT;

	if (cm_master_key_load(&st))
		return;
	cm_master_key_tell_path(&st);
	if (cm_guc_master_key_file == NULL || cm_guc_master_key_file[0] == '\0')
		cm_throw(&st, "As a superuser: SELECT certmgr.create_master_key('/path/outside/the/data/directory'); "
				 "ALTER SYSTEM SET certmgr.master_key_file = '/path/outside/the/data/directory'; SELECT pg_reload_conf();");
	cm_throw(&st, NULL);
}

/* Writes the key and makes file and directory entry durable: a lost master key loses everything sealed under it. */
static void
write_key_file(int fd, const char *path)
{
	uint8_t		key[CM_KEK_SIZE];
	CmBuf		content;
	bool		ok;

	cm_buf_init_secret(&content, 0);
	ok = cm_random(key, sizeof(key)) && cm_hex_encode(&content, key, sizeof(key)) && cm_buf_append_byte(&content, '\n');
	cm_wipe(key, sizeof(key));
	ok = ok && write(fd, content.data, content.len) == (ssize_t) content.len && pg_fsync(fd) == 0;
	cm_buf_free(&content);
	if (close(fd) != 0 || !ok)
	{
		int			saved = errno;

		unlink(path);
		errno = saved;
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not write master key file \"%s\": %m", path)));
	}
}

void
cm_master_key_create(const char *path)
{
	char		parent[MAXPGPATH];
	int			fd;

	if (!is_absolute_path(path) || strlen(path) >= MAXPGPATH)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("path of the master key file must be absolute")));
	strlcpy(parent, path, sizeof(parent));
	get_parent_directory(parent);
	if (inside_data_directory(parent))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("master key file must not lie inside the data directory"),
				 errdetail("A backup of the data directory would carry the key along with what it protects."),
				 errhint("Choose a directory that only the server's user can read, and back the file up apart from the database.")));
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
	if (fd < 0 && errno == EEXIST)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_FILE),
				 errmsg("file \"%s\" exists", path),
				 errdetail("A master key is never overwritten: everything sealed under it would be lost."),
				 errhint("Choose another path, or use the file: ALTER SYSTEM SET certmgr.master_key_file = '%s'.", path)));
	if (fd < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not create master key file \"%s\": %m", path)));
	write_key_file(fd, path);
	fsync_fname(parent, true);
}
