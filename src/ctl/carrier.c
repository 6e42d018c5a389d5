// Flags of network interfaces.
#include "ctl/carrier.h"

#include <errno.h>
#include <net/if.h>
#include <rte_kvargs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct carrier {
	int fd;
	bool bonded[PORTS_MAX]; // one link is enough
	unsigned n[PORTS_MAX];
	unsigned ifindex[PORTS_MAX][PORT_DEVICES_MAX];
};

static int on_interface(const char *key, const char *name, void *ifindex)
{
	(void)key;
	*(unsigned *)ifindex = name ? if_nametoindex(name) : 0;
	return 0;
}

// 0: the device is made of none, or its name is not known here.
static unsigned interface_of(const char *args)
{
	const char *comma = strchr(args, ',');
	struct rte_kvargs *parsed = comma ? rte_kvargs_parse(comma + 1, NULL) : NULL;
	unsigned ifindex = 0;

	if (parsed)
		rte_kvargs_process(parsed, "iface", on_interface, &ifindex);
	rte_kvargs_free(parsed);
	return ifindex;
}

int carrier_create(const struct config *config, struct carrier **created)
{
	struct carrier *carrier = calloc(1, sizeof(*carrier));
	int ret;

	if (!carrier)
		return -ENOMEM;
	carrier->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (carrier->fd < 0) {
		ret = -errno;
		free(carrier);
		return ret;
	}
	for (unsigned i = 0; i < config->ports_n; i++) {
		const struct config_port *port = &config->ports[i];

		carrier->bonded[i] = port->params.bond.mode != PORT_BOND_NONE;
		for (unsigned k = 0; k < port->params.devices && !port->pci; k++) {
			unsigned ifindex = interface_of(port->device_args[k]);

			if (ifindex != 0)
				carrier->ifindex[i][carrier->n[i]++] = ifindex;
		}
	}
	*created = carrier;
	return 0;
}

void carrier_destroy(struct carrier *carrier)
{
	if (!carrier)
		return;
	close(carrier->fd);
	free(carrier);
}

static bool has_link(const struct carrier *carrier, unsigned ifindex)
{
	struct ifreq request = {.ifr_ifindex = (int)ifindex};

	return ioctl(carrier->fd, SIOCGIFNAME, &request) == 0 &&
		ioctl(carrier->fd, SIOCGIFFLAGS, &request) == 0 && request.ifr_flags & IFF_UP &&
		request.ifr_flags & IFF_RUNNING;
}

bool carrier_is_there(const struct carrier *carrier, unsigned port)
{
	unsigned n = carrier->n[port];
	unsigned links = 0;

	for (unsigned i = 0; i < n; i++)
		links += has_link(carrier, carrier->ifindex[port][i]);
	return links == n || (carrier->bonded[port] && links > 0);
}
