// A port: one side of the gateway, made of one or more DPDK devices whose queues count as the
// port's own. Opened and closed by the control thread; workers see it as constant.
#pragma once

#include "base/error.h"

#include <rte_ether.h>
#include <rte_mempool.h>
#include <stdbool.h>
#include <stdint.h>

struct rte_eth_dev_info;

#define PORTS_MAX 16
#define PORT_NAME 16
#define PORT_QUEUES_MAX 64
#define PORT_DEVICES_MAX 16
#define PORT_DEVICE_NAME 64
#define PORT_MTU_MIN 1280
#define PORT_MTU_MAX 9600

// RFC 4301's words: clear traffic is behind protected ports, tunnels end on unprotected ones.
enum port_side { PORT_PROTECTED, PORT_UNPROTECTED };

#define PORT_VLANS 4096 // 802.1Q identifiers
#define PORT_VLAN_NONE UINT8_MAX
#define PORT_TAG_OCTETS 4
#define PORT_PRIORITY_DSCP UINT8_MAX

// What makes a port one VLAN of another port, its trunk.
struct port_vlan {
	uint16_t id;	  // 1 to 4094; 0: the port has devices of its own
	uint8_t trunk;	  // index of an earlier port
	uint8_t priority; // of frames that leave: 0 to 7, or PORT_PRIORITY_DSCP
};

// Who of several devices, the members, carries the traffic of the one that they are bonded to.
enum port_bond_mode {
	PORT_BOND_NONE,		 // each device is a port's own
	PORT_BOND_ACTIVE_BACKUP, // one, until its link goes
	PORT_BOND_BALANCE_XOR,	 // all that have a link, by a hash
	PORT_BOND_LACP,		 // all whose partner agrees (802.3ad), by a hash
};

// What the hash of frames that leave is made of.
enum port_bond_hash {
	PORT_BOND_LAYER2,  // MAC addresses
	PORT_BOND_LAYER23, // and IP addresses
	PORT_BOND_LAYER34, // IP addresses, and ports of TCP and UDP
};

struct port_bond {
	enum port_bond_mode mode;
	enum port_bond_hash hash;
};

struct port_params {
	char name[PORT_NAME];
	enum port_side side;
	uint16_t mtu;	 // IP octets
	uint16_t queues; // receive queues per device; 0: as many as workers poll this side
	struct port_vlan vlan;
	struct port_bond bond;
	uint16_t devices; // 0 with a VLAN; members of the bond, if there is one
	char device[PORT_DEVICES_MAX]
		   [PORT_DEVICE_NAME]; // EAL's names: "net_af_xdp0", "0000:3b:00.0"
};

// A hardware queue and the one worker that uses it.
struct port_queue {
	uint16_t device; // DPDK's port id
	uint16_t queue;
	uint16_t worker;
};

struct port {
	char name[PORT_NAME];
	enum port_side side;
	uint8_t index;
	uint16_t mtu;
	int socket; // NUMA
	struct rte_ether_addr mac;
	struct port_vlan vlan;
	const struct port *trunk; // whose devices and queues it uses; NULL: its own
	uint8_t *vlans;		  // [PORT_VLANS] of a trunk: indices of ports; NULL: it is none
	uint16_t devices;	  // one with a bond
	uint16_t device[PORT_DEVICES_MAX];
	enum port_bond_mode bond;
	uint16_t members; // of the bond, see port_bond.h
	uint16_t member[PORT_DEVICES_MAX];
	bool no_carrier; // control's own: what the devices are made of has no link
	uint16_t rxqs;
	uint16_t txqs;
	struct port_queue rxq[PORT_QUEUES_MAX];
	struct port_queue txq[PORT_QUEUES_MAX];
	unsigned xdps; // AF_XDP sockets of the devices, see port_xdp.h
	int xdp[PORT_QUEUES_MAX];
	bool steered; // a device hashes this side's traffic
	char rss[64]; // what steers packets to queues here, in words
};

// What the devices of a port lost, by their own account.
struct port_losses {
	uint64_t rx_missed;    // no descriptor or no time: the worker did not keep up
	uint64_t rx_no_buffer; // the pool was empty
	uint64_t rx_errors;
	uint64_t tx_errors;
};

// Finds the devices, configures and starts them with up to `rx` receive and `tx` transmit queues in
// all, fewer where the devices have fewer. Workers are assigned by the caller. 0 or -errno.
int port_open(struct port *port, const struct port_params *params, struct rte_mempool *pool,
	uint16_t rx, uint16_t tx, struct error *err);
// Makes a port one VLAN of a port that is open. 0 or -errno: -EEXIST the VLAN is another port's.
int port_open_vlan(
	struct port *port, const struct port_params *params, struct port *trunk, struct error *err);
// Stops and closes the devices.
void port_close(struct port *port);
void port_losses(const struct port *port, struct port_losses *losses);
// The largest MTU that DPDK accepts for a device. Virtual ones pass larger packets than that.
uint16_t port_device_mtu(const struct rte_eth_dev_info *info);
// Link of every device is up, as its driver and control see it; of a bond, that a member carries
// traffic; for a VLAN its trunk's.
bool port_link_up(const struct port *port);
