// An engine that encrypts nothing and finds everything authentic: what a packet costs without its
// crypto. For measurements alone; the gateway does not know it.
#pragma once

#include "crypto/aead.h"

extern const struct aead_engine engine_null;
