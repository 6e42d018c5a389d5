// A record for one key.
#pragma once

#include "journal/journal_key.h"

#include <errno.h>
#include <string.h>

// 0; -EEXIST: it had one; or -errno with err filled.
static inline int register_key(struct journal *journal,
	const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS], uint64_t now_s, struct error *err)
{
	struct journal_registration key;
	int ret;

	memcpy(key.fingerprint, fingerprint, sizeof(key.fingerprint));
	ret = journal_key_register_all(journal, &key, 1, 0, now_s, err);
	return ret == 0 && key.known ? -EEXIST : ret;
}
