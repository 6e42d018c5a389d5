// Engines against OpenSSL, message by message, before anybody looks at how fast they are.
#pragma once

#include "crypto/aead.h"

// So many messages for each engine and algorithm. 0; -EBADMSG with what differs.
int verify_engines(const struct aead_table *engines, uint64_t messages, struct error *err);
