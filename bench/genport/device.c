// A generator behind devices of DPDK's net_null, for any program that DPDK's shared libraries are
// linked to: LD_PRELOAD puts this file's functions before ethdev's of the same names. They let
// ethdev do its work and then enter our queues into its public table of fast-path functions. The
// devices then also say what a NIC's would: which checksums they verify and compute, and which
// headers they recognize.
#include "bench/genport/options.h"
#include "bench/genport/queue.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define QUEUES_MAX 16

#define EXPORTED __attribute__((visibility("default")))

struct device {
	const struct device_options *options; // NULL: not ours
	uint16_t rxqs;
	uint16_t txqs;
	bool running;
	bool whole_pool;
	struct rte_mempool *pool[QUEUES_MAX];
	struct rx_queue rx[QUEUES_MAX];
	struct tx_queue tx[QUEUES_MAX];
	void *rx_data[QUEUES_MAX];
	void *tx_data[QUEUES_MAX];
};

static struct device devices[RTE_MAX_ETHPORTS];

// Queues that have not measured everything yet.
static atomic_uint measuring;

// The function of that name that would have been called without us, into a pointer to function.
static void find_original(const char *name, void *function)
{
	void *found = dlsym(RTLD_NEXT, name);

	if (found == NULL) {
		fprintf(stderr, "genport: %s: %s\n", name, dlerror());
		abort();
	}
	memcpy(function, &found, sizeof(found));
}

// Declares a pointer to it.
#define ORIGINAL(pointer, function)      \
	__typeof__(function) *(pointer); \
	find_original(#function, &(pointer))

// NULL: a device that is left alone.
static struct device *device_of(uint16_t port)
{
	char name[RTE_ETH_NAME_MAX_LEN];
	struct device *device;

	if (port >= RTE_MAX_ETHPORTS || rte_eth_dev_get_name_by_port(port, name) != 0)
		return NULL;
	device = &devices[port];
	if (device->options == NULL)
		device->options = options_of_device(name);
	return device->options == NULL ? NULL : device;
}

EXPORTED int rte_eth_dev_info_get(uint16_t port, struct rte_eth_dev_info *info)
{
	ORIGINAL(next, rte_eth_dev_info_get);
	int rc = next(port, info);

	if (rc != 0 || device_of(port) == NULL)
		return rc;
	info->rx_offload_capa |= RTE_ETH_RX_OFFLOAD_CHECKSUM;
	info->tx_offload_capa |= RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	return 0;
}

EXPORTED int rte_eth_dev_get_supported_ptypes(uint16_t port, uint32_t mask, uint32_t *types, int n)
{
	static const uint32_t known[] = {RTE_PTYPE_L2_ETHER, RTE_PTYPE_L3_IPV4, RTE_PTYPE_L3_IPV6,
		RTE_PTYPE_L4_UDP, RTE_PTYPE_TUNNEL_ESP};
	ORIGINAL(next, rte_eth_dev_get_supported_ptypes);
	int found = 0;

	if (device_of(port) == NULL)
		return next(port, mask, types, n);
	for (unsigned i = 0; i < RTE_DIM(known); i++) {
		if ((known[i] & mask) == 0)
			continue;
		if (found < n)
			types[found] = known[i];
		found++;
	}
	return found;
}

EXPORTED int rte_eth_dev_configure(
	uint16_t port, uint16_t rxqs, uint16_t txqs, const struct rte_eth_conf *conf)
{
	ORIGINAL(next, rte_eth_dev_configure);
	struct device *device = device_of(port);

	if (device != NULL && (rxqs > QUEUES_MAX || txqs > QUEUES_MAX))
		return -EINVAL;
	if (device != NULL) {
		device->rxqs = rxqs;
		device->txqs = txqs;
		device->whole_pool = conf->txmode.offloads & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	}
	return next(port, rxqs, txqs, conf);
}

EXPORTED int rte_eth_rx_queue_setup(uint16_t port, uint16_t queue, uint16_t descriptors,
	unsigned socket, const struct rte_eth_rxconf *conf, struct rte_mempool *pool)
{
	ORIGINAL(next, rte_eth_rx_queue_setup);
	struct device *device = device_of(port);

	if (device != NULL && queue < QUEUES_MAX)
		device->pool[queue] = pool;
	return next(port, queue, descriptors, socket, conf, pool);
}

static void print_device(FILE *to, const struct device *device)
{
	fprintf(to, "{\"name\": \"%s\", \"rx\": [", device->options->name);
	for (uint16_t q = 0; q < device->rxqs; q++)
		rx_queue_print(&device->rx[q], q == 0 ? "" : ",", to);
	fputs("],\n \"tx\": [", to);
	for (uint16_t q = 0; q < device->txqs; q++)
		tx_queue_print(&device->tx[q], q == 0 ? "" : ",", to);
	fputs("]}", to);
}

// Complete under its name, or not there.
static void write_result(void)
{
	const char *file = options_result_file();
	char unfinished[PATH_MAX];
	const char *separator = "";
	FILE *to;

	snprintf(unfinished, sizeof(unfinished), "%s.part", file);
	to = fopen(unfinished, "we");
	if (to == NULL) {
		fprintf(stderr, "genport: %s: %s\n", unfinished, strerror(errno));
		return;
	}
	fprintf(to, "{\"tsc_hz\": %lu, \"devices\": [", rte_get_tsc_hz());
	for (unsigned port = 0; port < RTE_MAX_ETHPORTS; port++) {
		if (!devices[port].running)
			continue;
		fputs(separator, to);
		print_device(to, &devices[port]);
		separator = ",\n ";
	}
	fputs("]}\n", to);
	if (fclose(to) != 0 || rename(unfinished, file) != 0)
		fprintf(stderr, "genport: %s: %s\n", file, strerror(errno));
}

// A queue's thread, when it has measured all that it was asked to.
static void measured(void)
{
	if (atomic_fetch_sub(&measuring, 1) == 1)
		write_result();
}

static void stop_queues(struct device *device)
{
	for (uint16_t q = 0; q < QUEUES_MAX; q++) {
		rx_queue_stop(&device->rx[q]);
		tx_queue_stop(&device->tx[q]);
	}
	device->running = false;
}

static int start_queues(struct device *device, uint16_t port)
{
	struct stream_params stream = device->options->stream;
	struct rte_ether_addr mac;
	int rc = rte_eth_macaddr_get(port, &mac);

	memcpy(stream.mac, mac.addr_bytes, sizeof(stream.mac));
	stream.queues = device->rxqs;
	for (uint16_t q = 0; q < device->rxqs && rc == 0; q++) {
		device->rx[q] = (struct rx_queue){.pool = device->pool[q],
			.measured = measured,
			.ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD};
		device->rx_data[q] = &device->rx[q];
		rc = rx_queue_start(
			&device->rx[q], &stream, options_meter(), q, port, device->options->ring);
		measuring += rc == 0 && !device->rx[q].empty;
	}
	for (uint16_t q = 0; q < device->txqs && rc == 0; q++) {
		device->tx[q] = (struct tx_queue){0};
		device->tx_data[q] = &device->tx[q];
		rc = tx_queue_start(&device->tx[q], device->options->ring, device->whole_pool,
			device->options->captures);
	}
	device->running = true;
	if (rc != 0)
		stop_queues(device);
	return rc;
}

EXPORTED int rte_eth_dev_start(uint16_t port)
{
	ORIGINAL(next, rte_eth_dev_start);
	struct device *device = device_of(port);
	struct rte_eth_fp_ops *ops = &rte_eth_fp_ops[port];
	int rc = next(port);

	if (rc != 0 || device == NULL || device->running)
		return rc;
	rc = start_queues(device, port);
	if (rc != 0) {
		fprintf(stderr, "genport: port %u does not start: %s\n", port, strerror(-rc));
		return rc;
	}
	ops->rxq.data = device->rx_data;
	ops->txq.data = device->tx_data;
	ops->rx_pkt_burst = rx_queue_burst;
	ops->tx_pkt_burst = tx_queue_burst;
	return 0;
}

EXPORTED int rte_eth_dev_stop(uint16_t port)
{
	ORIGINAL(next, rte_eth_dev_stop);
	struct device *device = device_of(port);
	int rc = next(port); // from now on ethdev's own functions, which do nothing

	if (device != NULL && device->running)
		stop_queues(device);
	return rc;
}
