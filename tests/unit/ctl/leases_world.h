// A world for the leases: a disk that forgets, a journal on it, SAs with their lanes and windows,
// and a model of what was sent and delivered in all lives. The leases, the lanes and the windows
// are the program's; workers, peers, time and power are the test's.
#pragma once

#include "model_disk.h"

#include "ctl/leases.h"
#include "proto/lane.h"
#include "proto/proto.h"
#include "proto/window.h"

#define WORLD_PAGES 3
#define WORLD_WORKERS 2
#define WORLD_SAS 6
#define WORLD_WINDOWS 6
#define WORLD_KEYS 118 // registered; those that no SA has may end
#define WORLD_DELIVERED_SLOTS (1u << 21)

// What was done under one name, in all lives.
struct counter {
	uint64_t high; // of all numbers sent or delivered, plus one
	uint64_t peer; // inbound: the peer's next
};

// A key that no SA has, and what is known of its life.
struct spare_key {
	enum { KEY_ALIVE, KEY_ENDING, KEY_ENDED } state; // ending: the disk may have it or not
	uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS];
};

// A worker in the middle of a burst: it may use a limit that control has changed since.
struct open_burst {
	bool open;
	unsigned sa;
	struct lane_run run;
	// Inbound.
	unsigned window;
	uint64_t edge;
};

struct world {
	struct model_disk disk;
	struct model_disk found; // after a loss of power that is only tried
	struct random random;
	struct journal *journal;
	struct leases *leases;
	struct window_pool pool;
	void *pool_memory;
	struct sa *sa[WORLD_SAS];
	struct leases_group *group[WORLD_SAS];
	uint8_t fingerprint[WORLD_SAS][JOURNAL_FINGERPRINT_OCTETS];
	struct spare_key spare[WORLD_KEYS - WORLD_SAS];
	struct counter out[WORLD_SAS][WORLD_WORKERS];
	struct counter in[WORLD_SAS][WORLD_WINDOWS];
	struct open_burst burst;
	bool running;	// workers are
	uint64_t grace; // counts bursts that have ended
	uint64_t now_ns;
	uint64_t unix_s;
	uint64_t *delivered;		   // hash set of (SA, window, number)
	bool dead;			   // the journal was not to be opened any more
	uint64_t soft_blocks, hard_blocks; // of the next life's keys
	uint64_t violations;
	unsigned alarms[LEASES_KEY_SPENT + 1];
	uint64_t trials, crashes, stops, exchanges, ends, sent, got, refused;
};

// Losses of power that are tried at each moment of the disk.
#define WORLD_TRIES 2

// A formatted journal, registered keys, a first life.
void world_begin(struct world *w, enum missing_sync missing, uint64_t seed);
void world_end(struct world *w);
// Everything in memory is gone, the disk is as a loss of power leaves it; another life begins.
void world_lose_power(struct world *w);
// Workers end, what is left of the leases goes back; another life begins.
void world_stop_orderly(struct world *w);
// From now on workers do only what they are told, not something by chance at each write and sync.
void world_rest(struct world *w);
// An SA is taken away, while workers rest, and comes back.
void world_remove_sa(struct world *w, unsigned index);
void world_add_sa(struct world *w, unsigned index);
// An SA is taken away, and comes back with the same key while the daemon runs.
void world_exchange_sa(struct world *w, unsigned index);
// The life of a key is over.
void world_end_key(struct world *w);
void world_poll(struct world *w);

static inline bool world_is_out(unsigned sa)
{
	return sa < 3;
}

static inline const struct proto_ops *world_proto(unsigned sa)
{
	return sa % 3 == 0 ? &esp_ops : &vpe_ops;
}

// The SA's counter with this index, as the journal names it.
struct journal_name world_name(const struct world *w, unsigned sa, unsigned counter);

// What workers and peers do; leases_acts.c. None of it polls.
void act_send(struct world *w);
void act_receive(struct world *w);
void act_close_burst(struct world *w);
// As many packets of one worker as it has numbers for, at most so many.
void act_send_some(struct world *w, unsigned sa, unsigned worker, unsigned most);
// The peer's next number in this window.
void act_receive_one(struct world *w, unsigned sa, unsigned window);
