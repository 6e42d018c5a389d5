// A key for a request: from a file, never from the command line.
#pragma once

#include "base/error.h"

#include <jansson.h>

// Hex digits from a file with octets or digits ("-": standard input); NULL with err filled.
json_t *key_argument_read(const char *file, struct error *err);
