// A gateway on memory ports: the data plane's own code with one worker, one tunnel, rings in the
// place of NICs, and the peer's side of the tunnel to make packets that the gateway accepts.
#pragma once

#include "dataplane/dataplane.h"

// Who carries a packet. RIG_CLEAR: nobody, a policy lets it pass as it is.
enum rig_protocol { RIG_VPE, RIG_ESP, RIG_TUNNELS, RIG_CLEAR = RIG_TUNNELS, RIG_PROTOCOLS };

struct rig_tunnel {
	struct tunnel tunnel;
	struct sa *out;	      // of the gateway
	struct sa **in;	      // [rig.sas]
	struct sa_out **peer; // outbound SAs of the far side, whose packets `in` accepts
	unsigned used;	      // of them, a packet each at least
};

struct rig {
	struct dataplane *dp;
	struct worker *worker;
	struct rte_ring *rx[2]; // by enum port_side; the rig puts frames in
	struct rte_ring *tx[2]; // the gateway puts frames in
	struct rig_tunnel tunnel[RIG_TUNNELS];
	struct aead_table engines; // all, and the null engine
	struct aead_ctx *aead;	   // the peer's
	unsigned sas;		   // inbound, of each tunnel
	unsigned flows;
	unsigned hosts;
	unsigned train;
	unsigned flow; // of the next packet
};

struct rig_params {
	enum aead_algorithm algorithm;
	bool esn;
	const char *engine; // name, or "auto"; "null" encrypts nothing
	unsigned flows;
	unsigned hosts;	     // at each end, which the flows take in turn
	unsigned train;	     // flows that follow each other between the same hosts
	unsigned sas;	     // inbound ones of each tunnel; packets come by any of them
	unsigned burst;	     // packets that the worker takes at a time
	unsigned policies;   // in all; those before the last three match nothing here
	unsigned flow_cache; // flows that the worker has room for: a power of two, 0: none
};

// What is put into a receive ring: frames of UDP, the flows in turn.
struct rig_frames {
	enum rig_protocol protocol;
	enum port_side side; // PORT_PROTECTED: clear frames on their way to the far network;
			     // PORT_UNPROTECTED: the peer's packets around frames on their way back
	uint16_t frame_octets; // of the clear frame: Ethernet header included, no FCS
	uint16_t shift;	       // octets that a frame lies behind where a NIC would put it
};

#define RIG_SHIFT_MAX 63
#define RIG_MTU 1500
// Of the unprotected side: nothing is split, whatever a tunnel adds.
#define RIG_OUTER_MTU (RIG_MTU + 100)
#define RIG_SAS_MAX 65536
#define RIG_HOSTS_MAX 128
#define RIG_FRAME_MIN 60
#define RIG_FRAME_MAX (RIG_MTU + RTE_ETHER_HDR_LEN)
#define RIG_FLOW_CACHE 32768
#define RIG_PACKETS_MAX 4032 // on their way at once: a ring of 4096, less a burst

// EAL, once per process, with memory for so many SAs. 0 or -errno.
int rig_start_eal(bool huge, unsigned sas, struct error *err);
// Once per process: its devices have names. 0 or -errno.
int rig_create(const struct rig_params *params, struct rig **created, struct error *err);
void rig_destroy(struct rig *rig);

// Puts n of them into the receive ring of their side. 0 or -errno.
int rig_fill(struct rig *rig, const struct rig_frames *frames, unsigned n);
// Takes everything out of a side's transmit ring. Returns how many frames that were.
unsigned rig_drain(struct rig *rig, enum port_side side);
// Lets a packet come by each inbound SA, so that none is new any more. 0 or -errno.
int rig_use_all(struct rig *rig);
