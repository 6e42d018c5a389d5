// Host interfaces over /dev/net/tun, one plain file descriptor each in the control thread's loop.
#include "ctl/host_if.h"

#include "base/log.h"
#include "ctl/sysctl.h"
#include "dataplane/punt.h"

// Before the kernel's own headers, which make way for it.
#include <net/if.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <linux/if_arp.h>
#include <linux/if_tun.h>
#include <rte_ether.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define TUN_DEVICE "/dev/net/tun"
#define FRAMES_PER_EVENT 64

struct host_if {
	struct dataplane *dp;
	const struct port *port;
	int fd;
	unsigned ifindex;
	char name[IFNAMSIZ];
	struct event *readable;
	struct host_if_stats stats;
};

static int open_tap(struct host_if *h, struct error *err)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | (short)IFF_TUN_EXCL};
	int ret;

	h->fd = open(TUN_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (h->fd < 0) {
		ret = errno;
		return error_set(err, ret,
			"host interface %s: " TUN_DEVICE ": %s; the kernel needs its tun driver",
			h->name, strerror(ret));
	}
	memcpy(request.ifr_name, h->name, sizeof(request.ifr_name));
	if (ioctl(h->fd, TUNSETIFF, &request) == 0) {
		memcpy(h->name, request.ifr_name, sizeof(h->name));
		h->ifindex = if_nametoindex(h->name);
		return 0;
	}
	ret = errno;
	if (ret == EBUSY || ret == EINVAL)
		return error_set(err, EEXIST,
			"host interface %s: the name is taken by another interface or not allowed; "
			"choose another, or stop its owner",
			h->name);
	if (ret == EPERM || ret == EACCES)
		return error_set(err, EPERM, "host interface %s: %s; it needs CAP_NET_ADMIN",
			h->name, strerror(ret));
	return error_set(err, ret, "host interface %s: TUNSETIFF: %s", h->name, strerror(ret));
}

static int set_up(const struct host_if *h, struct error *err)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const char *what = "socket";
	struct ifreq request = {.ifr_name = ""};
	int ret = 0;

	memcpy(request.ifr_name, h->name, sizeof(request.ifr_name));
	if (fd < 0)
		goto failed;
	what = "MAC address";
	request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(request.ifr_hwaddr.sa_data, &h->port->mac, sizeof(h->port->mac));
	if (ioctl(fd, SIOCSIFHWADDR, &request) < 0)
		goto failed;
	what = "MTU";
	request.ifr_mtu = h->port->mtu;
	if (ioctl(fd, SIOCSIFMTU, &request) < 0)
		goto failed;
	what = "bringing it up";
	if (ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		goto failed;
	request.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		goto failed;
	goto out;
failed:
	ret = errno;
	error_set(err, ret, "host interface %s: %s: %s", h->name, what, strerror(ret));
	ret = -ret;
out:
	if (fd >= 0)
		close(fd);
	return ret;
}

// Takes a frame out of the queue when there is nowhere to put it.
static bool discard(struct host_if *h)
{
	char octet;

	if (read(h->fd, &octet, 1) < 0)
		return false;
	h->stats.no_buffer++;
	return true;
}

// false: nothing waits any more.
static bool read_frame(struct host_if *h)
{
	size_t longest = RTE_ETHER_HDR_LEN + (size_t)h->port->mtu;
	struct rte_mbuf *m = inject_alloc(h->dp);
	size_t room;
	ssize_t n;

	if (!m)
		return discard(h);
	// One octet more than allowed tells a frame that was cut from one that fits.
	room = rte_pktmbuf_tailroom(m);
	if (room > longest + 1)
		room = longest + 1;
	n = read(h->fd, rte_pktmbuf_mtod(m, void *), room);
	if (n < RTE_ETHER_HDR_LEN || (size_t)n == room) {
		rte_pktmbuf_free(m);
		h->stats.too_long += n >= RTE_ETHER_HDR_LEN;
		return n >= 0;
	}
	m->data_len = (uint16_t)n;
	m->pkt_len = (uint32_t)n;
	if (inject(h->dp, m, META_FRAME, h->port->index)) {
		h->stats.from_kernel_frames++;
		h->stats.from_kernel_octets += (uint64_t)n;
	} else {
		h->stats.inject_full++;
	}
	return true;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct host_if *h = arg;
	unsigned n = 0;

	(void)fd;
	(void)what;
	while (n < FRAMES_PER_EVENT && read_frame(h))
		n++;
	// What cannot come back would wake us without end.
	if (n < FRAMES_PER_EVENT && errno == EBADFD) {
		log_error("host interface %s was deleted; port %s is cut off from the kernel until "
			  "a restart",
			h->name, h->port->name);
		event_del(h->readable);
	}
}

int host_if_create(struct event_base *events, struct dataplane *dp, const struct port *port,
	const char *name, struct host_if **created, struct error *err)
{
	struct host_if *h = calloc(1, sizeof(*h));
	int ret;

	if (!h)
		return error_set(err, ENOMEM, "host interface %s: no memory", name);
	h->fd = -1;
	h->dp = dp;
	h->port = port;
	if (strlen(name) >= sizeof(h->name)) {
		ret = error_set(err, EINVAL, "host interface %s: at most %zu characters", name,
			sizeof(h->name) - 1);
		goto failed;
	}
	memcpy(h->name, name, strlen(name));
	ret = open_tap(h, err);
	if (ret < 0)
		goto failed;
	sysctl_close_interface(h->name);
	if (port->side == PORT_UNPROTECTED)
		sysctl_hide_addresses(h->name);
	else
		sysctl_accept_tunnelled(h->name);
	sysctl_watch_neighbours(h->name);
	ret = set_up(h, err);
	if (ret < 0)
		goto failed;
	h->readable = event_new(events, h->fd, EV_READ | EV_PERSIST, on_readable, h);
	if (!h->readable || event_add(h->readable, NULL) < 0) {
		ret = error_set(err, ENOMEM, "host interface %s: no memory", name);
		goto failed;
	}
	*created = h;
	return 0;
failed:
	host_if_destroy(h);
	return ret;
}

void host_if_destroy(struct host_if *h)
{
	if (!h)
		return;
	if (h->readable)
		event_free(h->readable);
	if (h->fd >= 0)
		close(h->fd);
	free(h);
}

void host_if_write(struct host_if *h, struct rte_mbuf *m)
{
	ssize_t n = -1;

	if (m->nb_segs == 1)
		n = write(h->fd, rte_pktmbuf_mtod(m, const void *), m->data_len);
	if (n == m->data_len) {
		h->stats.to_kernel_frames++;
		h->stats.to_kernel_octets += m->data_len;
	} else {
		h->stats.write_failed++;
	}
	rte_pktmbuf_free(m);
}

const char *host_if_name(const struct host_if *h)
{
	return h->name;
}

unsigned host_if_ifindex(const struct host_if *h)
{
	return h->ifindex;
}

const struct host_if_stats *host_if_stats(const struct host_if *h)
{
	return &h->stats;
}
