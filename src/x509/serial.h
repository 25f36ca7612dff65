/*
 * serial.h - serial numbers of certificates as people write them.
 */
#ifndef CM_X509_SERIAL_H
#define CM_X509_SERIAL_H

#include "base/buf.h"
#include "base/status.h"

/* RFC 5280 4.1.2.2, and what older software made. */
#define CM_SERIAL_MAX 64

/*
 * Reads "0x1f", "1f:0a", "1F0A" or "31": big endian, without leading zeros.
 * Digits alone may be hexadecimal as well as decimal: then both forms are
 * given. A form that the text does not have is left empty.
 */
extern bool cm_serial_parse(const char *text, CmBuf *hexadecimal, CmBuf *decimal, CmStatus *st);

#endif
