// Cut by content: an end is where a hash of the policy says so, once there are enough.
#include "ctl/host_guard_parts.h"

#include "base/nft.h"
#include "dataplane/spd.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLICIES_MIN 64
#define ENDS_ONE_OF 64

// FNV-1a of 64 bits.
#define HASH_BEGIN UINT64_C(0xcbf29ce484222325)
#define HASH_PRIME UINT64_C(0x100000001b3)

static uint64_t hash(uint64_t from, const void *data, size_t octets)
{
	const uint8_t *at = data;

	for (size_t i = 0; i < octets; i++)
		from = (from ^ at[i]) * HASH_PRIME;
	return from;
}

static uint64_t hash_prefix(uint64_t from, const struct ip_prefix *prefix)
{
	from = hash(from, &prefix->addr.family, sizeof(prefix->addr.family));
	from = hash(from, prefix->addr.octets, ip_addr_octets(prefix->addr.family));
	return hash(from, &prefix->length, sizeof(prefix->length));
}

// Every bit of the octets at the end counts for every bit of the result.
static uint64_t mix(uint64_t from)
{
	from = (from ^ from >> 32) * UINT64_C(0xd6e8feb86659fd93);
	from = (from ^ from >> 32) * UINT64_C(0xd6e8feb86659fd93);
	return from ^ from >> 32;
}

bool host_guard_part_add(struct host_guard_part *part, const struct selector *selector, bool drops)
{
	uint64_t policy = hash(HASH_BEGIN, &drops, sizeof(drops));

	policy = hash_prefix(policy, &selector->source);
	policy = mix(hash_prefix(policy, &selector->destination));
	part->content = hash(part->content, &policy, sizeof(policy));
	part->policies++;
	return part->policies >= POLICIES_MIN && policy % ENDS_ONE_OF == 0;
}

void host_guard_part_name(
	const struct host_guard_part *part, const char *chain, char name[HOST_GUARD_CHAIN])
{
	snprintf(name, HOST_GUARD_CHAIN, "%s.%016" PRIx64, chain, part->content);
}

// An interface's name is too short to look like one.
static bool is_part_of(const char *name, const char *chain)
{
	size_t octets = strlen(chain);

	return name && strncmp(name, chain, octets) == 0 && name[octets] == '.' &&
		strlen(name + octets) == 17;
}

static void collect(json_t *parts, const char *chain, const json_t *listed)
{
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(listed, "nftables"), i, item)
	{
		const json_t *found = json_object_get(item, "chain");
		const char *table = json_string_value(json_object_get(found, "table"));
		const char *name = json_string_value(json_object_get(found, "name"));

		if (table && strcmp(table, HOST_GUARD_TABLE) == 0 && is_part_of(name, chain))
			json_object_set_new(parts, name, json_true());
	}
}

json_t *host_guard_parts_there(const char *chain)
{
	json_t *parts = json_object();
	struct error err;
	char *said = NULL;
	json_t *listed;

	// Most likely there is no guard yet.
	if (!parts || nft_run("list chains inet", &said, &err) < 0)
		return parts;
	listed = json_loads(said, 0, NULL);
	free(said);
	collect(parts, chain, listed);
	json_decref(listed);
	return parts;
}
