// The name of a key that lies in a file, whatever algorithm it is for.
#pragma once

#include "base/error.h"
#include "journal/page.h"

// 0 or -errno with err filled. The key itself does not stay.
int journal_keyfile_fingerprint(
	const char *path, uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS], struct error *err);
