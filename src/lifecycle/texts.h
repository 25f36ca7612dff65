/*
 * texts.h - alternative names and usages of a certificate as lists of texts, as rows hold them.
 */
#ifndef CM_LIFECYCLE_TEXTS_H
#define CM_LIFECYCLE_TEXTS_H

#include "base/der.h"

/* Both are palloc'ed, with NULL behind the last. Throws when a name cannot be shown. */
extern char **cm_san_texts(CmSlice general_names, int *count);
/* The same for where nothing is to be thrown: NULL, and st says why. */
extern char **cm_san_texts_try(CmSlice general_names, int *count, CmStatus *st);
/* Names of the bits first. */
extern char **cm_usage_texts(uint32_t key_usage, CmSlice ext_key_usage, int *count);

#endif
