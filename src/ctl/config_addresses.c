// Addresses that cannot be what they are written for: ends of tunnels, neighbours, prefixes of
// policies.
#include "ctl/config_tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define V4(length_, ...)                        \
	{                                       \
		{IP_V4, {__VA_ARGS__}}, length_ \
	}
#define V6(length_, ...)                        \
	{                                       \
		{IP_V6, {__VA_ARGS__}}, length_ \
	}

struct reserved {
	struct ip_prefix prefix;
	const char *why;
};

// No single host's on any link. The first that fits is told.
static const struct reserved no_hosts[] = {
	{V4(8, 0), "0.0.0.0/8 is \"this host\", not an address of one"},
	{V4(8, 127), "127.0.0.0/8 is loopback and never on a wire"},
	{V4(4, 224), "224.0.0.0/4 is multicast"},
	{V4(32, 255, 255, 255, 255), "255.255.255.255 is broadcast"},
	{V4(4, 240), "240.0.0.0/4 is reserved"},
	{V6(128, 0), ":: is no address"},
	{V6(128, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
		"::1 is loopback and never on a wire"},
	{V6(96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff),
		"::ffff:0:0/96 stands for IPv4 and is never on a wire"},
	{V6(8, 0xff), "ff00::/8 is multicast"},
};

static const struct reserved link_local[] = {
	{V6(10, 0xfe, 0x80), "fe80::/10 is link-local and not routed"},
};

static const struct reserved multicast[] = {
	{V4(4, 224), "multicast goes through no tunnel"},
	{V6(8, 0xff), "multicast goes through no tunnel"},
};

static const struct reserved loopback[] = {
	{V4(8, 127), "loopback is the kernel's and never meets a policy"},
	{V6(128, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
		"loopback is the kernel's and never meets a policy"},
};

static const char *why(const struct reserved *row, size_t n, const struct ip_prefix *prefix)
{
	for (size_t i = 0; i < n; i++)
		if (ip_prefix_covers(&row[i].prefix, prefix))
			return row[i].why;
	return NULL;
}

#define WHY(rows, prefix) why(rows, sizeof(rows) / sizeof((rows)[0]), prefix)

static struct ip_prefix host_prefix(const struct ip_addr *addr)
{
	return (struct ip_prefix){
		.addr = *addr, .length = (uint8_t)(8 * ip_addr_octets(addr->family))};
}

const char *tunnel_end_wrong(const struct ip_addr *addr)
{
	const struct ip_prefix host = host_prefix(addr);
	const char *wrong = WHY(no_hosts, &host);

	return wrong ? wrong : WHY(link_local, &host);
}

const char *neighbour_wrong(const struct ip_addr *addr)
{
	const struct ip_prefix host = host_prefix(addr);

	return WHY(no_hosts, &host);
}

const char *policy_source_wrong(const struct ip_prefix *prefix)
{
	return WHY(loopback, prefix);
}

const char *protected_prefix_wrong(const struct ip_prefix *prefix)
{
	return WHY(multicast, prefix);
}

static int by_local(const void *a, const void *b)
{
	const struct config_tunnel *left = a, *right = b;

	return memcmp(&left->local, &right->local, sizeof(left->local));
}

static int by_local_of_items(const void *a, const void *b)
{
	return by_local(*(const void *const *)a, *(const void *const *)b);
}

static int local_of_item(const void *remote, const void *item)
{
	const struct config_tunnel *tunnel = *(const void *const *)item;

	return memcmp(remote, &tunnel->local, sizeof(tunnel->local));
}

// What is sent to an address of our own comes back or goes to the kernel, never to a peer.
int check_tunnel_ends(struct reader *reader)
{
	const struct config *config = reader->config;
	const void **item = calloc(config->tunnels_n + 1, sizeof(*item));
	int ret = 0;

	if (!item)
		return reader_fail(reader, 1, ENOMEM, "no memory");
	for (unsigned i = 0; i < config->tunnels_n; i++)
		item[i] = &config->tunnels[i];
	qsort(item, config->tunnels_n, sizeof(*item), by_local_of_items);
	for (unsigned i = 0; i < config->tunnels_n && ret == 0; i++) {
		const struct config_tunnel *tunnel = &config->tunnels[i];
		const void *const *found = bsearch(
			&tunnel->remote, item, config->tunnels_n, sizeof(*item), local_of_item);
		char text[IP_ADDR_TEXT];

		if (found)
			ret = reader_fail(reader, tunnel->line, EINVAL,
				"'remote' of tunnel '%s' is %s, which is 'local' of tunnel '%s'; "
				"the address of the other gateway is wanted",
				tunnel->name, ip_addr_format(&tunnel->remote, text),
				((const struct config_tunnel *)*found)->name);
	}
	free(item);
	return ret;
}
