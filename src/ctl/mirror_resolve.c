// Asking the kernel for neighbours: it sees no traffic of ours, so it would not look for them by
// itself.
#include "ctl/mirror_private.h"

#include "ctl/limiter.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

static unsigned ifindex_of(const struct mirror *mirror, uint8_t port)
{
	for (unsigned i = 0; i < mirror->ports; i++)
		if (mirror->port[i].port == port)
			return mirror->port[i].ifindex;
	return 0;
}

// NTF_USE: the kernel makes the entry where there is none and looks for the neighbour as if it had
// a packet for it.
static bool ask(const struct mirror *mirror, unsigned ifindex, const struct ip_addr *addr)
{
	char request[256] __attribute__((aligned(8)));
	struct nlmsghdr *message = mnl_nlmsg_put_header(request);
	struct ndmsg *ndm;

	message->nlmsg_type = RTM_NEWNEIGH;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE;
	ndm = mnl_nlmsg_put_extra_header(message, sizeof(*ndm));
	ndm->ndm_family = addr->family == IP_V4 ? AF_INET : AF_INET6;
	ndm->ndm_ifindex = (int)ifindex;
	ndm->ndm_state = NUD_NONE;
	ndm->ndm_flags = NTF_USE;
	mnl_attr_put(message, NDA_DST, ip_addr_octets(addr->family), addr->octets);
	return mnl_socket_sendto(mirror->socket, message, message->nlmsg_len) >= 0;
}

bool mirror_resolve(struct mirror *mirror, uint8_t port, const struct ip_addr *addr)
{
	unsigned ifindex = ifindex_of(mirror, port);

	if (ifindex == 0 || addr->family == IP_NONE || ip_addr_is_multicast(addr))
		return false;
	if (!limiter_take(mirror->resolves, addr, port, limiter_now_ms())) {
		mirror->stats.resolves_limited++;
		return true;
	}
	if (ask(mirror, ifindex, addr))
		mirror->stats.resolves++;
	else
		mirror->stats.failures++;
	return true;
}
