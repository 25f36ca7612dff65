/*
 * ca_args.h - arguments that several functions of CAs have.
 */
#ifndef CM_API_CA_ARGS_H
#define CM_API_CA_ARGS_H

#include "utils/timestamp.h"

/* Throws when CRLs would end before anybody has them. */
extern void cm_arg_crl_lifetime(const Interval *lifetime);

#endif
