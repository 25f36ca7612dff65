/*
 * token_file.h - a token that the machine's platform keeps in a file: web
 * identities, credentials of containers.
 */
#ifndef CM_DNS01_TOKEN_FILE_H
#define CM_DNS01_TOKEN_FILE_H

#include "base/buf.h"
#include "base/status.h"

/* A web identity is a JWT of one or two KiB. */
#define CM_TOKEN_FILE_MAX ((size_t) 16 * 1024)

/* Appends the file's content, without white space at its end; printable ASCII without spaces only. out should be secret. */
extern bool cm_token_file_read(const char *path, CmBuf *out, CmStatus *st);
/*
 * The same, and it must be a JSON web token. Whoever may write a provider's
 * config names the file and where its content is sent: nothing but a token of
 * that kind may leave the machine that way.
 */
extern bool cm_token_file_read_jwt(const char *path, CmBuf *out, CmStatus *st);

#endif
