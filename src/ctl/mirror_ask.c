// What we ask of the kernel about neighbours: it sees no traffic of ours, so it would neither look
// for them nor keep them by itself. The answers come as changes.
#include "ctl/mirror_private.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

unsigned mirror_ifindex_of(const struct mirror *mirror, uint8_t port)
{
	for (unsigned i = 0; i < mirror->ports; i++)
		if (mirror->port[i].port == port)
			return mirror->port[i].ifindex;
	return 0;
}

struct request {
	uint16_t flags; // NLM_F_*
	uint16_t state; // NUD_*
	uint8_t use;	// NTF_*
	uint32_t extended;
	const struct rte_ether_addr *mac; // or NULL
};

static bool ask(
	struct mirror *mirror, uint8_t port, const struct ip_addr *addr, const struct request *what)
{
	char request[256] __attribute__((aligned(8)));
	struct nlmsghdr *message = mnl_nlmsg_put_header(request);
	struct ndmsg *ndm;

	message->nlmsg_type = RTM_NEWNEIGH;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | what->flags;
	ndm = mnl_nlmsg_put_extra_header(message, sizeof(*ndm));
	ndm->ndm_family = addr->family == IP_V4 ? AF_INET : AF_INET6;
	ndm->ndm_ifindex = (int)mirror_ifindex_of(mirror, port);
	ndm->ndm_state = what->state;
	ndm->ndm_flags = what->use;
	mnl_attr_put(message, NDA_DST, ip_addr_octets(addr->family), addr->octets);
	if (what->mac)
		mnl_attr_put(message, NDA_LLADDR, sizeof(*what->mac), what->mac);
	if (what->extended)
		mnl_attr_put_u32(message, NDA_FLAGS_EXT, what->extended);
	if (mirror->send(mirror->socket, message, message->nlmsg_len) >= 0)
		return true;
	mirror->stats.failures++;
	return false;
}

// NTF_USE: the kernel makes the entry where there is none and looks for the neighbour as if it had
// a packet for it. Managed ones it neither collects nor counts when its table is full, which takes
// the flag of what another program has learned. Without both flags neither is so any longer.
bool mirror_ask_use(struct mirror *mirror, uint8_t port, const struct ip_addr *addr, bool managed)
{
	const struct request use = {.state = NUD_NONE,
		.use = NTF_USE | (managed ? NTF_EXT_LEARNED : 0),
		.extended = managed ? NTF_EXT_MANAGED : 0};

	return ask(mirror, port, addr, &use);
}

bool mirror_ask_restore(struct mirror *mirror, const struct fwd_neighbour *n)
{
	const struct request restore = {.flags = NLM_F_EXCL, .state = NUD_STALE, .mac = &n->mac};

	return ask(mirror, n->port, &n->addr, &restore);
}

bool mirror_ask_permanent(struct mirror *mirror, const struct fwd_neighbour *n)
{
	const struct request permanent = {
		.flags = NLM_F_REPLACE, .state = NUD_PERMANENT, .mac = &n->mac};

	return ask(mirror, n->port, &n->addr, &permanent);
}

bool mirror_ask_refused(const struct mirror *mirror, const struct nlmsghdr *message, uint8_t *port,
	struct ip_addr *addr)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);
	size_t octets = mnl_nlmsg_get_payload_len(message);
	const struct nlattr *a[NDA_MAX + 1];
	const struct ndmsg *ndm;
	int found;

	if (octets < sizeof(*error) ||
		!mnl_nlmsg_ok(&error->msg, (int)(octets - offsetof(struct nlmsgerr, msg))) ||
		mnl_nlmsg_get_payload_len(&error->msg) < sizeof(*ndm) ||
		error->msg.nlmsg_type != RTM_NEWNEIGH)
		return false;
	ndm = mnl_nlmsg_get_payload(&error->msg);
	netlink_attributes(&error->msg, sizeof(*ndm), a, NDA_MAX);
	found = mirror_port_of(mirror, (unsigned)ndm->ndm_ifindex);
	*addr = netlink_addr(a[NDA_DST], ndm->ndm_family);
	// No room says nothing of whether it can be managed.
	if (error->error == 0 || error->error == -ENOBUFS || error->error == -ENOMEM ||
		!a[NDA_FLAGS_EXT] || found < 0 || addr->family == IP_NONE)
		return false;
	*port = (uint8_t)found;
	return true;
}
