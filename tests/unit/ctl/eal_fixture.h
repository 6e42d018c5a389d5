// DPDK for tests that need mbufs: no huge pages, no devices, one lcore.
#pragma once

#include <rte_mbuf.h>

// EAL and a pool of n buffers; NULL: not possible.
struct rte_mempool *eal_fixture_pool(unsigned n, uint16_t private_octets, uint16_t octets);
