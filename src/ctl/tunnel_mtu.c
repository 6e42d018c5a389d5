// What follows from a tunnel's path MTU.
#include "ctl/tunnel_mtu.h"

#include "ctl/config.h"

// The headers of IP and TCP without options.
#define TCP_HEADERS_IPV4 40
#define TCP_HEADERS_IPV6 60

// What the other end sends comes by a tunnel that is much like the one to it.
static void set_mss(struct tunnel *tunnel, uint16_t path_mtu)
{
	uint16_t most;

	if (tunnel->tcp_mss != CONFIG_TCP_MSS_TUNNEL) {
		tcp_mss_set(&tunnel->mss, tunnel->tcp_mss, tunnel->tcp_mss);
		return;
	}
	if (!tunnel->proto)
		return;
	most = tunnel->proto->max_inner(tunnel->local.family == IP_V6, path_mtu);
	tcp_mss_set(&tunnel->mss, (uint16_t)(most - TCP_HEADERS_IPV4),
		(uint16_t)(most - TCP_HEADERS_IPV6));
}

uint16_t tunnel_mtu_least(const struct tunnel *tunnel)
{
	const struct tunnel_limits *limits = &tunnel->limits;
	uint16_t least = limits->configured < limits->link ? limits->configured : limits->link;

	return limits->learned < least ? limits->learned : least;
}

void tunnel_mtu_apply(struct tunnel *tunnel)
{
	struct sa_out *sa = atomic_load_explicit(&tunnel->out, memory_order_acquire);

	tunnel->path_mtu = tunnel_mtu_least(tunnel);
	if (sa)
		sa_out_set_path_mtu(sa, tunnel->path_mtu);
	set_mss(tunnel, tunnel->path_mtu);
}
