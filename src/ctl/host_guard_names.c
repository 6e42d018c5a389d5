// Which of the kernel's interfaces a configuration stands on: host interfaces by their name,
// devices by what DPDK's drivers are told.
#include "ctl/config.h"
#include "ctl/host_guard.h"

#include <dirent.h>
#include <errno.h>
#include <rte_kvargs.h>
#include <stdio.h>
#include <string.h>

// Arguments by which drivers name an interface of the kernel.
static const char *const interface_keys[] = {
	"iface", "rx_iface", "rx_iface_in", "tx_iface", "remote", NULL};

// Drivers whose "iface" is an interface that they make, with the host's own traffic behind it.
static const char *const makers[] = {"net_tap", "net_tun", "net_virtio_user", NULL};

struct port_names {
	struct host_guard_names *names;
	const char *port;
	bool maker;
	unsigned found;
	int ret;
	struct error *err;
};

static bool starts_with_any(const char *text, const char *const *prefix)
{
	while (*prefix && strncmp(text, *prefix, strlen(*prefix)) != 0)
		prefix++;
	return *prefix != NULL;
}

// nft(8) reads '*' and quotation marks in names as its own.
bool host_guard_is_plain(const char *name)
{
	return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") ==
		strlen(name);
}

static int add(struct host_guard_names *names, const char *port, const char *name, bool device,
	struct error *err)
{
	struct host_guard_name *added = &names->name[names->n];

	if (name[0] == '\0' || strlen(name) >= sizeof(added->name) || !host_guard_is_plain(name))
		return error_set(err, EINVAL,
			"host guard: port %s: interface name \"%.64s\": up to %zu letters, digits, "
			"'_', '.' and '-' are allowed",
			port, name, sizeof(added->name) - 1);
	for (unsigned i = 0; i < names->n; i++) {
		if (strcmp(names->name[i].name, name) != 0)
			continue;
		if (names->name[i].device == device)
			return 0;
		return error_set(err, EEXIST,
			"host guard: port %s: %s is both a host interface and what a port is made "
			"of; vped makes host interfaces, under names of their own",
			port, name);
	}
	if (names->n == HOST_GUARD_NAMES)
		return error_set(
			err, E2BIG, "host guard: more than %d interfaces", HOST_GUARD_NAMES);
	memcpy(added->name, name, strlen(name) + 1);
	if (names->n == 0)
		memcpy(names->first, added->name, sizeof(names->first));
	added->device = device;
	names->n++;
	return 0;
}

static int on_argument(const char *key, const char *value, void *opaque)
{
	struct port_names *port = opaque;
	bool made = port->maker && strcmp(key, "iface") == 0;

	port->found++;
	// The kernel forwards there from the TAP, unmarked.
	if (strcmp(key, "remote") == 0) {
		port->ret = error_set(port->err, EINVAL,
			"host guard: port %s: what a TAP redirects to remote=%.32s is dropped; "
			"take net_af_packet for that interface",
			port->port, value ? value : "");
		return port->ret;
	}
	port->ret = add(port->names, port->port, value ? value : "", !made, port->err);
	return port->ret;
}

static int add_virtual(struct port_names *port, const char *args)
{
	const char *comma = strchr(args, ',');
	struct rte_kvargs *parsed;

	port->maker = starts_with_any(args, makers);
	port->found = 0;
	port->ret = 0;
	parsed = comma ? rte_kvargs_parse(comma + 1, NULL) : NULL;
	for (unsigned i = 0; parsed && interface_keys[i] && port->ret == 0; i++)
		rte_kvargs_process(parsed, interface_keys[i], on_argument, port);
	rte_kvargs_free(parsed);
	if (port->ret == 0 && port->maker && port->found == 0)
		return error_set(port->err, EINVAL,
			"host guard: port %s: name the interface that device \"%.64s\" makes, with "
			"iface=NAME",
			port->port, args);
	return port->ret;
}

// Some drivers (mlx5) leave the device to the kernel as well.
static int add_pci(struct port_names *port, const char *address)
{
	const struct dirent *entry;
	char path[96];
	DIR *netdevs;
	int ret = 0;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%.32s/net", address);
	netdevs = opendir(path);
	if (!netdevs)
		return 0;
	while (ret == 0 && (entry = readdir(netdevs)) != NULL)
		if (entry->d_name[0] != '.')
			ret = add(port->names, port->port, entry->d_name, true, port->err);
	closedir(netdevs);
	return ret;
}

int host_guard_collect(
	const struct config *config, struct host_guard_names *names, struct error *err)
{
	int ret = 0;

	names->n = 0;
	for (unsigned i = 0; i < config->ports_n && ret == 0; i++) {
		const struct config_port *port = &config->ports[i];
		struct port_names found = {.names = names, .port = port->params.name, .err = err};

		if (port->host_interface[0] != '\0')
			ret = add(names, port->params.name, port->host_interface, false, err);
		for (unsigned k = 0; k < port->params.devices && ret == 0; k++)
			ret = port->pci ? add_pci(&found, port->device_args[k])
					: add_virtual(&found, port->device_args[k]);
	}
	return ret;
}
