// The request key-register: keys that nobody has used get their records while the daemon has the
// journal. What comes is their fingerprints; the keys themselves stay in their files.
#pragma once

#include "base/error.h"

#include <jansson.h>

struct session;

// fingerprints: 32 hexadecimal digits each. journal: the file that is meant, if one is. {"journal",
// "journal_made", "records", "records_used", "keys": [{"fingerprint", "new", "ended"}]}. 0 or
// -errno: then none of them is registered.
int key_register(
	struct session *session, const json_t *arguments, json_t **result, struct error *err);
