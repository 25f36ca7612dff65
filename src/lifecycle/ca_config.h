/*
 * ca_config.h - writing changes of a CA's configuration, which is a JSON object
 * of texts.
 */
#ifndef CM_LIFECYCLE_CA_CONFIG_H
#define CM_LIFECYCLE_CA_CONFIG_H

#include "base/buf.h"
#include "datatype/timestamp.h"
#include "pg/json.h"

extern CmBuf *cm_ca_config_begin(void);
/* value NULL: the member is not touched; empty: it is removed. */
extern void cm_ca_config_put(CmBuf *json, const char *key, const char *value);
/* interval NULL: not touched; zero: removed when zero_removes. */
extern void cm_ca_config_put_interval(CmBuf *json, const char *key, const Interval *interval, bool zero_removes);
extern const char *cm_ca_config_end(CmBuf *json);

/* A given text, empty meaning none; otherwise what is configured. */
extern const char *cm_ca_config_choose(const char *given, const CmJson *config, const char *key);
extern bool cm_interval_is_zero(const Interval *i);
extern bool cm_interval_is_shorter(const Interval *i, int64 usecs);

#endif
