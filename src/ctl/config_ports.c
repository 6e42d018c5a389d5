// Settings of a port: its side, its devices, what the kernel sees of it.
#include "ctl/config_tables.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

// A device keeps thousands of buffers in its rings, AF_XDP's most of all: what is left must carry
// the traffic.
#define BUFFERS_PER_DEVICE 10240
#define VLAN_PRIORITY_MAX 7
#define BOND_DEVICE "net_bonding"
// What a packet needs in a buffer beside its IP octets: Ethernet, DPDK's headroom, room behind for
// padding and ICV.
#define BUFFER_OVERHEAD (14 + 128 + 64)

const char *name_wrong(const char *name)
{
	for (const char *at = name; *at; at++)
		if (!islower((unsigned char)*at) && !isdigit((unsigned char)*at) &&
			!strchr("_.-", *at))
			return "lower-case letters, digits, '_', '.' and '-' are allowed";
	return NULL;
}

static const char *interface_wrong(const char *name)
{
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "lo") == 0)
		return "another name for a network interface is wanted";
	for (const char *at = name; *at; at++)
		if (!isgraph((unsigned char)*at) || strchr("/:%", *at))
			return "printable characters other than '/', ':' and '%' are allowed";
	return NULL;
}

// "net_af_xdp0,iface=eth1": the device's name ends at the first comma.
static int read_vdev(struct reader *reader, const config_setting_t *setting, const char *text,
	char name[PORT_DEVICE_NAME])
{
	size_t octets = strcspn(text, ",");
	char quoted[QUOTE_TEXT];

	if (strncmp(text, "net_", 4) != 0 ||
		strspn(text, "abcdefghijklmnopqrstuvwxyz_0123456789") < octets)
		return setting_fail(reader, setting,
			"%s is no virtual device; NAME[,ARGUMENTS] is wanted, where NAME begins "
			"with "
			"net_ and has lower-case letters, digits and '_'",
			quote(text, quoted));
	if (strncmp(text, BOND_DEVICE, strlen(BOND_DEVICE)) == 0)
		return setting_fail(reader, setting,
			"%s is a bonding device; name its members here, and 'bond' makes one of "
			"them",
			quote(text, quoted));
	if (octets >= PORT_DEVICE_NAME)
		return setting_fail(reader, setting,
			"the device's name has %zu characters; %d are allowed", octets,
			PORT_DEVICE_NAME - 1);
	memcpy(name, text, octets);
	name[octets] = '\0';
	return 0;
}

static size_t hex_run(const char *text)
{
	return strspn(text, "0123456789abcdefABCDEF");
}

// "0000:3b:00.0" or "3b:00.0". Writes EAL's spelling of it.
static int read_pci(struct reader *reader, const config_setting_t *setting, const char *text,
	char name[PORT_DEVICE_NAME])
{
	size_t domain = hex_run(text);
	const char *bus = text;
	char quoted[QUOTE_TEXT];
	bool whole = domain >= 4 && domain <= 8 && text[domain] == ':';

	if (whole)
		bus = text + domain + 1;
	if (hex_run(bus) != 2 || bus[2] != ':' || hex_run(bus + 3) != 2 || bus[5] != '.' ||
		bus[6] < '0' || bus[6] > '7' || bus[7] != '\0')
		return setting_fail(reader, setting,
			"%s is no PCI address; one like \"0000:3b:00.0\" is wanted",
			quote(text, quoted));
	snprintf(name, PORT_DEVICE_NAME, "%s%.24s", whole ? "" : "0000:", text);
	for (char *at = name; *at; at++)
		*at = (char)tolower((unsigned char)*at);
	return 0;
}

static int add_device(
	struct reader *reader, const config_setting_t *setting, struct config_port *port, bool pci)
{
	const struct config *config = reader->config;
	unsigned i = port->params.devices;
	const char *text;
	int ret = setting_string(reader, setting, &text);

	if (ret < 0)
		return ret;
	if (strlen(text) >= sizeof(port->device_args[i]))
		return setting_fail(reader, setting, "a device has %zu characters; %zu are allowed",
			strlen(text), sizeof(port->device_args[i]) - 1);
	ret = pci ? read_pci(reader, setting, text, port->params.device[i])
		  : read_vdev(reader, setting, text, port->params.device[i]);
	if (ret < 0)
		return ret;
	if (pci)
		text = port->params.device[i];
	memcpy(port->device_args[i], text, strlen(text) + 1);
	for (unsigned p = 0; p < config->ports_n; p++)
		for (unsigned d = 0; d < config->ports[p].params.devices; d++)
			if (strcmp(config->ports[p].params.device[d], port->params.device[i]) == 0)
				return setting_fail(reader, setting,
					"device %s is port '%s's already; each device belongs to "
					"one port, once",
					port->params.device[i], config->ports[p].params.name);
	port->params.devices++;
	return 0;
}

static int read_devices(
	struct reader *reader, const config_setting_t *setting, struct config_port *port, bool pci)
{
	const char *name = config_setting_name(setting);
	int type = config_setting_type(setting), n, ret = 0;

	if (port->params.devices > 0)
		return setting_fail(reader, setting,
			"a port has 'vdev' or 'pci', this one has both; leave one out");
	port->pci = pci;
	if (type == CONFIG_TYPE_STRING)
		return add_device(reader, setting, port, pci);
	if (type != CONFIG_TYPE_ARRAY && type != CONFIG_TYPE_LIST)
		return setting_fail(reader, setting,
			"'%s' names devices; an array of strings [ \"...\" ] is wanted", name);
	n = config_setting_length(setting);
	if (n < 1 || n > PORT_DEVICES_MAX)
		return setting_fail(reader, setting, "'%s' has %d elements; 1 to %d are allowed",
			name, n, PORT_DEVICES_MAX);
	for (int i = 0; i < n && ret == 0; i++)
		ret = add_device(reader, config_setting_get_elem(setting, (unsigned)i), port, pci);
	return ret;
}

static int vdev(struct reader *reader, const config_setting_t *setting, void *object)
{
	return read_devices(reader, setting, object, false);
}

static int pci(struct reader *reader, const config_setting_t *setting, void *object)
{
	return read_devices(reader, setting, object, true);
}

// An earlier port with devices of its own.
static int parent(struct reader *reader, const config_setting_t *setting, void *object)
{
	const struct config *config = reader->config;
	struct config_port *port = object;
	char quoted[QUOTE_TEXT];
	const char *text;
	int ret = setting_string(reader, setting, &text);

	if (ret < 0)
		return ret;
	for (unsigned i = 0; &config->ports[i] != port; i++) {
		if (strcmp(config->ports[i].params.name, text) != 0)
			continue;
		if (config->ports[i].params.vlan.id != 0)
			return setting_fail(reader, setting,
				"port '%s' is a VLAN itself; one with devices of its own is wanted",
				text);
		port->params.vlan.trunk = (uint8_t)i;
		port->has_parent = true;
		return 0;
	}
	return setting_fail(reader, setting,
		"there is no port %s before this one; the name of an earlier port is wanted",
		quote(text, quoted));
}

static bool has_parent(const void *port)
{
	return ((const struct config_port *)port)->has_parent;
}

static bool has_devices(const void *port)
{
	return !has_parent(port);
}

static int priority(struct reader *reader, const config_setting_t *setting, void *object)
{
	struct config_port *port = object;
	char quoted[QUOTE_TEXT];
	const char *text;
	uint64_t value;
	int ret;

	if (setting_is_number(setting)) {
		ret = setting_number(reader, setting, 0, VLAN_PRIORITY_MAX, &value);
		port->params.vlan.priority = (uint8_t)value;
		return ret;
	}
	ret = setting_string(reader, setting, &text);
	if (ret < 0)
		return ret;
	if (strcmp(text, "dscp") != 0)
		return setting_fail(reader, setting,
			"'vlan_priority' is %s; \"dscp\" or 0 to %d is wanted", quote(text, quoted),
			VLAN_PRIORITY_MAX);
	port->params.vlan.priority = PORT_PRIORITY_DSCP;
	return 0;
}

static int queues(struct reader *reader, const config_setting_t *setting, void *object)
{
	struct config_port *port = object;
	char quoted[QUOTE_TEXT];
	uint64_t value;
	int ret;

	if (config_setting_type(setting) == CONFIG_TYPE_STRING) {
		const char *text = config_setting_get_string(setting);

		if (strcmp(text, "auto") == 0)
			return 0;
		return setting_fail(reader, setting,
			"'queues' is %s; \"auto\" or 1 to %d is wanted", quote(text, quoted),
			PORT_QUEUES_MAX);
	}
	ret = setting_number(reader, setting, 1, PORT_QUEUES_MAX, &value);
	if (ret < 0)
		return ret;
	if (port->params.bond.mode == PORT_BOND_NONE &&
		value * port->params.devices > PORT_QUEUES_MAX)
		return setting_fail(reader, setting,
			"%u devices with %u queues each; a port may have %d queues in all",
			port->params.devices, (unsigned)value, PORT_QUEUES_MAX);
	port->params.queues = (uint16_t)value;
	return 0;
}

void *port_element(struct reader *reader, void *object, unsigned i, unsigned n)
{
	struct config *config = object;

	(void)reader;
	(void)n;
	config->ports_n = i + 1;
	return &config->ports[i];
}

static int check_vlan(
	struct reader *reader, const config_setting_t *group, const struct config_port *port)
{
	const struct config *config = reader->config;
	const struct config_port *trunk = &config->ports[port->params.vlan.trunk];

	if (port->params.mtu > trunk->params.mtu)
		return setting_fail(reader, group,
			"'mtu' of port '%s' is %u; that of its parent '%s' is %u, and it can be no "
			"more",
			port->params.name, port->params.mtu, trunk->params.name, trunk->params.mtu);
	for (unsigned i = 0; &config->ports[i] != port; i++) {
		const struct port_vlan *earlier = &config->ports[i].params.vlan;

		if (earlier->id == port->params.vlan.id && config->ports[i].has_parent &&
			earlier->trunk == port->params.vlan.trunk)
			return setting_fail(reader, group,
				"VLAN %u of port '%s' is port '%s's already", earlier->id,
				trunk->params.name, config->ports[i].params.name);
	}
	if (port->params.side == trunk->params.side)
		return 0;
	for (unsigned i = 0; i < config->workers_n; i++)
		if (config->workers[i].role != WORKER_BOTH)
			return setting_fail(reader, group,
				"port '%s' has another side than its parent '%s'; then each of "
				"workers.roles has the role \"both\"",
				port->params.name, trunk->params.name);
	return 0;
}

static int port_finish(struct reader *reader, const config_setting_t *group, void *object)
{
	struct config_port *port = object;

	port->line = setting_line(group);
	if (port->has_parent)
		return check_vlan(reader, group, port);
	if (port->params.devices == 0)
		return setting_fail(reader, group,
			"port '%s' has no device; name one with 'vdev' or 'pci', or a 'parent' and "
			"a 'vlan' of it",
			port->params.name);
	if (port->params.bond.mode != PORT_BOND_NONE)
		return check_bond(reader, config_setting_get_member(group, "bond"), port);
	return 0;
}

static const struct setting_word side_words[] = {
	{"protected", PORT_PROTECTED}, {"unprotected", PORT_UNPROTECTED}, {NULL, 0}};

static const struct setting port_rows[] = {
	{.name = "name",
		.kind = SETTING_TEXT,
		FIELD(struct config_port, params.name),
		.required = true,
		.wrong = name_wrong},
	{.name = "side",
		.kind = SETTING_WORD,
		FIELD(struct config_port, params.side),
		.required = true,
		.words = side_words},
	{.name = "parent", .kind = SETTING_OTHER, .read = parent},
	{.name = "vlan",
		.kind = SETTING_NUMBER,
		FIELD(struct config_port, params.vlan.id),
		.required = true,
		.missing = "'vlan' is missing here: which of its parent's the port is",
		.min = 1,
		.max = PORT_VLANS - 2,
		.applies = has_parent,
		.otherwise = "takes a 'parent', the port whose VLAN it is"},
	{.name = "vlan_priority",
		.kind = SETTING_OTHER,
		.read = priority,
		.applies = has_parent,
		.otherwise = "takes a 'parent' and a 'vlan'"},
	{.name = "vdev",
		.kind = SETTING_OTHER,
		.read = vdev,
		.applies = has_devices,
		.otherwise = "and 'parent' exclude each other: a VLAN uses its parent's devices"},
	{.name = "pci",
		.kind = SETTING_OTHER,
		.read = pci,
		.applies = has_devices,
		.otherwise = "and 'parent' exclude each other: a VLAN uses its parent's devices"},
	{.name = "bond",
		.kind = SETTING_GROUP,
		FIELD(struct config_port, params.bond),
		.group = &bond_settings,
		.applies = has_devices,
		.otherwise = "and 'parent' exclude each other: a VLAN uses its parent's devices"},
	{.name = "mtu",
		.kind = SETTING_NUMBER,
		FIELD(struct config_port, params.mtu),
		.min = PORT_MTU_MIN,
		.max = PORT_MTU_MAX,
		.defaults = true,
		.fallback = 1500},
	{.name = "queues",
		.kind = SETTING_OTHER,
		.read = queues,
		.applies = has_devices,
		.otherwise = "is the parent's: a VLAN uses its queues"},
	{.name = "host_interface",
		.kind = SETTING_TEXT,
		FIELD(struct config_port, host_interface),
		.wrong = interface_wrong},
};
const struct settings port_settings = SETTINGS(port_rows, port_finish);

static int check_pair(
	struct reader *reader, const struct config_port *port, const struct config_port *earlier)
{
	char where[WHERE_TEXT];

	reader_where(reader, port->line, earlier->line, where);
	if (strcmp(port->params.name, earlier->params.name) == 0)
		return reader_fail(reader, port->line, EINVAL,
			"port name '%s' is taken (%s); names are unique", port->params.name, where);
	if (port->host_interface[0] && strcmp(port->host_interface, earlier->host_interface) == 0)
		return reader_fail(reader, port->line, EINVAL,
			"host_interface '%s' is port '%s's already (%s); each port has its own",
			port->host_interface, earlier->params.name, where);
	return 0;
}

int check_ports(struct reader *reader)
{
	const struct config *config = reader->config;
	bool side[2] = {false, false};
	int ret = 0;

	for (unsigned i = 0; i < config->ports_n && ret == 0; i++) {
		side[config->ports[i].params.side == PORT_UNPROTECTED] = true;
		for (unsigned k = 0; k < i && ret == 0; k++)
			ret = check_pair(reader, &config->ports[i], &config->ports[k]);
	}
	if (ret == 0 && !(side[0] && side[1]))
		ret = setting_fail(reader, config_setting_get_member(reader->root, "ports"),
			"there is no %s port; a gateway has at least one towards each side",
			side[0] ? "unprotected" : "protected");
	return ret;
}

static unsigned default_buffers(const struct config *config)
{
	unsigned devices = 0;

	for (unsigned i = 0; i < config->ports_n; i++)
		devices += config->ports[i].params.devices;
	return devices * BUFFERS_PER_DEVICE;
}

int check_buffers(struct reader *reader)
{
	struct config *config = reader->config;
	const config_setting_t *buffers = config_setting_get_member(reader->root, "buffers");
	const config_setting_t *octets =
		buffers ? config_setting_get_member(buffers, "octets") : NULL;
	const struct config_port *largest = &config->ports[0];
	unsigned needed;

	for (unsigned i = 1; i < config->ports_n; i++)
		if (config->ports[i].params.mtu > largest->params.mtu)
			largest = &config->ports[i];
	if (config->buffers.count == 0)
		config->buffers.count = default_buffers(config);
	needed = largest->params.mtu + BUFFER_OVERHEAD;
	if (config->buffers.octets >= needed)
		return 0;
	return reader_fail(reader, octets ? setting_line(octets) : largest->line, EINVAL,
		"buffers.octets is %u; port '%s' with mtu %u needs %u or more",
		config->buffers.octets, largest->params.name, largest->params.mtu, needed);
}
