// The kernel takes an interface out of nothing when it goes, and gives its index to another some
// time, perhaps one that comes from another namespace: the guard would cut that off.
#include "ctl/host_guard_indexes.h"

#include "base/nft.h"
#include "ctl/api.h"

#include <errno.h>
#include <jansson.h>
#include <net/if.h>
#include <stdint.h>
#include <stdlib.h>

#define TABLE "inet " HOST_GUARD_TABLE
#define SET TABLE " " HOST_GUARD_INDEXES

// libnftables gives the name in place of an index that has one.
static unsigned index_of(const json_t *element)
{
	const char *text = json_string_value(element);
	unsigned long index;
	char *end;

	if (json_is_integer(element))
		return (unsigned)json_integer_value(element);
	if (!text || text[0] < '0' || text[0] > '9')
		return 0;
	index = strtoul(text, &end, 10);
	return *end == '\0' && index <= INT32_MAX ? (unsigned)index : 0;
}

static json_t *elements_of(const json_t *listed)
{
	const json_t *items = json_object_get(listed, "nftables");

	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *set = json_object_get(json_array_get(items, i), "set");

		if (set)
			return json_object_get(set, "elem");
	}
	return NULL;
}

// Of daemons in one namespace another may be doing the same: what is not there cannot be deleted.
#define FORGET "add element " SET " { %u }\ndelete element " SET " { %u }\n"

static void write_gone(FILE *commands, const json_t *elements)
{
	for (size_t i = 0; i < json_array_size(elements); i++) {
		unsigned index = index_of(json_array_get(elements, i));
		char name[IF_NAMESIZE];

		if (index != 0 && !if_indextoname(index, name))
			fprintf(commands, FORGET, index, index);
	}
}

void host_guard_forget_gone(FILE *commands)
{
	struct error err;
	char *said = NULL;
	json_t *listed;

	// Most likely there is no guard yet.
	if (nft_run("list set " SET, &said, &err) < 0)
		return;
	listed = json_loads(said, 0, NULL);
	free(said);
	write_gone(commands, elements_of(listed));
	json_decref(listed);
}

int host_guard_forget(unsigned ifindex, struct error *err)
{
	char commands[2 * sizeof(FORGET)];
	int ret;

	snprintf(commands, sizeof(commands), FORGET, ifindex, ifindex);
	ret = nft_run(commands, NULL, err);
	if (ret == -ENOENT) // somebody has removed the guard
		return 0;
	if (ret < 0)
		error_prefix(err, "host guard: ");
	return ret;
}
