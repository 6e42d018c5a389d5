// The end of a packet that goes nowhere.
#include "dataplane/drop.h"

#include "dataplane/dataplane.h"
#include "proto/pkt.h"

void drop_free(struct rte_mbuf *m)
{
	pkt_unfence(m);
	rte_pktmbuf_free(m);
}

void drop_packet(struct worker *w, uint8_t port, enum drop_reason reason, struct rte_mbuf *m)
{
	counter_add(&w->stats.port[port].drops[reason], 1);
	drop_free(m);
}

void drop_by_control(
	struct dataplane *dp, uint8_t port, enum drop_reason reason, struct rte_mbuf *m)
{
	counter_add(&dp->control_drops[port][reason], 1);
	rte_pktmbuf_free(m);
}
