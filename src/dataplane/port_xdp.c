// The driver's sockets, found among the process's, asked for their statistics.
#include "dataplane/port_xdp.h"

#include "base/log.h"
#include "base/open_sockets.h"

#include <linux/if_xdp.h>
#include <sys/socket.h>

struct search {
	struct port *port;
	const struct port *before;
	unsigned n;
};

static bool has(const struct port *port, int fd)
{
	for (unsigned i = 0; i < port->xdps; i++)
		if (port->xdp[i] == fd)
			return true;
	return false;
}

static int take(int fd, void *arg, struct error *err)
{
	struct search *search = arg;
	struct port *port = search->port;

	(void)err;
	for (unsigned i = 0; i < search->n; i++)
		if (has(&search->before[i], fd))
			return 0;
	if (port->xdps < PORT_QUEUES_MAX)
		port->xdp[port->xdps++] = fd;
	return 0;
}

void port_xdp_find(struct port *port, const struct port *before, unsigned n)
{
	struct search search = {.port = port, .before = before, .n = n};
	struct error err;

	port->xdps = 0;
	if (open_sockets(AF_XDP, take, &search, &err) < 0)
		log_warning("port %s: %s: what AF_XDP loses is not counted in full", port->name,
			err.text);
}

uint64_t port_xdp_ring_full(const struct port *port)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < port->xdps; i++) {
		struct xdp_statistics statistics = {0}; // a kernel before 5.9 fills less of it
		socklen_t octets = sizeof(statistics);

		if (getsockopt(port->xdp[i], SOL_XDP, XDP_STATISTICS, &statistics, &octets) == 0)
			sum += statistics.rx_ring_full;
	}
	return sum;
}
