/* SHA-1 (RFC 3174), for the handshake of WebSockets only: it protects nothing. */
#ifndef FLAMETOP_NET_SHA1_H
#define FLAMETOP_NET_SHA1_H

#include <stdint.h>

#include "flametop/base/str.h"

#define SHA1_BYTES 20

/* `text` may have at most 119 bytes: two blocks are all that a handshake needs. */
void sha1(struct str text, uint8_t dst[SHA1_BYTES]);

#endif
