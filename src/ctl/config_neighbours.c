// Neighbours whose MAC addresses are not asked for.
#include "ctl/config_tables.h"

#include <errno.h>
#include <netinet/ether.h>
#include <stdlib.h>
#include <string.h>

#define MAC_TEXT 17

static int port(struct reader *reader, const config_setting_t *setting, void *object)
{
	const struct config *config = reader->config;
	struct config_neighbour *neighbour = object;
	char quoted[QUOTE_TEXT];
	const char *text;
	int ret = setting_string(reader, setting, &text);

	if (ret < 0)
		return ret;
	for (unsigned i = 0; i < config->ports_n; i++) {
		if (strcmp(config->ports[i].params.name, text) == 0) {
			neighbour->entry.port = (uint8_t)i;
			return 0;
		}
	}
	return setting_fail(reader, setting, "there is no port %s; the name of a port is wanted",
		quote(text, quoted));
}

static int address(struct reader *reader, const config_setting_t *setting, void *object)
{
	struct ip_addr *addr = &((struct config_neighbour *)object)->entry.addr;
	char quoted[QUOTE_TEXT];
	const char *text, *wrong;
	int ret = setting_string(reader, setting, &text);

	if (ret < 0)
		return ret;
	if (ip_addr_parse(text, addr) < 0)
		return setting_fail(reader, setting,
			"'address' is %s; an IPv4 or IPv6 address is wanted, like \"192.0.2.254\"",
			quote(text, quoted));
	wrong = neighbour_wrong(addr);
	if (wrong)
		return setting_fail(reader, setting,
			"'address' is %s: %s; the address of one host on the link is wanted", text,
			wrong);
	return 0;
}

static int mac(struct reader *reader, const config_setting_t *setting, void *object)
{
	struct rte_ether_addr *addr = &((struct config_neighbour *)object)->entry.mac;
	char quoted[QUOTE_TEXT];
	struct ether_addr parsed;
	const char *text;
	int ret = setting_string(reader, setting, &text);

	if (ret < 0)
		return ret;
	// The library also takes groups of one digit.
	if (strlen(text) != MAC_TEXT || !ether_aton_r(text, &parsed))
		return setting_fail(reader, setting,
			"'mac' is %s; a MAC address is wanted, like \"02:00:00:00:00:01\"",
			quote(text, quoted));
	memcpy(addr, &parsed, sizeof(*addr));
	if (rte_is_zero_ether_addr(addr))
		return setting_fail(reader, setting, "'mac' is zero, which is nobody's");
	if (rte_is_multicast_ether_addr(addr))
		return setting_fail(reader, setting,
			"'mac' is %s, which is a group's; one station's is wanted", text);
	return 0;
}

void *neighbour_element(struct reader *reader, void *object, unsigned i, unsigned n)
{
	struct config *config = object;

	(void)reader;
	if (i == 0)
		config->neighbours = calloc(n, sizeof(*config->neighbours));
	if (!config->neighbours)
		return NULL;
	config->neighbours_n = i + 1;
	return &config->neighbours[i];
}

static int neighbour_finish(struct reader *reader, const config_setting_t *group, void *object)
{
	(void)reader;
	((struct config_neighbour *)object)->line = setting_line(group);
	return 0;
}

static const struct setting neighbour_rows[] = {
	{.name = "port", .kind = SETTING_OTHER, .required = true, .read = port},
	{.name = "address", .kind = SETTING_OTHER, .required = true, .read = address},
	{.name = "mac", .kind = SETTING_OTHER, .required = true, .read = mac},
};
const struct settings neighbour_settings = SETTINGS(neighbour_rows, neighbour_finish);

static int by_address(const void *a, const void *b)
{
	const struct fwd_neighbour *left = &((const struct config_neighbour *)a)->entry;
	const struct fwd_neighbour *right = &((const struct config_neighbour *)b)->entry;

	if (left->port != right->port)
		return left->port < right->port ? -1 : 1;
	return memcmp(&left->addr, &right->addr, sizeof(left->addr));
}

static uint64_t hash_of_neighbour(const void *item)
{
	const struct fwd_neighbour *entry = &((const struct config_neighbour *)item)->entry;

	return twin_hash_addr(&entry->addr, entry->port);
}

static int check_twins(struct reader *reader)
{
	const struct config *config = reader->config;
	const void **item = calloc(config->neighbours_n + 1, sizeof(*item));
	const struct config_neighbour *earlier, *later;
	char text[IP_ADDR_TEXT], where[WHERE_TEXT];
	int ret = 0;

	if (!item)
		return reader_fail(reader, 1, ENOMEM, "no memory");
	for (unsigned i = 0; i < config->neighbours_n; i++)
		item[i] = &config->neighbours[i];
	if (find_twins(item, config->neighbours_n, hash_of_neighbour, by_address)) {
		earlier = item[0];
		later = item[1];
		ret = reader_fail(reader, later->line, EINVAL,
			"neighbour %s at port '%s' is there already (%s); each has one MAC address",
			ip_addr_format(&later->entry.addr, text),
			config->ports[later->entry.port].params.name,
			reader_where(reader, later->line, earlier->line, where));
	}
	free(item);
	return ret;
}

int check_neighbours(struct reader *reader)
{
	const struct config *config = reader->config;
	char text[IP_ADDR_TEXT];

	for (unsigned i = 0; i < config->neighbours_n; i++) {
		const struct config_neighbour *neighbour = &config->neighbours[i];

		for (unsigned k = 0; k < config->tunnels_n; k++) {
			if (!ip_addr_equal(&neighbour->entry.addr, &config->tunnels[k].local))
				continue;
			return reader_fail(reader, neighbour->line, EINVAL,
				"'address' is %s, which is 'local' of tunnel '%s'; a neighbour is "
				"another host",
				ip_addr_format(&neighbour->entry.addr, text),
				config->tunnels[k].name);
		}
	}
	return check_twins(reader);
}
