// What follows from a tunnel's path MTU.
#include "ctl/tunnel_mtu.h"

#include "ctl/gateway.h"

// The headers of IP and TCP without options.
#define TCP_HEADERS_IPV4 40
#define TCP_HEADERS_IPV6 60

// What the other end sends comes by a tunnel that is much like the one to it.
static void set_mss(const struct config_tunnel *from, struct tunnel *tunnel, uint16_t path_mtu)
{
	const struct config_sa *sa = from->has_out ? &from->out : &from->in[0];
	uint16_t most;

	if (from->tcp_mss != CONFIG_TCP_MSS_TUNNEL) {
		tcp_mss_set(&tunnel->mss, from->tcp_mss, from->tcp_mss);
		return;
	}
	if (!from->has_out && from->in_n == 0)
		return;
	most = sa->params.proto->max_inner(from->local.family == IP_V6, path_mtu);
	tcp_mss_set(&tunnel->mss, (uint16_t)(most - TCP_HEADERS_IPV4),
		(uint16_t)(most - TCP_HEADERS_IPV6));
}

void tunnel_mtu_set(const struct gateway *gateway, struct tunnel *tunnel, uint16_t path_mtu)
{
	struct sa_out *sa = atomic_load_explicit(&tunnel->out, memory_order_acquire);

	tunnel->path_mtu = path_mtu;
	if (sa)
		sa_out_set_path_mtu(sa, path_mtu);
	set_mss(&gateway->config->tunnels[tunnel->index], tunnel, path_mtu);
}
