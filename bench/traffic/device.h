// A DPDK port for measuring: queues, buffers, what it lost.
#pragma once

#include "base/error.h"

#include <rte_ethdev.h>
#include <stdbool.h>

#define DEVICE_FRAME_MAX (9600 + RTE_ETHER_HDR_LEN)

struct device {
	uint16_t id; // DPDK's
	char name[RTE_ETH_NAME_MAX_LEN];
	uint8_t mac[6];
	bool open;
	// Transmit buffers are written by us alone, and zero where nobody has written.
	struct rte_mempool *rx_pool;
	struct rte_mempool *tx_pool;
};

struct device_params {
	uint16_t queues;     // of each kind
	uint16_t frame_most; // octets without FCS
	bool offload;	     // IPv4 and UDP checksums are the port's to compute
};

// By DPDK's number or by name. 0 or -errno.
int device_find(const char *text, struct device *device, struct error *err);
int device_open(struct device *device, const struct device_params *params, struct error *err);
// Does nothing for one that is not open.
void device_close(struct device *device);
bool device_link_up(const struct device *device);
