// The configuration file (libconfig) as the program wants it: strict, complete, checked against
// itself. Whoever loads it gets all of it or an error that says file, line, what is wrong and what
// would be right.
#pragma once

#include "base/error.h"
#include "crypto/aead.h"
#include "crypto/fingerprint.h"
#include "ctl/listen.h"
#include "ctl/name_index.h"
#include "dataplane/flow.h"
#include "dataplane/fwd.h"
#include "dataplane/port.h"
#include "dataplane/sadb.h"
#include "dataplane/spd.h"
#include "dataplane/stats.h"
#include "dataplane/worker_params.h"
#include "proto/proto.h"

#define CONFIG_LCORES 256
#define CONFIG_HOST_INTERFACE 16 // IFNAMSIZ
#define CONFIG_TUNNEL_INBOUND_MAX 8
#define CONFIG_CHECK_TUNNELS 4 // that are new or changed; among more all are checked
#define CONFIG_PROBE_ROUTES_MAX 16
#define CONFIG_TCP_MSS_TUNNEL UINT16_MAX // what fits the tunnel

struct config_eal {
	bool huge;		    // huge pages, else ordinary memory
	unsigned memory_mb;	    // that DPDK may use
	unsigned simd_bits;	    // widest vectors that DPDK may use; 0: as it likes
	bool telemetry;		    // DPDK's telemetry socket
	char lcores[CONFIG_LCORES]; // EAL's --lcores: "0@0,1@1"; empty: made from the workers
};

struct config_buffers {
	unsigned count;
	unsigned octets; // data room of one, headroom included
};

struct config_port {
	struct port_params params;
	bool has_parent;			 // it is a VLAN of params.vlan.trunk
	bool pci;				 // devices are PCI addresses, else virtual devices
	char device_args[PORT_DEVICES_MAX][256]; // vdev: "net_af_xdp0,iface=eth1"
	char host_interface[CONFIG_HOST_INTERFACE]; // empty: none
	unsigned line;
};

// What an SA may be used for; 0: no limit.
struct config_limits {
	uint64_t seconds;
	uint64_t octets; // inner
	uint64_t packets;
};

// An SA of a tunnel. The key is in secret memory, owned by the configuration.
struct config_sa {
	struct sa_params params; // first is not set
	bool inbound;
	uint16_t owner;
	uint8_t *key;		   // aead_key_octets(params.algorithm); NULL: forgotten
	struct sa *live;	   // what it became
	struct config_limits soft; // then its end is announced
	struct config_limits hard; // then it ends
	uint8_t fingerprint[FINGERPRINT_OCTETS];
	unsigned line;
};

// Who an object belongs to: the configuration file, whoever asked at the control socket without a
// name, or an index into the gateway's table of owners.
#define OWNER_FILE 0
#define OWNER_OPERATOR 1

// A route of the kernel's that is there unless the tunnel is down.
struct config_route {
	struct ip_prefix prefix;
	struct ip_addr via; // of the same family
	uint32_t metric;    // 0: the kernel's own choice
};

// How a tunnel's liveness is found out. All zero: it is not. Compared as octets.
struct config_probe {
	struct ip_addr peer;  // inner addresses, of one family: the other gateway's,
	struct ip_addr local; // and ours
	uint32_t interval_ms;
	uint8_t misses;	 // in a row, and it is down
	uint8_t answers; // in a row, and it is up again
	uint8_t routes_n;
	struct config_route route[CONFIG_PROBE_ROUTES_MAX];
};

struct config_tunnel {
	char name[TUNNEL_NAME];
	uint16_t owner;
	struct tunnel *live; // what it became
	struct ip_addr local;
	struct ip_addr remote;
	unsigned port;	  // index into ports; an unprotected one
	uint16_t mtu;	  // octets of the largest outer packet
	uint16_t tcp_mss; // 0: off; or CONFIG_TCP_MSS_TUNNEL
	struct outer_class class;
	bool pmtu_discovery; // believe routers on the way about the path MTU
	struct config_probe probe;
	bool has_out;
	struct config_sa out;
	unsigned in_n;
	struct config_sa in[CONFIG_TUNNEL_INBOUND_MAX];
	unsigned line;
};

struct config_policy {
	char name[POLICY_NAME];
	uint16_t owner;
	bool withdrawn; // its owner started anew: what it protected is discarded until it is back
	uint64_t hits;	// before the table of now was built
	struct selector selector;
	enum policy_action action;
	unsigned tunnel; // index into tunnels, of POLICY_PROTECT
	unsigned line;
};

struct config_neighbour {
	struct fwd_neighbour entry;
	unsigned line;
};

// ICMP errors that the gateway sends.
struct config_icmp {
	bool policy_refusal; // about packets from the protected side that a policy refuses
	unsigned rate;	     // to one sender: a second
	unsigned burst;	     // at once
	unsigned total_rate; // to all
	unsigned total_burst;
};

struct config_journal {
	char file[108];
	bool unsafe; // on any file system
};

// Metrics over HTTP.
struct config_metrics {
	char listen[LISTEN_TEXT]; // ctl/listen.h; empty: nowhere
	bool beyond_this_host;	  // an address that others can reach is meant
};

struct config {
	char file[4096]; // that it was read from
	struct config_eal eal;
	struct config_buffers buffers;
	unsigned replay_pool_kb; // memory for replay windows
	struct config_icmp icmp;
	struct config_journal journal;
	struct config_metrics metrics;
	char socket[108];	// of the control socket
	char admin_socket[108]; // of the one that changes things; not given: made of socket
	bool host_guard;	// install it at start
	uint32_t punt_per_second[PUNT_CLASS_COUNT]; // of each worker, by class
	char crypto[32];			    // engine, or "auto"
	unsigned burst;
	unsigned flows; // that each worker remembers; 0: none
	enum worker_idle idle;
	unsigned workers_n;
	struct worker_params workers[WORKERS_MAX];
	unsigned ports_n;
	struct config_port ports[PORTS_MAX];
	unsigned tunnels_n;
	struct config_tunnel *tunnels;
	struct name_index tunnel_names;
	unsigned policies_n;
	struct config_policy *policies;
	struct name_index policy_names;
	unsigned neighbours_n;
	struct config_neighbour *neighbours;
};

// As the file has it. NULL: there is no bond.
const char *bond_mode_name(enum port_bond_mode mode);

// Reads and checks file. protos: the protocols that "protocol" may name; engines: what "crypto" may
// name. 0 or -errno with err filled: "FILE:LINE: ...". Secrets are never part of err.
int config_load(const char *file, const struct proto_table *protos,
	const struct aead_table *engines, struct config **loaded, struct error *err);
// NULL: there is none.
struct config_tunnel *config_find_tunnel(struct config *config, const char *name);
// Its place; policies_n: there is none.
unsigned config_find_policy(struct config *config, const char *name);
// Wipes keys and salts, and gives the keys' memory back: when the SAs are made, nobody needs them.
void config_forget_keys(struct config *config);
// Wipes the keys. NULL is fine.
void config_free(struct config *config);
