// Settings of a bond: how the devices of a port become one.
#include "ctl/config_tables.h"

#include <string.h>

#define MEMBERS_MIN 2

static const struct setting_word mode_words[] = {{"active-backup", PORT_BOND_ACTIVE_BACKUP},
	{"balance-xor", PORT_BOND_BALANCE_XOR}, {"802.3ad", PORT_BOND_LACP}, {NULL, 0}};
static const struct setting_word hash_words[] = {{"layer2", PORT_BOND_LAYER2},
	{"layer2+3", PORT_BOND_LAYER23}, {"layer3+4", PORT_BOND_LAYER34}, {NULL, 0}};

// Drivers that set no MAC address: members have the bond's.
static const char *const no_members[] = {
	"net_af_xdp", "net_memif", "net_pcap", "net_ring", "net_vhost", NULL};

static bool spreads(const void *bond)
{
	return ((const struct port_bond *)bond)->mode != PORT_BOND_ACTIVE_BACKUP;
}

static const struct setting bond_rows[] = {
	{.name = "mode",
		.kind = SETTING_WORD,
		FIELD(struct port_bond, mode),
		.required = true,
		.words = mode_words},
	{.name = "xmit_hash_policy",
		.kind = SETTING_WORD,
		FIELD(struct port_bond, hash),
		.words = hash_words,
		.defaults = true,
		.fallback = PORT_BOND_LAYER34,
		.applies = spreads,
		.otherwise = "takes another mode: with \"active-backup\" one member sends all"},
};
const struct settings bond_settings = SETTINGS(bond_rows, NULL);

const char *bond_mode_name(enum port_bond_mode mode)
{
	const struct setting_word *word = mode_words;

	while (word->word && word->value != mode)
		word++;
	return word->word;
}

int check_bond(struct reader *reader, const config_setting_t *bond, const struct config_port *port)
{
	if (port->params.devices < MEMBERS_MIN)
		return setting_fail(reader, bond,
			"port '%s' has %u device; a bond has %d or more, its members",
			port->params.name, port->params.devices, MEMBERS_MIN);
	for (unsigned i = 0; i < port->params.devices; i++)
		for (const char *const *driver = no_members; *driver && !port->pci; driver++)
			if (strncmp(port->params.device[i], *driver, strlen(*driver)) == 0)
				return setting_fail(reader, bond,
					"device %s cannot be a member: %s sets no MAC address; "
					"network interfaces can be bonded by the kernel, and the "
					"port be made of its bond",
					port->params.device[i], *driver);
	return 0;
}
