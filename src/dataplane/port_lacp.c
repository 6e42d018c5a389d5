// A file of its own: DPDK's header has a struct port_params too.
#include "dataplane/port_lacp.h"

#include <rte_eth_bond_8023ad.h>

bool port_lacp_distributes(uint16_t bond, uint16_t member)
{
	struct rte_eth_bond_8023ad_slave_info info;

	return rte_eth_bond_8023ad_slave_info(bond, member, &info) == 0 &&
		(info.actor_state & STATE_DISTRIBUTING) != 0;
}
