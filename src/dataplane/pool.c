// A pool of packet buffers: rte_pktmbuf_pool_create with a choice of flags.
#include "dataplane/pool.h"

#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>

#define POOL_CACHE 256

// Virtual devices do not care for bus addresses, so there buffers may lie across pages: net_af_xdp
// (22.11) takes the pool's memory for as long as all buffers side by side and loses those that lie
// behind that, until it receives nothing any more.
struct rte_mempool *pool_create(const char *name, unsigned buffers, unsigned buffer_octets,
	uint16_t private_octets, bool virtual_devices)
{
	unsigned element = sizeof(struct rte_mbuf) + private_octets + buffer_octets;
	struct rte_pktmbuf_pool_private layout = {
		.mbuf_data_room_size = (uint16_t)buffer_octets,
		.mbuf_priv_size = private_octets,
	};
	struct rte_mempool *pool = rte_mempool_create_empty(name, buffers, element, POOL_CACHE,
		sizeof(layout), SOCKET_ID_ANY, virtual_devices ? RTE_MEMPOOL_F_NO_IOVA_CONTIG : 0);

	if (pool == NULL)
		return NULL;
	if (rte_mempool_set_ops_byname(pool, rte_mbuf_best_mempool_ops(), NULL) != 0)
		goto failed;
	rte_pktmbuf_pool_init(pool, &layout);
	if (rte_mempool_populate_default(pool) < 0)
		goto failed;
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	return pool;
failed:
	rte_mempool_free(pool);
	return NULL;
}
