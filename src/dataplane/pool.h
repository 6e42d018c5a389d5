// A pool of packet buffers that every driver can live with.
#pragma once

#include <rte_mempool.h>
#include <stdbool.h>
#include <stdint.h>

// buffer_octets: headroom included. virtual_devices: for those alone. NULL without memory.
struct rte_mempool *pool_create(const char *name, unsigned buffers, unsigned buffer_octets,
	uint16_t private_octets, bool virtual_devices);
