// Commands for the kernel's packet filter, in nft(8)'s language.
#pragma once

#include "base/error.h"

// Runs the commands as one transaction: all or none. said: NULL, or what they print, as JSON, to be
// freed. 0 or -errno.
int nft_run(const char *commands, char **said, struct error *err);
// Has the kernel try them, and take all back. 0 or -errno.
int nft_try(const char *commands, struct error *err);
