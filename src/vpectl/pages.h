// Answers that come by pages.
#pragma once

#include "vpectl/vpectl.h"

// Asks until there is no more; `page` is called with each. arguments becomes ours; may be NULL.
// Errors are told on stderr.
enum vpectl_exit pages_ask(const char *socket, const char *request, json_t *arguments,
	void (*page)(const json_t *result, void *to), void *to);
// As vpectl_ask(), with all pages as if they were one. list: what of an answer goes on in the next.
enum vpectl_exit pages_show(const struct vpectl *ctl, const char *request, const char *list,
	json_t *arguments, void (*print)(const json_t *result));
