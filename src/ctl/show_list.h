// Lists of things with names of their own, by pages: tunnels and policies.
#pragma once

#include "base/error.h"
#include "ctl/name_index.h"

#include <jansson.h>
#include <stddef.h>

struct gateway;

struct show_list {
	const char *what; // one of them: "tunnel"
	const char *all;  // "tunnels"
	struct name_index *names;
	const void *items; // [n], each begins with its name
	unsigned n;
	size_t octets; // of an item
	json_t *(*show)(const struct gateway *gateway, unsigned at);
};

// {all: [...], "more"}: the one that arguments have the "name" of, or those behind the one that
// they have as "after", as many as do not hold up the control thread; more is the last one's name
// if there are others behind it, and otherwise missing. 0 with *result a new reference, or -errno.
int show_list(const struct gateway *gateway, const struct show_list *of, const json_t *arguments,
	json_t **result, struct error *err);
#define SHOW_LIST_ARGUMENTS                  \
	{                                    \
		{"name", JSON_STRING},       \
		{                            \
			"after", JSON_STRING \
		}                            \
	}
