/*
 * compat.h - differences between libcurl versions, and nothing else.
 *
 * Supported: 7.88 (Debian 12) and later. Headers may be older than the library
 * that is loaded, so an option that came later is only set, never needed.
 */
#ifndef CM_NET_COMPAT_H
#define CM_NET_COMPAT_H

#include <curl/curl.h>

#if LIBCURL_VERSION_NUM < 0x075800
#error "certmgr needs libcurl 7.88 or later"
#endif

/*
 * From 8.20 the resolver threads belong to the multi handle, and this option
 * keeps curl_multi_cleanup from waiting for getaddrinfo. Until then
 * CURLOPT_QUICK_EXIT of the easy handles does it.
 */
#if LIBCURL_VERSION_NUM >= 0x081400
#define cm_curl_multi_quick_exit(multi) ((void) curl_multi_setopt((multi), CURLMOPT_QUICK_EXIT, 1L))
#else
#define cm_curl_multi_quick_exit(multi) ((void) (multi))
#endif

#endif
