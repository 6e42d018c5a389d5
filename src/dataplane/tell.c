// Handing packets over whose senders are told something.
#include "dataplane/tell.h"

#include "dataplane/punt.h"

void tell_sender(struct worker *w, struct rte_mbuf *m, const struct packet *packet,
	enum forward_origin origin, enum drop_reason reason, uint16_t mtu)
{
	*meta_of(m) = (struct meta){
		.origin = (uint8_t)origin, .reason = (uint16_t)reason, .tunnel = packet->tunnel};
	punt_tell(w, packet->port, m, mtu);
}

void tell_drop(struct worker *w, struct rte_mbuf *m, const struct packet *packet,
	enum forward_origin origin, enum drop_reason reason, uint16_t mtu)
{
	counter_add(&w->stats.port[packet->port].drops[reason], 1);
	tell_sender(w, m, packet, origin, reason, mtu);
}
